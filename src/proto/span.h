/* SPDX-License-Identifier: ISC */
/*
 * A run of bytes that somebody else owns, and how it is read: from its front, never beyond its end.
 * Numbers are in network order.
 *
 * Each function takes off the front what it gives, or answers false and takes nothing.
 */
#ifndef WEIR_PROTO_SPAN_H
#define WEIR_PROTO_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *bytes; /**< NULL: it is not there, which an empty one is */
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

/** A number of 1 to 4 bytes. */
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

/** What a length of `n_bytes` bytes, which stands before it, says. */
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
