/* SPDX-License-Identifier: ISC */
/*
 * A span: bytes that somebody else owns, read from the front and never beyond the end. Numbers are
 * in network order.
 *
 * Each function removes from the front what it returns, or returns false and removes nothing.
 */
#ifndef WEIR_PROTO_SPAN_H
#define WEIR_PROTO_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *bytes; /**< NULL: absent, which is not the same as empty */
	size_t n;
};

static inline bool span_take(struct span *from, size_t n, struct span *ret_part)
{
	if (from->n < n) {
		return false;
	}
	*ret_part = (struct span){from->bytes, n};
	from->bytes += n;
	from->n -= n;
	return true;
}

/** Takes a number of 1 to 4 bytes. */
static inline bool span_take_number(struct span *from, size_t n_bytes, uint32_t *ret_number)
{
	struct span part;
	uint32_t number = 0;

	if (!span_take(from, n_bytes, &part)) {
		return false;
	}
	for (size_t i = 0; i < n_bytes; i++) {
		number = number << 8 | part.bytes[i];
	}
	*ret_number = number;
	return true;
}

/** Takes a length of `n_bytes` bytes, and then as many bytes as that says. */
static inline bool span_take_vector(struct span *from, size_t n_bytes, struct span *ret_part)
{
	struct span rest = *from;
	uint32_t n;

	if (!span_take_number(&rest, n_bytes, &n) || !span_take(&rest, n, ret_part)) {
		return false;
	}
	*from = rest;
	return true;
}

#endif
