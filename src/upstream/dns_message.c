/* SPDX-License-Identifier: ISC */
#include "upstream/dns_message.h"

#include <errno.h>
#include <string.h>

enum {
	CNAMES_MAX = 16,
	/* Pointers in one name: no server writes more than a few. */
	POINTERS_MAX = 64,
	HEADER_BYTES = 12,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	CLASS_IN = 1,
	RCODE_NXDOMAIN = 3,
	FLAG_ANSWER = 0x8000,
	FLAG_CUT = 0x0200,
	MASK_OPCODE = 0x7800,
	MASK_RCODE = 0x000f,
};

/** The message, and the position in it. */
struct cursor {
	const uint8_t *bytes;
	size_t size;
	size_t at;
};

/** A record whose data was not read yet. */
struct rr {
	uint8_t owner[DNS_WIRE_MAX];
	uint16_t type;
	uint16_t class;
	uint32_t ttl_s;
	size_t data; /* the begin and the end of its data */
	size_t end;
};

const char *dns_type_name(enum dns_type type)
{
	return type == DNS_A ? "A" : type == DNS_AAAA ? "AAAA" : "SRV";
}

/* ---- numbers and names ---- */

static bool has(const struct cursor *cursor, size_t n)
{
	return cursor->size - cursor->at >= n;
}

