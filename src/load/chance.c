/* SPDX-License-Identifier: ISC */
/*
 * Both functions sum the tail of a distribution. The first term is computed by logarithms of
 * factorials, each further one from the one before, until the terms are negligible.
 */
#include "load/chance.h"

#include <math.h>

static const double NOTHING = 1e-17;

/** Above this, logarithms of factorials are not exact enough, and the sums take too long. */
enum { N_MAX = 1 << 24 };

/** The logarithm of the number of ways to choose k of n. */
static double log_ways(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/** The probability that at most k of n events happen, each with probability p; k must be below n *
 * p. */
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

/** The largest rank whose value is above the quantile with a probability of at most `miss`; 0:
 * none. */
static uint64_t place_below(uint64_t n, double q, double miss)
{
	uint64_t low = 0;
	uint64_t high = (uint64_t)((double)n * q);

	/* The value at rank `place` is above the quantile if fewer than `place` of the n values are
	 * below it. */
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

/** The divisor for numbers that are too large; with smaller numbers the intervals are wider. */
static uint64_t scale(uint64_t n)
{
	return n / N_MAX + 1;
}

void chance_places(uint64_t n, double q, double miss, uint64_t *ret_below, uint64_t *ret_above)
{
	uint64_t by = scale(n);

	*ret_below = place_below(n / by, q, miss) * by;
	/* By symmetry from the other end. */
	*ret_above = n + 1 - place_below(n / by, 1 - q, miss) * by;
}

double chance_of_more(uint64_t xa, uint64_t na, uint64_t xb, uint64_t nb)
{
	double by = (double)scale(na > nb ? na : nb);
	double x = floor((double)xb / by);
	double marked = floor((double)xa / by) + x;
	double drawn = floor((double)nb / by);
	double all = floor((double)na / by) + drawn;
	double most = fmin(marked, drawn);
	double sum = 0;
	double term;

	if (x * all <= drawn * marked) {
		return 1;
	}
	term = exp(log_ways(marked, x) + log_ways(all - marked, drawn - x) - log_ways(all, drawn));
	/* Beyond what is expected each term is smaller than the one before. */
	for (; x <= most && term > sum * NOTHING; x++) {
		sum += term;
		term *= (marked - x) * (drawn - x) / ((x + 1) * (all - marked - drawn + x + 1));
	}
	return fmin(sum, 1);
}
