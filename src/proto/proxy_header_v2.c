/* SPDX-License-Identifier: ISC */
/* proxy-protocol.txt, 2.2: binary numbers and addresses, then TLVs. */
#include "proto/proxy_header_private.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "proto/crc32c.h"

/* ---- addresses ---- */

static void set_unix(struct proxy_address *address, const uint8_t path[PROXY_HEADER_UNIX_PATH])
{
	size_t len = 0;

	if (path[0] != '\0') {
		len = strnlen((const char *)path, PROXY_HEADER_UNIX_PATH);
		len += len < PROXY_HEADER_UNIX_PATH; /* a path ends with a NUL if there is room */
	} else {
		for (size_t i = 0; i < PROXY_HEADER_UNIX_PATH; i++) {
			len = path[i] != '\0' ? i + 1 : len; /* an abstract name, or no name */
		}
	}
	*address = (struct proxy_address){0};
	address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	address->sa.un.sun_family = AF_UNIX;
	memcpy(address->sa.un.sun_path, path, len);
}

/** How many bytes the addresses of a family take. */
static size_t addresses_bytes(unsigned int family)
{
	switch (family) {
	case PROXY_HEADER_FAMILY_INET:
		return PROXY_HEADER_INET_BYTES;
	case PROXY_HEADER_FAMILY_INET6:
		return PROXY_HEADER_INET6_BYTES;
	case PROXY_HEADER_FAMILY_UNIX:
		return PROXY_HEADER_UNIX_BYTES;
	default:
		return 0;
	}
}

static void read_addresses(const uint8_t *bytes, unsigned int family, struct proxy_header *header)
{
	in_port_t ports[2];
	size_t n = family == PROXY_HEADER_FAMILY_INET ? 4 : 16;

	header->who = PROXY_HEADER_CLIENT;
	if (family == PROXY_HEADER_FAMILY_UNIX) {
		set_unix(&header->source, bytes);
		set_unix(&header->destination, bytes + PROXY_HEADER_UNIX_PATH);
		return;
	}
	memcpy(ports, bytes + 2 * n, sizeof(ports));
	if (family == PROXY_HEADER_FAMILY_INET) {
		proxy_address_set_inet(&header->source, bytes, ports[0]);
		proxy_address_set_inet(&header->destination, bytes + n, ports[1]);
	} else {
		proxy_address_set_inet6(&header->source, bytes, ports[0]);
		proxy_address_set_inet6(&header->destination, bytes + n, ports[1]);
	}
}

/* ---- TLVs ---- */

/** 2.2.3: the checksum is over the whole header, with zeros in place of the checksum itself. */
static bool is_right(struct span whole, struct span checksum)
{
	static const uint8_t zeros[PROXY_HEADER_CRC32C_BYTES];
	size_t at = (size_t)(checksum.bytes - whole.bytes);
	size_t behind = at + checksum.n;
	uint32_t crc = crc32c(CRC32C_BEGIN, whole.bytes, at);
	uint32_t said = 0;

	(void)span_take_number(&checksum, sizeof(zeros), &said);
	crc = crc32c(crc, zeros, sizeof(zeros));
	return crc32c(crc, whole.bytes + behind, whole.n - behind) == said;
}

static void keep_first(struct span *kept, struct span value)
{
	if (kept->bytes == NULL) {
		*kept = value;
	}
}

static const char *read_tlv(
	uint32_t type, struct span value, struct span whole, struct proxy_header *header)
{
	switch (type) {
	case PROXY_HEADER_TLV_AUTHORITY:
		keep_first(&header->authority, value);
		break;
	case PROXY_HEADER_TLV_ALPN:
		keep_first(&header->alpn, value);
		break;
	case PROXY_HEADER_TLV_UNIQUE_ID:
		if (value.n > PROXY_HEADER_UNIQUE_ID_MAX) {
			return "the unique id is longer than 128 bytes";
		}
		keep_first(&header->unique_id, value);
		break;
	case PROXY_HEADER_TLV_CRC32C:
		if (value.n != PROXY_HEADER_CRC32C_BYTES) {
			return "the checksum has not four bytes";
		}
		/* With two checksums, each would have to be computed with the other one set to 0.
		 */
		if (header->has_checksum) {
			return "there are two checksums";
		}
		if (!is_right(whole, value)) {
			return "the checksum is wrong";
		}
		header->has_checksum = true;
		break;
	default:
		break;
	}
	return NULL;
}

static bool take_tlv(struct span *tlvs, uint32_t *ret_type, struct span *ret_value)
{
	return span_take_number(tlvs, 1, ret_type) && span_take_vector(tlvs, 2, ret_value);
}

