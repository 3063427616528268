/* SPDX-License-Identifier: ISC */
/*
 * Both are sums of the tail of a distribution: its first term by logarithms of factorials, each
 * further one from the one before, until they add nothing any more.
 */
#include "load/chance.h"

#include <math.h>

static const double NOTHING = 1e-17;

/** The logarithm of the number of ways to take k of n. */
static double log_ways(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/** The chance that at most k of n things happen, each of which does by chance p; k below n * p. */
static double at_most(uint64_t n, double p, uint64_t k)
{
	double term = exp(
		log_ways((double)n, (double)k) + (double)k * log(p) + (double)(n - k) * log1p(-p));
	double sum = 0;

	for (double i = (double)k; i >= 0 && term > sum * NOTHING; i--) {
		sum += term;
		term *= i / ((double)n - i + 1) * (1 - p) / p;
	}
	return sum;
}

/** The largest place whose value is above the quantile by a chance of at most `miss`; 0: none. */
static uint64_t place_below(uint64_t n, double q, double miss)
{
	uint64_t low = 0;
	uint64_t high = (uint64_t)((double)n * q);

	/* The value at `place` is above when fewer than `place` of the n lie below the quantile. */
	while (low < high) {
		uint64_t place = low + (high - low + 1) / 2;

		if (at_most(n, q, place - 1) <= miss) {
			low = place;
		} else {
			high = place - 1;
		}
	}
	return low;
}

void chance_places(uint64_t n, double q, double miss, uint64_t *ret_below, uint64_t *ret_above)
{
	*ret_below = place_below(n, q, miss);
	/* Seen from the other end it is the same. */
	*ret_above = n + 1 - place_below(n, 1 - q, miss);
}

double chance_of_more(uint64_t xa, uint64_t na, uint64_t xb, uint64_t nb)
{
	double marked = (double)xa + (double)xb;
	double most = fmin(marked, (double)nb);
	double all = (double)na + (double)nb;
	double term =
		exp(log_ways(marked, (double)xb) + log_ways(all - marked, (double)nb - (double)xb) -
			log_ways(all, (double)nb));
	double sum = 0;

	for (double x = (double)xb; x <= most; x++) {
		double next = term * (marked - x) * ((double)nb - x) /
			      ((x + 1) * (all - marked - (double)nb + x + 1));

		sum += term;
		if (next < term && next <= sum * NOTHING) {
			break;
		}
		term = next;
	}
	return fmin(sum, 1);
}