/** The caller has checked that the bytes are there. */
static uint16_t take_u16(struct cursor *cursor)
{
	const uint8_t *at = cursor->bytes + cursor->at;

	cursor->at += 2;
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t take_u32(struct cursor *cursor)
{
	uint32_t high = take_u16(cursor);

	return high << 16 | take_u16(cursor);
}

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

/** RFC 2181, 8 */
static uint32_t sane_ttl(uint32_t ttl_s)
{
	return ttl_s > INT32_MAX ? 0 : ttl_s;
}

/**
 * Reads a name. It may go on elsewhere by a pointer, which always leads back, so the name ends.
 * Writes its bytes in lower case, without pointers, and fills the rest with zeros, so that names
 * can be compared as a whole.
 */
static int take_name(struct cursor *cursor, uint8_t name[DNS_WIRE_MAX])
{
	const uint8_t *bytes = cursor->bytes;
	size_t at = cursor->at;
	size_t len = 0;
	unsigned n_pointers = 0;

	for (;;) {
		size_t label;

		if (at >= cursor->size) {
			return -EBADMSG;
		}
		label = bytes[at];
		if (label >= 0xc0) { /* RFC 1035, 4.1.4 */
			size_t to;

			if (cursor->size - at < 2 || ++n_pointers > POINTERS_MAX) {
				return -EBADMSG;
			}
			to = (label & 0x3f) << 8 | bytes[at + 1];
			if (to >= at) {
				return -EBADMSG;
			}
			if (n_pointers == 1) {
				cursor->at = at + 2;
			}
			at = to;
			continue;
		}
		if (label >= 0x40 || len + 1 + label + (label > 0) > DNS_WIRE_MAX ||
			cursor->size - at < 1 + label) {
			return -EBADMSG;
		}
		for (size_t i = 0; i <= label; i++) {
			name[len++] = i == 0 ? bytes[at] : lower(bytes[at + i]);
		}
		at += 1 + label;
		if (label == 0) {
			break;
		}
	}
	if (n_pointers == 0) {
		cursor->at = at;
	}
	memset(name + len, 0, DNS_WIRE_MAX - len);
	return 0;
}

/** Writes a name as text; -EBADMSG: the text would not stand for the same name. */
static int name_text(const uint8_t name[DNS_WIRE_MAX], char text[DNS_NAME_MAX])
{
	size_t len = 0;

	for (const uint8_t *label = name; *label > 0; label += 1 + *label) {
		if (len > 0) {
			text[len++] = '.';
		}
		for (size_t i = 1; i <= *label; i++) {
			bool is_plain = (label[i] >= 'a' && label[i] <= 'z') ||
					(label[i] >= '0' && label[i] <= '9') || label[i] == '-' ||
					label[i] == '_';

			if (!is_plain) {
				return -EBADMSG;
			}
			text[len++] = (char)label[i];
		}
	}
	text[len] = '\0';
	return 0;
}

static bool is_same(const uint8_t a[DNS_WIRE_MAX], const uint8_t b[DNS_WIRE_MAX])
{
	return memcmp(a, b, DNS_WIRE_MAX) == 0;
}

/* ---- records ---- */

/** Reads a record and moves after it. */
static int take_rr(struct cursor *cursor, struct rr *rr)
{
	size_t n_data;
	int r = take_name(cursor, rr->owner);

	if (r < 0) {
		return r;
	}
	if (!has(cursor, 10)) {
		return -EBADMSG;
	}
	rr->type = take_u16(cursor);
	rr->class = take_u16(cursor);
	rr->ttl_s = sane_ttl(take_u32(cursor));
	n_data = take_u16(cursor);
	if (!has(cursor, n_data)) {
		return -EBADMSG;
	}
	rr->data = cursor->at;
	cursor->at += n_data;
	rr->end = cursor->at;
	return 0;
}

/** Reads a name at the cursor, which must be the rest of the record's data. */
static int take_last_name(struct cursor *cursor, const struct rr *rr, uint8_t name[DNS_WIRE_MAX])
{
	int r = take_name(cursor, name);

	return r < 0 ? r : cursor->at == rr->end ? 0 : -EBADMSG;
}

static int take_srv(struct cursor *cursor, const struct rr *rr, struct dns_record *record)
{
	uint8_t target[DNS_WIRE_MAX];
	int r;

	if (rr->end - rr->data < 7) {
		return -EBADMSG;
	}
	record->priority = take_u16(cursor);
	record->weight = take_u16(cursor);
	record->port = take_u16(cursor);
	r = take_last_name(cursor, rr, target);
	return r < 0 ? r : name_text(target, record->target);
}

/** Reads the data of a record of the wanted type. */
static int read_record(const struct cursor *from, const struct rr *rr, struct dns_record *record)
{
	struct cursor cursor = *from;
	const uint8_t *data = from->bytes + rr->data;
	size_t n_data = rr->end - rr->data;

	cursor.at = rr->data;
	*record = (struct dns_record){0};
	switch (rr->type) {
	case DNS_A:
		record->address.s6_addr[10] = 0xff;
		record->address.s6_addr[11] = 0xff;
		if (n_data == 4) {
			memcpy(record->address.s6_addr + 12, data, 4);
		}
		return n_data == 4 ? 0 : -EBADMSG;
	case DNS_AAAA:
		if (n_data == 16) {
			memcpy(record->address.s6_addr, data, 16);
		}
		return n_data == 16 ? 0 : -EBADMSG;
	default:
		return take_srv(&cursor, rr, record);
	}
}

/* ---- the message ---- */

static bool is_wanted(const struct dns_message *message, const struct rr *rr)
{
	return rr->type == message->type && rr->class == CLASS_IN &&
	       is_same(rr->owner, message->owner);
}

static void bound_ttl(struct dns_message *message, uint32_t ttl_s)
{
	if (ttl_s < message->ttl_s) {
		message->ttl_s = ttl_s;
	}
}

/** Follows one CNAME, if there is one. 1: it did. */
static int follow(struct cursor cursor, unsigned n_rrs, struct dns_message *message)
{
	struct rr rr;

	for (unsigned i = 0; i < n_rrs; i++) {
		int r = take_rr(&cursor, &rr);

		if (r == 0 && rr.type == TYPE_CNAME && rr.class == CLASS_IN &&
			is_same(rr.owner, message->owner)) {
			cursor.at = rr.data;
			r = take_last_name(&cursor, &rr, message->owner);
			bound_ttl(message, rr.ttl_s);
			return r < 0 ? r : 1;
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/** Follows the CNAMEs, then counts the records of the last name. Moves the cursor after them. */
static int read_answers(struct cursor *cursor, unsigned n_rrs, struct dns_message *message)
{
	unsigned n_cnames = 0;
	struct dns_record record;
	struct rr rr;
	int r;

	message->at = cursor->at;
	message->n_left = n_rrs;
	while ((r = follow(*cursor, n_rrs, message)) > 0) {
		if (++n_cnames > CNAMES_MAX) {
			return -EBADMSG; /* the CNAMEs form a loop */
		}
	}
	for (unsigned i = 0; i < n_rrs && r == 0; i++) {
		r = take_rr(cursor, &rr);
		if (r == 0 && is_wanted(message, &rr)) {
			r = read_record(cursor, &rr, &record);
			bound_ttl(message, rr.ttl_s);
			message->n_records++;
		}
	}
	return r;
}

/**
 * Reads for how long the records are absent; -EREMOTEIO: the message does not say that they are.
 */
static int read_authority(struct cursor *cursor, unsigned n_rrs, struct dns_message *message)
{
	uint8_t name[DNS_WIRE_MAX];
	uint32_t ttl_s = UINT32_MAX;
	bool is_referral = false;
	struct rr rr;

	for (unsigned i = 0; i < n_rrs; i++) {
		int r = take_rr(cursor, &rr);

		if (r == 0 && rr.type == TYPE_SOA) {
			struct cursor data = {cursor->bytes, rr.end, rr.data};

			r = take_name(&data, name); /* the server, then the mailbox */
			r = r < 0 ? r : take_name(&data, name);
			if (r < 0 || !has(&data, 20)) {
				return -EBADMSG;
			}
			data.at += 16; /* serial, refresh, retry, expire */
			ttl_s = sane_ttl(take_u32(&data));
			ttl_s = rr.ttl_s < ttl_s ? rr.ttl_s : ttl_s;
		}
		if (r < 0) {
			return r;
		}
		is_referral |= rr.type == TYPE_NS;
	}
	if (is_referral && ttl_s == UINT32_MAX) {
		return -EREMOTEIO;
	}
	bound_ttl(message, ttl_s);
	return 0;
}

int dns_message_read(
	const void *bytes, size_t size, enum dns_type type, struct dns_message *ret_message)
{
	struct cursor cursor = {bytes, size, 2};
	struct dns_message message = {
		.bytes = bytes, .size = size, .type = type, .ttl_s = UINT32_MAX};
	unsigned n_questions;
	unsigned n_answers;
	unsigned n_authority;
	uint16_t flags;
	int r;

	if (size < HEADER_BYTES) {
		return -EBADMSG;
	}
	flags = take_u16(&cursor);
	n_questions = take_u16(&cursor);
	n_answers = take_u16(&cursor);
	n_authority = take_u16(&cursor);
	cursor.at = HEADER_BYTES;
	r = take_name(&cursor, message.owner);
	if (r < 0 || (flags & (FLAG_ANSWER | FLAG_CUT | MASK_OPCODE)) != FLAG_ANSWER ||
		n_questions != 1 || !has(&cursor, 4) || take_u16(&cursor) != type ||
		take_u16(&cursor) != CLASS_IN) {
		return -EBADMSG;
	}
	if ((flags & MASK_RCODE) != 0 && (flags & MASK_RCODE) != RCODE_NXDOMAIN) {
		return -EREMOTEIO;
	}
	r = read_answers(&cursor, n_answers, &message);
	if (r == 0 && ((flags & MASK_RCODE) != 0 || message.n_records == 0)) {
		message.n_records = 0;
		message.n_left = 0;
		r = read_authority(&cursor, n_authority, &message);
		r = r < 0 ? r : -ENODATA;
	}
	if (r < 0 && r != -ENODATA) {
		return r;
	}
	if (message.ttl_s == UINT32_MAX) {
		message.ttl_s = 0; /* no TTL is given */
	}
	*ret_message = message;
	return r;
}

bool dns_message_next(struct dns_message *message, struct dns_record *ret_record)
{
	struct cursor cursor = {message->bytes, message->size, message->at};
	bool found = false;
	struct rr rr;

	/* dns_message_read() has checked that all of them can be read. */
	while (!found && message->n_left > 0 && take_rr(&cursor, &rr) == 0) {
		message->n_left--;
		found = is_wanted(message, &rr) && read_record(&cursor, &rr, ret_record) == 0;
	}
	message->at = cursor.at;
	return found;
}
