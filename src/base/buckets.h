/* SPDX-License-Identifier: ISC */
/*
 * A coarse histogram of durations with fixed bounds. It takes 120 bytes, for counts that exist for
 * each timer or each server; a struct hdr would be too large there.
 *
 * Any thread may count, and any thread may read at the same time. A zeroed histogram is empty.
 */
#ifndef WEIR_BASE_BUCKETS_H
#define WEIR_BASE_BUCKETS_H

#include <stdatomic.h>
#include <stdint.h>

enum { BUCKETS = 14 }; /* the last one has no upper bound */

struct buckets {
	_Atomic uint64_t counts[BUCKETS];
	_Atomic uint64_t sum_ns;
};

/** The counts as plain numbers, which can be added up. */
struct buckets_read {
	uint64_t counts[BUCKETS];
	uint64_t sum_ns;
};

/** The largest duration that belongs to a bucket; NS_NEVER for the last one. */
uint64_t buckets_bound_ns(unsigned int bucket);

void buckets_count(struct buckets *buckets, uint64_t ns);

/** Adds the present counts to *sum. */
void buckets_add_to(const struct buckets *buckets, struct buckets_read *sum);

#endif
