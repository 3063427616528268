/* SPDX-License-Identifier: ISC */
/*
 * A slice of a long work: how much of its thread's time it takes before everybody else has a turn.
 * Processor time is what counts: a thread that was not let run has held up nobody by its work.
 *
 *	slice_begin(&slice);
 *	do { ... a piece ... } while (there is more && !slice_is_over(&slice));
 *	slice_end(&slice, &counted);
 *
 * A piece is short beside a slice. Each call is a system call.
 */
#ifndef WEIR_BASE_SLICE_H
#define WEIR_BASE_SLICE_H

#include <stdbool.h>

#include "base/buckets.h"
#include "base/clock.h"

enum { SLICE_US = 250 }; /* a quarter of what is promised: the last piece is begun before */

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

/** Counts how long it was. */
static inline void slice_end(const struct slice *slice, struct buckets *counted)
{
	buckets_count(counted, clock_thread_ns() - slice->began_ns);
}

#endif
