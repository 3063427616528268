/* SPDX-License-Identifier: ISC */
/*
 * The watchdog, tied to the loops: alive() says that every worker's loop has turned.
 *
 *	main				each worker
 *	every third of the interval: ask ─post─▶ answers, as one of its loop's tasks
 *	    alive() ◀───────── post ──── the last one to answer
 *
 * A worker that is stuck does not answer, so alive() is not called, and systemd, which waits for
 * it, restarts the service when the interval is over. "event=watchdog_missed" says which worker it
 * was, when half the interval has passed since the question: a sixth before systemd acts, so that
 * the line is written by then. A worker may be late by two thirds of the interval.
 */
#ifndef WEIR_CREW_WATCHDOG_H
#define WEIR_CREW_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "crew/order.h"
#include "stream/timer.h"

enum { WATCHDOG_ASK_MIN_MS = 10 }; /**< asked no more often, whatever the interval */

/** The main thread's; zeroed at first. */
struct watchdog {
	struct crew *crew;
	void (*alive)(void);
	struct order beat;
	struct timer timer;
	uint64_t ask_ns;   /**< a third of the interval */
	uint64_t warn_ns;  /**< half of it */
	uint64_t asked_ns; /**< when */
	bool warned;       /**< that an answer to this question is missing */
};

/** Begins to ask; the workers must run. 0 or -ENOMEM. */
int watchdog_open(
	struct watchdog *watchdog, struct crew *crew, uint64_t interval_us, void (*alive)(void));

/** The workers must have stopped. Idempotent, also on zeroed memory. */
void watchdog_close(struct watchdog *watchdog);

#endif
