/* SPDX-License-Identifier: ISC */
#include "proto/client_hello.h"

#include <errno.h>
#include <string.h>

enum {
	RECORD_HEADER = 5,       /* RFC 8446, 5.1: type, version, length */
	RECORD_MAX = 1 << 14,    /* RFC 8446, 5.1 */
	VERSION_MAJOR = 3,       /* RFC 5246, E.1: {03,XX}, whatever XX is */
	MESSAGE_HEADER = 4,      /* RFC 8446, 4: type, length */
	MESSAGE_HELLO = 1,       /* RFC 8446, 4: client_hello */
	RANDOM_BYTES = 32,       /* RFC 8446, 4.1.2 */
	SESSION_ID_MAX = 32,     /* RFC 8446, 4.1.2 */
	EXTENSION_NAME = 0,      /* RFC 6066, 1.1: server_name */
	EXTENSION_ALPN = 16,     /* RFC 7301, 6 */
	EXTENSION_VERSIONS = 43, /* RFC 8446, 4.2: supported_versions */
	NAME_HOST = 0,           /* RFC 6066, 3: host_name */
};

/* ---- records ---- */

/** What is wrong with a record header, as far as it is there. */
static const char *look_at_record(struct span rest)
{
	uint32_t n;

	if (rest.n > 0 && rest.bytes[0] != CLIENT_HELLO_FIRST_BYTE) {
		return "another record interrupts the ClientHello";
	}
	if (rest.n > 1 && rest.bytes[1] != VERSION_MAJOR) {
		return "a record has no version of TLS";
	}
	if (rest.n < RECORD_HEADER) {
		return NULL;
	}
	n = (uint32_t)(rest.bytes[3] << 8 | rest.bytes[4]);
	if (n == 0) {
		return "a record is empty"; /* RFC 8446, 5.1, forbids it for handshakes */
	}
	return n > RECORD_MAX ? "a record is longer than TLS allows" : NULL;
}

/** The length of the message, judged by its first `len` bytes. */
static size_t message_len(const uint8_t *message, size_t len)
{
	if (len < MESSAGE_HEADER) {
		return MESSAGE_HEADER;
	}
	return MESSAGE_HEADER + ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]);
}

/**
 * Copies the first message out of its records. Returns where it ends in `bytes`, and its length; 0:
 * it is not complete; or -EBADMSG.
 */
static int gather(struct span bytes, uint8_t *message, size_t *ret_len, const char **ret_why)
{
	struct span rest = {bytes.bytes, bytes.n < CLIENT_HELLO_MAX ? bytes.n : CLIENT_HELLO_MAX};
	size_t wanted = MESSAGE_HEADER;
	size_t len = 0;

	while (len < wanted) {
		struct span part;
		size_t n_record;
		size_t at;

		*ret_why = look_at_record(rest);
		if (*ret_why != NULL) {
			return -EBADMSG;
		}
		if (!span_take(&rest, RECORD_HEADER, &part)) {
			return 0;
		}
		n_record = (size_t)(part.bytes[3] << 8 | part.bytes[4]);
		(void)span_take(&rest, n_record < rest.n ? n_record : rest.n, &part);
		if (part.n > 0) {
			memcpy(message + len, part.bytes, part.n);
			len += part.n;
		}
		if (len > 0 && message[0] != MESSAGE_HELLO) {
			*ret_why = "the first message is not a ClientHello";
			return -EBADMSG;
		}
		wanted = message_len(message, len);
		at = (size_t)(rest.bytes - bytes.bytes);
		if (len >= wanted) {
			*ret_len = wanted;
			return (int)(at - (len - wanted));
		}
		/* The ClientHello takes at least this many bytes: those that have come, the missing
		 * ones, and one more record header if this record does not have them all. */
		if (at + (wanted - len) + (wanted - len > n_record - part.n ? RECORD_HEADER : 0) >
			CLIENT_HELLO_MAX) {
			*ret_why = "the ClientHello is longer than 16 KiB";
			return -EBADMSG;
		}
		if (part.n < n_record) {
			return 0;
		}
	}
	return 0;
}

/* ---- extensions ---- */

/* RFC 6066, 3: ASCII. The server decides whether it is a name and not an address. */
static bool is_name(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.bytes[i] <= ' ' || name.bytes[i] > '~') {
			return false;
		}
	}
	return name.n > 0;
}

/**
 * RFC 6066, 3: a list of names, one of each type. A name begins with its length in two bytes,
 * whatever its type is, so names of unknown types can be skipped.
 */
static const char *read_names(struct span data, struct client_hello *hello)
{
	struct span names;
	struct span name;
	uint32_t type;

	if (!span_take_vector(&data, 2, &names) || data.n > 0 || names.n == 0) {
		return "the extension server_name is malformed";
	}
	while (names.n > 0) {
		if (!span_take_number(&names, 1, &type) || !span_take_vector(&names, 2, &name)) {
			return "the extension server_name is malformed";
		}
		if (type != NAME_HOST) {
			continue;
		}
		if (hello->name.bytes != NULL) {
			return "there are two names of the server";
		}
		if (name.n > CLIENT_HELLO_NAME_MAX) {
			return "the name of the server is longer than 255 bytes";
		}
		if (!is_name(name)) {
			return "the name of the server is no name";
		}
		hello->name = name;
	}
	return NULL;
}

