/* SPDX-License-Identifier: ISC */
#include "proxy/accept_rate.h"

#include "base/clock.h"

/** The most that is saved up. */
#define SAVED_NS ((uint64_t)NS_PER_S)

/** The time between two tokens. Rounded up, so that the rate is never exceeded. */
static uint64_t token_ns(uint64_t a_second)
{
	return (NS_PER_S + a_second - 1) / a_second;
}

uint64_t accept_rate_take(struct accept_rate *rate, uint64_t a_second, uint64_t now_ns)
{
	uint64_t saved_ns = now_ns > SAVED_NS ? now_ns - SAVED_NS : 0;
	uint64_t given_ns = atomic_load(&rate->given_ns);
	uint64_t at_ns;

	do {
		at_ns = clock_after(clock_later(given_ns, saved_ns), token_ns(a_second));
	} while (!atomic_compare_exchange_weak(&rate->given_ns, &given_ns, at_ns));
	return at_ns;
}

void accept_rate_give(struct accept_rate *rate, uint64_t a_second)
{
	atomic_fetch_sub(&rate->given_ns, token_ns(a_second));
}
