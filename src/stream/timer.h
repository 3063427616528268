/* SPDX-License-Identifier: ISC */
/*
 * Timers with deadlines in nanoseconds of CLOCK_MONOTONIC, never early.
 *
 * A timer is embedded in its owner and costs 32 bytes. The timers of a loop stand in one binary
 * heap, woken by one timerfd; why not libuv's timers is in docs/decisions/0081 (milliseconds,
 * truncated; 152 bytes and a deferred close for each).
 *
 * Due timers strike after the turn's polling and reading, at most TIMERS_A_TURN in one turn, the
 * earliest deadline first, so that thousands which are due at once do not starve the streams that
 * move bytes. A timer is lazy by its owner's doing: move bytes, store the time, and when the timer
 * strikes compare and arm again.
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
	/** The deadline is past. Called once for each arming; may arm, close and free anything. */
	void (*strike)(struct timer *timer);
};

enum {
	TIMERS_A_TURN = 64,
};

/**
 * Makes room for the timer, so that arming cannot fail later. 0, -ENOMEM, or -EINVAL (an argument
 * is NULL). A zeroed timer may be closed without having been opened.
 */
int timer_open(struct timer *timer, struct loop *loop, void (*strike)(struct timer *timer));

/** Disarms and gives the room back. Idempotent, fine with NULL; the memory may go at once. */
void timer_close(struct timer *timer);

/**
 * Arms or re-arms; NS_NEVER disarms. A deadline that is past strikes in this turn or the next,
 * after those that were due before; one that a strike arms, in the next. 0, or -EINVAL when it is
 * not open, or NULL.
 */
int timer_arm(struct timer *timer, uint64_t deadline_ns);

#endif