static bool are_tlvs(struct span tlvs)
{
	struct span value;
	uint32_t type;

	while (tlvs.n > 0) {
		if (!take_tlv(&tlvs, &type, &value)) {
			return false;
		}
	}
	return true;
}

static const char *read_tlvs(struct span tlvs, struct span whole, struct proxy_header *header)
{
	const char *why = NULL;
	struct span value;
	uint32_t type;

	header->tlvs = tlvs;
	while (why == NULL && tlvs.n > 0) {
		if (!take_tlv(&tlvs, &type, &value)) {
			return "a TLV is longer than the header";
		}
		why = read_tlv(type, value, whole, header);
	}
	return why;
}

/* ---- the header ---- */

/** Checks the command and the family as soon as each has come. */
static const char *look_at_begin(struct span bytes)
{
	unsigned int command = bytes.n > 12 ? bytes.bytes[12] : PROXY_HEADER_VERSION_2;
	unsigned int family = bytes.n > 13 ? bytes.bytes[13] : 0;

	if ((command & 0xf0) != PROXY_HEADER_VERSION_2) {
		return "the version is not 2";
	}
	command &= 0xf;
	if (command != PROXY_HEADER_COMMAND_LOCAL && command != PROXY_HEADER_COMMAND_PROXY) {
		return "the command is neither LOCAL nor PROXY";
	}
	if (command == PROXY_HEADER_COMMAND_LOCAL) {
		return NULL; /* its family "is ignored" */
	}
	if (family >> 4 > PROXY_HEADER_FAMILY_UNIX) {
		return "the address family is unknown";
	}
	if ((family & 0xf) > PROXY_HEADER_PROTOCOL_DGRAM) {
		return "the transport protocol is unknown";
	}
	return NULL;
}

/** How many bytes the addresses of a header take; its first 16 bytes must be there. */
static size_t n_addresses(const uint8_t *bytes)
{
	bool is_local = (bytes[12] & 0xf) == PROXY_HEADER_COMMAND_LOCAL;

	/* Without a protocol the length of the addresses is unknown. */
	return is_local || (bytes[13] & 0xf) == PROXY_HEADER_PROTOCOL_UNSPEC
		       ? 0
		       : addresses_bytes(bytes[13] >> 4);
}

/** Reads what follows the first 16 bytes; `whole` is exactly the header. */
static const char *read_rest(struct span whole, struct proxy_header *header)
{
	unsigned int family = whole.bytes[13] >> 4;
	unsigned int protocol = whole.bytes[13] & 0xf;
	struct span rest = {whole.bytes + PROXY_HEADER_V2_FIXED, whole.n - PROXY_HEADER_V2_FIXED};
	size_t n = n_addresses(whole.bytes);

	header->version = 2;
	if ((whole.bytes[12] & 0xf) == PROXY_HEADER_COMMAND_LOCAL) {
		header->who = PROXY_HEADER_LOCAL;
		return NULL; /* "discard the protocol block" */
	}
	header->who = PROXY_HEADER_UNSPEC;
	if (n == 0 && !are_tlvs(rest)) {
		return NULL; /* addresses that "should be ignored" */
	}
	if (n > 0 && protocol == PROXY_HEADER_PROTOCOL_STREAM) {
		read_addresses(rest.bytes, family, header);
	}
	return read_tlvs((struct span){rest.bytes + n, rest.n - n}, whole, header);
}

int proxy_header_read_v2(struct span bytes, struct proxy_header *header, const char **ret_why)
{
	size_t n_signature =
		bytes.n < PROXY_HEADER_SIGNATURE_BYTES ? bytes.n : PROXY_HEADER_SIGNATURE_BYTES;
	struct span whole;
	size_t len;

	if (memcmp(bytes.bytes, PROXY_HEADER_SIGNATURE, n_signature) != 0) {
		*ret_why = PROXY_HEADER_NOT_BEGUN;
		return -EBADMSG;
	}
	*ret_why = look_at_begin(bytes);
	if (*ret_why != NULL) {
		return -EBADMSG;
	}
	if (bytes.n < PROXY_HEADER_V2_FIXED) {
		return 0;
	}
	len = PROXY_HEADER_V2_FIXED + (size_t)(bytes.bytes[14] << 8 | bytes.bytes[15]);
	if (len > PROXY_HEADER_V2_MAX) {
		*ret_why = "the header is longer than 4 KiB";
		return -EBADMSG;
	}
	if (len - PROXY_HEADER_V2_FIXED < n_addresses(bytes.bytes)) {
		*ret_why = "the header is too short for its addresses";
		return -EBADMSG;
	}
	if (!span_take(&bytes, len, &whole)) {
		return 0;
	}
	*ret_why = read_rest(whole, header);
	return *ret_why == NULL ? (int)len : -EBADMSG;
}
