/* SPDX-License-Identifier: ISC */
/*
 * A slice of a long job: how long the job may use its thread before others must run. It counts
 * processor time: while the kernel does not run the thread, the job delays nobody.
 *
 *	slice_begin(&slice);
 *	do { ... a piece ... } while (there is more && !slice_is_over(&slice));
 *	slice_end(&slice, &counted);
 *
 * A piece must be short compared with a slice. Each function makes one system call.
 */
#ifndef WEIR_BASE_SLICE_H
#define WEIR_BASE_SLICE_H

#include <stdbool.h>

#include "base/clock.h"

struct buckets;

/**
 * A quarter of the 1 ms that a slice may take (docs/decisions/0360), since the last piece may begin
 * just before the slice is over.
 */
enum { SLICE_US = 250 };

struct slice {
	uint64_t began_ns;
};

static inline void slice_begin(struct slice *slice)
{
	slice->began_ns = clock_thread_ns();
}

static inline bool slice_is_over(const struct slice *slice)
{
	return clock_thread_ns() - slice->began_ns >= (uint64_t)SLICE_US * NS_PER_US;
}

/** Counts how long the slice took. */
void slice_end(const struct slice *slice, struct buckets *counted);

#endif
