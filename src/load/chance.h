/* SPDX-License-Identifier: ISC */
/*
 * What chance alone makes of counts and of quantiles, exactly: no distribution of the values is
 * assumed, only that each is drawn for itself.
 */
#ifndef WEIR_LOAD_CHANCE_H
#define WEIR_LOAD_CHANCE_H

#include <stdint.h>

/**
 * Of n sorted values that were drawn, the places (from 1 on) of two between which the quantile `q`
 * (0 to 1) of all that could be drawn lies, but for a chance of at most `miss` on each side. 0 and
 * n + 1: there is none on that side.
 */
void chance_places(uint64_t n, double q, double miss, uint64_t *ret_below, uint64_t *ret_above);

/**
 * Of na + nb things, of which xa + xb have a mark, nb are drawn: the chance that xb or more of
 * these have it (Fisher's exact test, one side). 1 where it is no more than is expected.
 */
double chance_of_more(uint64_t xa, uint64_t na, uint64_t xb, uint64_t nb);

#endif
