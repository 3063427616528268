/* SPDX-License-Identifier: ISC */
/*
 * Timers with deadlines in nanoseconds of CLOCK_MONOTONIC. They are never early.
 *
 * A timer is embedded in its owner and costs 32 bytes. The timers of a loop are in one binary heap,
 * with one timerfd. docs/decisions/0081 says why these are not libuv's timers, which count
 * truncated milliseconds and need 152 bytes and a deferred close each.
 *
 * Timers that are due are called ("strike") after the turn's polling and reading, at most
 * TIMERS_A_TURN in one turn, the earliest deadline first, so that thousands that are due at once do
 * not starve the streams that move bytes. An owner whose deadline moves with every byte should not
 * re-arm each time: it stores the time of the last byte, and when the timer strikes it compares the
 * times and arms the timer again.
 */
#ifndef WEIR_STREAM_TIMER_H
#define WEIR_STREAM_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct loop;

struct timer {
	struct loop *loop;    /**< NULL: not open */
	uint64_t deadline_ns; /**< NS_NEVER: not armed */
	size_t slot;          /**< its place in the heap, from 1; 0: not in it */
	/** The deadline has passed. Called once for each arming; may arm, close and free anything.
	 */
	void (*strike)(struct timer *timer);
};

enum {
	TIMERS_A_TURN = 64,
};

/**
 * Opens a timer and reserves its place in the heap, so that arming cannot fail. 0, -ENOMEM, or
 * -EINVAL (an argument is NULL). A zeroed timer may be closed without having been opened.
 */
int timer_open(struct timer *timer, struct loop *loop, void (*strike)(struct timer *timer));

/**
 * Disarms the timer and frees its place. Idempotent; NULL is fine. The memory may be freed at once.
 */
void timer_close(struct timer *timer);

/**
 * Arms or re-arms; NS_NEVER disarms. If the deadline has passed, the timer strikes in this turn or
 * the next (if a striking timer arms it, in the next), but after the timers that were due before
 * it, which may take more turns (TIMERS_A_TURN). 0, or -EINVAL if it is NULL or not open.
 */
int timer_arm(struct timer *timer, uint64_t deadline_ns);

#endif
