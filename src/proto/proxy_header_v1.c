/* SPDX-License-Identifier: ISC */
/* proxy-protocol.txt, 2.1: one line of text. */
#include "proto/proxy_header_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum { PORT_DIGITS_MAX = 5, CRLF_BYTES = 2 };

static const char begin[] = "PROXY ";

static const char no_protocol[] = "\"PROXY \" is not followed by TCP4, TCP6 or UNKNOWN";

/** Whether the span and the text agree, as far as both go. */
static bool agrees(struct span span, const char *text)
{
	size_t len = strlen(text);

	return memcmp(span.bytes, text, span.n < len ? span.n : len) == 0;
}

/** Whether the text, or the beginning of it that has come, is at the front; takes it. */
static bool take_text(struct span *from, const char *text)
{
	struct span part;

	if (!agrees(*from, text)) {
		return false;
	}
	return span_take(from, strlen(text), &part) || span_take(from, from->n, &part);
}

static bool is_of_address(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
	       (byte >= 'A' && byte <= 'F') || byte == '.' || byte == ':' || byte == ' ';
}

/** Takes the next word, which a space precedes, as a text with a NUL. */
static const char *take_word(struct span *line, char text[INET6_ADDRSTRLEN])
{
	size_t len = 0;

	if (line->n == 0 || line->bytes[0] != ' ') {
		return "an address or a port is missing";
	}
	while (len + 1 < line->n && line->bytes[len + 1] != ' ') {
		len++;
	}
	if (len == 0) {
		return "words need exactly one space between them, and none at the end";
	}
	if (len >= INET6_ADDRSTRLEN) {
		return "an address or a port is too long";
	}
	memcpy(text, line->bytes + 1, len);
	text[len] = '\0';
	line->bytes += len + 1;
	line->n -= len + 1;
	return NULL;
}

/*
 * inet_pton(3) accepts what 2.1 allows: no leading zeros in IPv4; at most four hex digits and one
 * "::" in IPv6. It also accepts an IPv4 part in IPv6, which 2.1 does not allow.
 */
static const char *take_address(struct span *line, int family, uint8_t bytes[16])
{
	char text[INET6_ADDRSTRLEN];
	const char *why = take_word(line, text);

	if (why != NULL) {
		return why;
	}
	if (family == AF_INET6 && strchr(text, '.') != NULL) {
		return "an IPv6 address ends in dotted IPv4, which version 1 forbids";
	}
	if (inet_pton(family, text, bytes) != 1) {
		return family == AF_INET ? "an address is not an IPv4 address"
					 : "an address is not an IPv6 address";
	}
	return NULL;
}

static const char *take_port(struct span *line, in_port_t *ret_port)
{
	char text[INET6_ADDRSTRLEN];
	const char *why = take_word(line, text);
	uint32_t port = 0;
	size_t len;

	if (why != NULL) {
		return why;
	}
	len = strlen(text);
	if (len > 1 && text[0] == '0') {
		return "a port has a leading zero";
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || len > PORT_DIGITS_MAX) {
			return "a port is not a number of 0 to 65535";
		}
		port = port * 10 + (uint32_t)(text[i] - '0');
	}
	if (port > UINT16_MAX) {
		return "a port is not a number of 0 to 65535";
	}
	*ret_port = htons((uint16_t)port);
	return NULL;
}

/** Reads what is between the protocol and the CRLF. */
static const char *read_addresses(struct span line, int family, struct proxy_header *header)
{
	uint8_t source[16];
	uint8_t destination[16];
	in_port_t source_port = 0;
	in_port_t destination_port = 0;
	const char *why;

	why = take_address(&line, family, source);
	why = why != NULL ? why : take_address(&line, family, destination);
	why = why != NULL ? why : take_port(&line, &source_port);
	why = why != NULL ? why : take_port(&line, &destination_port);
	if (why != NULL) {
		return why;
	}
	if (line.n > 0) {
		return "something follows the ports";
	}
	header->who = PROXY_HEADER_CLIENT;
	if (family == AF_INET) {
		proxy_address_set_inet(&header->source, source, source_port);
		proxy_address_set_inet(&header->destination, destination, destination_port);
	} else {
		proxy_address_set_inet6(&header->source, source, source_port);
		proxy_address_set_inet6(&header->destination, destination, destination_port);
	}
	return NULL;
}

