/* SPDX-License-Identifier: ISC */
/*
 * One IP prefix: all addresses that begin with the same bits.
 *
 *	10.0.0.0/8   192.0.2.7   2001:db8::/32   ::1
 *
 * An address without a length is a prefix of that address alone. IPv4-mapped IPv6 is treated as
 * IPv4, in texts ("::ffff:10.0.0.0/104" is 10.0.0.0/8) and in socket addresses. So no IPv6 prefix,
 * not even ::/0, contains an IPv4 address. The zone of a socket address is ignored: fe80::1 is that
 * address on every link. A text with a zone ("fe80::1%eth0") is an error. For sets of prefixes see
 * prefixes.h.
 */
#ifndef WEIR_BASE_PREFIX_H
#define WEIR_BASE_PREFIX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	PREFIX_BYTES = 16,
	PREFIX_V4_BITS = 32,
	PREFIX_V6_BITS = 128,
	PREFIX_TEXT_MAX = 50, /**< an IPv6 address, "/128" and the NUL */
	PREFIX_WHY_MAX = 160,
};

/**
 * A value without padding: two prefixes are the same if their bytes are. memcmp(3) orders them by
 * family, address and length.
 */
struct prefix {
	bool is_v6;
	uint8_t bytes[PREFIX_BYTES]; /**< in network order; all bits after the first `bits` are 0 */
	uint8_t bits;
};

/**
 * Reads a prefix. 0 or -EINVAL; then `ret_why` says what is wrong and what to write instead, fit
 * for the end of an error line, and *ret_prefix is untouched. If bits after the length are set, the
 * error names the prefix that was probably meant.
 */
int prefix_parse(const char *text, struct prefix *ret_prefix, char ret_why[PREFIX_WHY_MAX]);

/** The prefix of an IPv4 or IPv6 address with this many bits. False if it is neither (UNIX). */
bool prefix_of(
	const struct sockaddr *sa, uint8_t v4_bits, uint8_t v6_bits, struct prefix *ret_prefix);

/** Whether all addresses of `inner` are in `outer`. */
bool prefix_is_within(const struct prefix *inner, const struct prefix *outer);

/**
 * Writes a prefix so that prefix_parse() reads it; a single address without its length. Returns
 * `text`.
 */
const char *prefix_text(const struct prefix *prefix, char text[PREFIX_TEXT_MAX]);

#endif
