/* SPDX-License-Identifier: ISC */
#include "base/buckets.h"

#include "base/clock.h"

static const uint32_t bounds_us[BUCKETS - 1] = {
	100,
	250,
	500,
	1000,
	2500,
	5000,
	10 * 1000,
	25 * 1000,
	50 * 1000,
	100 * 1000,
	250 * 1000,
	1000 * 1000,
	5000 * 1000,
};

uint64_t buckets_bound_ns(unsigned int bucket)
{
	return bucket < BUCKETS - 1 ? (uint64_t)bounds_us[bucket] * NS_PER_US : NS_NEVER;
}

void buckets_count(struct buckets *buckets, uint64_t ns)
{
	unsigned int bucket = 0;

	while (ns > buckets_bound_ns(bucket)) {
		bucket++;
	}
	atomic_fetch_add_explicit(&buckets->counts[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&buckets->sum_ns, ns, memory_order_relaxed);
}

void buckets_add_to(const struct buckets *buckets, struct buckets_read *sum)
{
	for (unsigned int i = 0; i < BUCKETS; i++) {
		sum->counts[i] += atomic_load_explicit(&buckets->counts[i], memory_order_relaxed);
	}
	sum->sum_ns += atomic_load_explicit(&buckets->sum_ns, memory_order_relaxed);
}