/**
 * Finds the CRLF. 1, and the length before it; 0: it may still come; or -EBADMSG. A single CR or LF
 * does not end a line and is not allowed in one (2.1), not even after UNKNOWN.
 */
static int find_end(struct span bytes, size_t *ret_len, const char **ret_why)
{
	size_t n = bytes.n < PROXY_HEADER_V1_MAX ? bytes.n : PROXY_HEADER_V1_MAX;

	for (size_t i = 0; i < n; i++) {
		if (bytes.bytes[i] == '\n' ||
			(bytes.bytes[i] == '\r' && i + 1 < n && bytes.bytes[i + 1] != '\n')) {
			*ret_why = "a CR or LF is alone";
			return -EBADMSG;
		}
		if (bytes.bytes[i] == '\r' && i + 1 < n) {
			*ret_len = i;
			return 1;
		}
	}
	if (n == PROXY_HEADER_V1_MAX) {
		*ret_why = "no CRLF ends the line within 107 bytes";
		return -EBADMSG;
	}
	return 0;
}

/**
 * Takes the protocol, and sets *ret_family, which is AF_UNSPEC for UNKNOWN. 0 or -EBADMSG. If the
 * word is not complete yet, takes what has come of it; *ret_family is then that of the first
 * protocol which it may become.
 */
static int take_protocol(struct span *line, bool is_whole, int *ret_family)
{
	static const struct {
		const char *text;
		int family;
	} protocols[] = {{"TCP4", AF_INET}, {"TCP6", AF_INET6}, {"UNKNOWN", AF_UNSPEC}};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		size_t len = strlen(protocols[i].text);

		if (!agrees(*line, protocols[i].text) || (line->n < len && is_whole)) {
			continue;
		}
		if (line->n > len && line->bytes[len] != ' ' && line->bytes[len] != '\r') {
			continue;
		}
		(void)take_text(line, protocols[i].text);
		*ret_family = protocols[i].family;
		return 0;
	}
	return -EBADMSG;
}

/**
 * What is wrong with a line, by its bytes alone: 2.1 forbids decoding a line before its end has
 * come.
 */
static const char *look_at_begin(struct span line, int family)
{
	if (line.n > 0 && line.bytes[line.n - 1] == '\r') {
		line.n--;
	}
	for (size_t i = 0; family != AF_UNSPEC && i < line.n; i++) {
		if (!is_of_address(line.bytes[i])) {
			return "a byte belongs to no address and no port";
		}
	}
	return NULL;
}

int proxy_header_read_v1(struct span bytes, struct proxy_header *header, const char **ret_why)
{
	struct span line = bytes;
	size_t len = 0;
	int family = AF_UNSPEC;
	int r;

	if (!take_text(&line, begin)) {
		*ret_why = PROXY_HEADER_NOT_BEGUN;
		return -EBADMSG;
	}
	r = find_end(bytes, &len, ret_why);
	if (r < 0) {
		return r;
	}
	if (r > 0) {
		line.n = len > sizeof(begin) - 1 ? len - (sizeof(begin) - 1) : 0;
	}
	if (take_protocol(&line, r > 0, &family) < 0) {
		*ret_why = no_protocol;
		return -EBADMSG;
	}
	*ret_why = look_at_begin(line, family);
	if (*ret_why == NULL && r > 0) {
		header->version = 1;
		header->who = PROXY_HEADER_UNSPEC;
		*ret_why = family == AF_UNSPEC ? NULL : read_addresses(line, family, header);
	}
	if (*ret_why != NULL) {
		return -EBADMSG;
	}
	return r > 0 ? (int)(len + CRLF_BYTES) : 0;
}
