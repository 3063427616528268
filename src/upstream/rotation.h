/* SPDX-License-Identifier: ISC */
/*
 * The order of a weighted round robin: each server comes as often as its weight says, spread over
 * the order and not in blocks. The weights 1, 2, 3 of a, b, c give c b a c b c.
 *
 * Servers of the same weight form a class. A class has as many picks as its weights sum to, at even
 * distances: pick i (from 0) of a class with W picks is due at (i + 1/2) / W of the order's length.
 * The picks go to the servers of the class in rotation. If several picks are due at the same point,
 * that of the earlier server comes first. All of this is computed exactly.
 *
 * The order is repeated without end. So any run of as many picks as the order is long, wherever it
 * begins, has each server exactly as often as its weight (divided by the greatest common divisor of
 * all weights). And after any t picks, a server of weight w of n servers, whose weights sum to s,
 * has had t w / s of them, give or take 1 + n w / s.
 *
 * Pure functions that know nothing of struct server. An order is immutable once it is made.
 */
#ifndef WEIR_UPSTREAM_ROTATION_H
#define WEIR_UPSTREAM_ROTATION_H

#include <stddef.h>
#include <stdint.h>

#define ROTATION_SUM_MAX (UINT32_C(1) << 30)

struct rotation {
	uint32_t n;       /**< the sum of the weights, divided by their greatest common divisor */
	uint32_t order[]; /**< indices into the weights */
};

/**
 * Makes the order for these n weights; weights of 0 do not occur in it. free() it. The time for
 * each pick is proportional to the logarithm of the number of classes: 1,000 servers with all
 * weights up to 256 take some 10 ms, and 512 KiB. NULL: no memory, or the weights sum to more than
 * ROTATION_SUM_MAX.
 */
struct rotation *rotation_new(const uint32_t *weights, size_t n);

#endif
