/* SPDX-License-Identifier: ISC */
/*
 * Exact statistics of counts and quantiles. They assume no distribution of the values, only that
 * the values are independent.
 */
#ifndef WEIR_LOAD_CHANCE_H
#define WEIR_LOAD_CHANCE_H

#include <stdint.h>

/**
 * A confidence interval for the quantile `q` (0 to 1) of a distribution from which `n` values were
 * drawn: the ranks (from 1) of two of the sorted values between which the quantile lies, with a
 * probability of error of at most `miss` on each side. 0 and n + 1: there is no bound on that side.
 */
void chance_places(uint64_t n, double q, double miss, uint64_t *ret_below, uint64_t *ret_above);

/**
 * Fisher's exact test, one-sided: xa of na things and xb of nb other things have a property.
 * Returns the probability that by chance xb or more of the nb have it, if xa + xb of all do. 1 if
 * xb is not more than expected.
 */
double chance_of_more(uint64_t xa, uint64_t na, uint64_t xb, uint64_t nb);

#endif
