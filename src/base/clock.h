/* SPDX-License-Identifier: ISC */
/*
 * The clock of all durations and deadlines: CLOCK_MONOTONIC in nanoseconds (uint64_t, names end in
 * _ns).
 *
 * It stands still while the machine is suspended. The time at which bytes moved is compared with
 * deadlines. So it is read here, right after the call that moved them, never from a time that was
 * cached for the turn of a loop. Tests replace clock_ns() at link time (-Wl,--wrap=clock_ns).
 */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>

/** Nanoseconds in common units. */
enum {
	NS_PER_US = 1000,
	NS_PER_MS = 1000 * 1000,
	NS_PER_S = 1000 * 1000 * 1000,
};

/** A deadline that never comes, and a duration that never ends ("none" in the config). */
#define NS_NEVER UINT64_MAX

/** Now. Any thread; never fails. */
uint64_t clock_ns(void);

/** The processor time that the calling thread has used. */
uint64_t clock_thread_ns(void);

/** The later one of two times, and the earlier one. */
static inline uint64_t clock_later(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

static inline uint64_t clock_earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/** `start` + `duration`, or NS_NEVER when either is NS_NEVER or the sum does not fit. */
static inline uint64_t clock_after(uint64_t start_ns, uint64_t duration_ns)
{
	uint64_t sum;

	return __builtin_add_overflow(start_ns, duration_ns, &sum) ? NS_NEVER : sum;
}

#endif
