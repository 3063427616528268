/* SPDX-License-Identifier: ISC */
/*
 * A coarse histogram of durations, of a few hundred bytes, for what is kept of each timer and of
 * each server, where a struct hdr would be too large. Its bounds are fixed.
 *
 * Any thread counts, any thread reads meanwhile. A zeroed one is empty.
 */
#ifndef WEIR_BASE_BUCKETS_H
#define WEIR_BASE_BUCKETS_H

#include <stdatomic.h>
#include <stdint.h>

enum { BUCKETS = 14 }; /* the last one has no bound */

struct buckets {
	_Atomic uint64_t counts[BUCKETS];
	_Atomic uint64_t sum_ns;
};

/** What was counted, as numbers that can be added up. */
struct buckets_read {
	uint64_t counts[BUCKETS];
	uint64_t sum_ns;
};

/** The largest duration that falls into a bucket; NS_NEVER for the last one. */
uint64_t buckets_bound_ns(unsigned int bucket);

void buckets_count(struct buckets *buckets, uint64_t ns);

/** Adds what was counted by now to *sum. */
void buckets_add_to(const struct buckets *buckets, struct buckets_read *sum);

#endif
