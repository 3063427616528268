/* SPDX-License-Identifier: ISC */
/*
 * The order in which servers take turns: each as often as its weight says, spread over the order
 * and not in blocks. Weights 1, 2, 3 of a, b, c make c b a c b c.
 *
 * Servers of one weight are a class. Its picks are as many as its weights sum to, and are due at
 * even distances: pick i of a class of W, from 0, at (i + 1/2) / W of the order's length. They go
 * to its servers in turn. Of picks that are due at the same time, that of the earlier server comes
 * first. All of it is computed exactly.
 *
 * The order is repeated without end. So each run of as many picks as it has places, wherever it
 * begins, holds each server exactly as often as its weight (divided by what all weights have in
 * common) says; and after any t picks a server of weight w of n, whose weights sum to s, has had t
 * w / s of them, give or take 1 + n w / s.
 *
 * Pure: it knows no server. Immutable once it is made.
 */
#ifndef WEIR_UPSTREAM_ROTATION_H
#define WEIR_UPSTREAM_ROTATION_H

#include <stddef.h>
#include <stdint.h>

#define ROTATION_SUM_MAX (UINT32_C(1) << 30)

struct rotation {
	uint32_t n;       /**< the sum of the weights, divided by their greatest common divisor */
	uint32_t order[]; /**< indices of weights */
};

/**
 * The order for these n weights, of which 0 has no place in it; free() it. A place takes the
 * logarithm of the number of classes: 1,000 servers of all weights up to 256 take some 10 ms, and
 * 512 KiB. NULL: no memory, or the
 * weights sum to more than ROTATION_SUM_MAX.
 */
struct rotation *rotation_new(const uint32_t *weights, size_t n);

#endif