/** RFC 7301, 3.1: a list, not empty, of names of 1 to 255 bytes. */
static const char *read_alpn(struct span data, struct client_hello *hello)
{
	struct span protocols;
	struct span rest;
	struct span protocol;

	if (!span_take_vector(&data, 2, &protocols) || data.n > 0 || protocols.n == 0) {
		return "the list of ALPN is malformed";
	}
	for (rest = protocols; rest.n > 0;) {
		if (!client_hello_next_protocol(&rest, &protocol) || protocol.n == 0) {
			return "the list of ALPN is malformed";
		}
	}
	hello->alpn = protocols;
	return NULL;
}

/**
 * RFC 8701, 2: values without a meaning, which clients send so that servers accept unknown ones.
 */
static bool is_grease(uint32_t version)
{
	return (version & 0x0f0f) == 0x0a0a && version >> 8 == (version & 0xff);
}

/**
 * RFC 8446, 4.2.1: one or more versions of two bytes. If the extension is there, it alone tells the
 * versions, and the field of the message does not count.
 */
static const char *read_versions(struct span data, struct client_hello *hello)
{
	struct span versions;
	uint32_t version;

	if (!span_take_vector(&data, 1, &versions) || data.n > 0 || versions.n == 0 ||
		versions.n % 2 != 0) {
		return "the extension supported_versions is malformed";
	}
	hello->versions = versions;
	hello->version = 0;
	while (span_take_number(&versions, 2, &version)) {
		if (!is_grease(version) && version > hello->version) {
			hello->version = (uint16_t)version;
		}
	}
	return NULL;
}

static const char *read_extension(uint32_t type, struct span data, struct client_hello *hello)
{
	static const char twice[] = "an extension is there twice"; /* RFC 8446, 4.2 */

	switch (type) {
	case EXTENSION_NAME:
		return hello->name.bytes != NULL ? twice : read_names(data, hello);
	case EXTENSION_ALPN:
		return hello->alpn.bytes != NULL ? twice : read_alpn(data, hello);
	case EXTENSION_VERSIONS:
		return hello->versions.bytes != NULL ? twice : read_versions(data, hello);
	default:
		return NULL;
	}
}

/** Without extensions there is no length of them either: RFC 5246, 7.4.1.2. */
static const char *read_extensions(struct span body, struct client_hello *hello)
{
	const char *why = NULL;
	struct span extensions;
	struct span data;
	uint32_t type;

	if (body.n == 0) {
		return NULL;
	}
	if (!span_take_vector(&body, 2, &extensions) || body.n > 0) {
		return "the extensions do not end with the ClientHello";
	}
	while (why == NULL && extensions.n > 0) {
		if (!span_take_number(&extensions, 2, &type) ||
			!span_take_vector(&extensions, 2, &data)) {
			return "an extension is longer than the ClientHello";
		}
		why = read_extension(type, data, hello);
	}
	return why;
}

/* ---- the message ---- */

/** RFC 8446, 4.1.2; the bytes after the message header. */
static const char *read_body(struct span body, struct client_hello *hello)
{
	struct span random;
	struct span session_id;
	struct span ciphers;
	struct span compressions;
	uint32_t version;

	if (!span_take_number(&body, 2, &version) || !span_take(&body, RANDOM_BYTES, &random) ||
		!span_take_vector(&body, 1, &session_id) || !span_take_vector(&body, 2, &ciphers) ||
		!span_take_vector(&body, 1, &compressions)) {
		return "the ClientHello ends too early";
	}
	if (session_id.n > SESSION_ID_MAX) {
		return "the session id is longer than 32 bytes";
	}
	if (ciphers.n == 0 || ciphers.n % 2 != 0 || compressions.n == 0) {
		return "the lists of ciphers and compressions are malformed";
	}
	hello->version = (uint16_t)version;
	return read_extensions(body, hello);
}

int client_hello_parse(const void *bytes, size_t n, uint8_t scratch[CLIENT_HELLO_MAX],
	struct client_hello *ret_hello, const char **ret_why)
{
	struct span span = {bytes, n};
	struct client_hello hello = {0};
	const char *why = NULL;
	size_t len = 0;
	int r;

	if (n > 0 && span.bytes[0] != CLIENT_HELLO_FIRST_BYTE) {
		*ret_why = "the first byte is not that of a TLS handshake";
		return -EPROTONOSUPPORT;
	}
	r = gather(span, scratch, &len, &why);
	if (r > 0) {
		why = read_body(
			(struct span){scratch + MESSAGE_HEADER, len - MESSAGE_HEADER}, &hello);
	}
	if (why != NULL) {
		*ret_why = why;
		return -EBADMSG;
	}
	if (r > 0) {
		*ret_hello = hello;
	}
	return r;
}

bool client_hello_next_protocol(struct span *alpn, struct span *ret_protocol)
{
	return span_take_vector(alpn, 1, ret_protocol);
}
