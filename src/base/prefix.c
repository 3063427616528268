/* SPDX-License-Identifier: ISC */
#include "base/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { V4_BYTES = 4, MAPPED_BYTES = 12, MAPPED_BITS = 96 };

static bool is_mapped(const uint8_t bytes[PREFIX_BYTES])
{
	static const uint8_t begin[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

	return memcmp(bytes, begin, sizeof(begin)) == 0;
}

/** Turns IPv4-mapped IPv6 into IPv4. */
static void unmap(struct prefix *prefix)
{
	memmove(prefix->bytes, prefix->bytes + MAPPED_BYTES, V4_BYTES);
	memset(prefix->bytes + V4_BYTES, 0, PREFIX_BYTES - V4_BYTES);
	prefix->is_v6 = false;
}

/** Clears the bits after the length; returns whether any was set. */
static bool cut(struct prefix *prefix)
{
	bool has_more = false;

	for (size_t i = prefix->bits / 8; i < PREFIX_BYTES; i++) {
		uint8_t keep = (uint8_t)(i == prefix->bits / 8 ? 0xff00 >> prefix->bits % 8 : 0);

		has_more = has_more || (prefix->bytes[i] & ~keep) != 0;
		prefix->bytes[i] &= keep;
	}
	return has_more;
}

/** Reads the address in `text`, up to `len`; returns its whole length in bits, or -1. */
static int read_address(const char *text, size_t len, struct prefix *ret_prefix)
{
	char address[INET6_ADDRSTRLEN];

	if (len >= sizeof(address)) {
		return -1;
	}
	memcpy(address, text, len);
	address[len] = '\0';
	*ret_prefix = (struct prefix){.is_v6 = strchr(address, ':') != NULL};
	if (inet_pton(ret_prefix->is_v6 ? AF_INET6 : AF_INET, address, ret_prefix->bytes) != 1) {
		return -1;
	}
	return ret_prefix->is_v6 ? PREFIX_V6_BITS : PREFIX_V4_BITS;
}

/**
 * Reads a number of bits, without a sign or a leading zero; -1 if it is none, or more than `max`.
 */
static int read_bits(const char *text, int max)
{
	size_t len = strspn(text, "0123456789");
	int bits = 0;

	if (len == 0 || len > 3 || text[len] != '\0' || (len > 1 && text[0] == '0')) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		bits = bits * 10 + (text[i] - '0');
	}
	return bits <= max ? bits : -1;
}

static int refuse(char ret_why[PREFIX_WHY_MAX], const char *why)
{
	(void)snprintf(ret_why, PREFIX_WHY_MAX, "%s", why);
	return -EINVAL;
}

int prefix_parse(const char *text, struct prefix *ret_prefix, char ret_why[PREFIX_WHY_MAX])
{
	size_t len = strcspn(text, "/");
	struct prefix prefix;
	char right[PREFIX_TEXT_MAX];
	int max = read_address(text, len, &prefix);
	int bits = max;

	if (max < 0) {
		return refuse(ret_why,
			"it is not an IP prefix; write one like \"10.0.0.0/8\", \"192.0.2.7\" or "
			"\"2001:db8::/32\"");
	}
	if (text[len] == '/') {
		bits = read_bits(text + len + 1, max);
	}
	if (bits < 0) {
		return refuse(ret_why,
			max == PREFIX_V4_BITS
				? "after the / of an IPv4 prefix comes a number from 0 to 32"
				: "after the / of an IPv6 prefix comes a number from 0 to 128");
	}
	if (bits >= MAPPED_BITS && is_mapped(prefix.bytes)) {
		unmap(&prefix);
		bits -= MAPPED_BITS;
	}
	prefix.bits = (uint8_t)bits;
	if (cut(&prefix)) {
		(void)snprintf(ret_why, PREFIX_WHY_MAX,
			"it has bits after its length; write \"%s\", or another length",
			prefix_text(&prefix, right));
		return -EINVAL;
	}
	*ret_prefix = prefix;
	return 0;
}

bool prefix_of(
	const struct sockaddr *sa, uint8_t v4_bits, uint8_t v6_bits, struct prefix *ret_prefix)
{
	struct prefix prefix = {.is_v6 = sa->sa_family == AF_INET6};

	if (prefix.is_v6) {
		memcpy(prefix.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
			PREFIX_BYTES);
		if (is_mapped(prefix.bytes)) {
			unmap(&prefix);
		}
	} else if (sa->sa_family == AF_INET) {
		memcpy(prefix.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
			V4_BYTES);
	} else {
		return false;
	}
	prefix.bits = prefix.is_v6 ? v6_bits : v4_bits;
	if (prefix.bits < (prefix.is_v6 ? PREFIX_V6_BITS : PREFIX_V4_BITS)) {
		(void)cut(&prefix);
	}
	*ret_prefix = prefix;
	return true;
}

bool prefix_is_within(const struct prefix *inner, const struct prefix *outer)
{
	size_t whole = outer->bits / 8u;
	uint8_t mask = (uint8_t)(0xff00 >> outer->bits % 8);

	return inner->is_v6 == outer->is_v6 && inner->bits >= outer->bits &&
	       memcmp(inner->bytes, outer->bytes, whole) == 0 &&
	       (mask == 0 || ((inner->bytes[whole] ^ outer->bytes[whole]) & mask) == 0);
}

const char *prefix_text(const struct prefix *prefix, char text[PREFIX_TEXT_MAX])
{
	uint8_t whole = prefix->is_v6 ? PREFIX_V6_BITS : PREFIX_V4_BITS;
	size_t len;

	(void)inet_ntop(prefix->is_v6 ? AF_INET6 : AF_INET, prefix->bytes, text,
		(socklen_t)PREFIX_TEXT_MAX);
	if (prefix->bits < whole) {
		len = strlen(text);
		(void)snprintf(text + len, PREFIX_TEXT_MAX - len, "/%u", prefix->bits);
	}
	return text;
}
