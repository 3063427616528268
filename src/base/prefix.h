/* SPDX-License-Identifier: ISC */
/*
 * One IP prefix: all addresses that begin with the same bits.
 *
 *	10.0.0.0/8   192.0.2.7   2001:db8::/32   ::1
 *
 * An address without a length is itself alone. IPv4 that is mapped into IPv6 is IPv4, in texts
 * ("::ffff:10.0.0.0/104" is 10.0.0.0/8) and in socket addresses; so no IPv6 prefix, ::/0 included,
 * has an IPv4 address in it. A zone ("%eth0") is part of neither: fe80::1 is that address on each
 * link. Many of them are a set: prefixes.h.
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
 * A value without padding: two are the same prefix when their bytes are, and memcmp(3) orders them:
 * by family, address and length.
 */
struct prefix {
	bool is_v6;
	uint8_t bytes[PREFIX_BYTES]; /**< in network order; all behind `bits` are 0 */
	uint8_t bits;
};

/**
 * Reads one. Otherwise -EINVAL and, in `ret_why`, what is wrong and what to write instead, fit for
 * the end of an error line; *ret_prefix is then untouched. Bits behind the length are an error that
 * names the prefix that was meant.
 */
int prefix_parse(const char *text, struct prefix *ret_prefix, char ret_why[PREFIX_WHY_MAX]);

/** The first bits of an address, of IPv4 or of IPv6; false if it is neither (UNIX). */
bool prefix_of(
	const struct sockaddr *sa, uint8_t v4_bits, uint8_t v6_bits, struct prefix *ret_prefix);

/** Whether `inner` is all within `outer`. */
bool prefix_is_within(const struct prefix *inner, const struct prefix *outer);

/** Writes one as prefix_parse() reads it, an address alone without its length. Returns `text`. */
const char *prefix_text(const struct prefix *prefix, char text[PREFIX_TEXT_MAX]);

#endif
