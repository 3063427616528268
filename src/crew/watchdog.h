/* SPDX-License-Identifier: ISC */
/*
 * The watchdog calls alive() only when the event loop of every worker has answered a question.
 *
 *	main				each worker
 *	every third of the interval: ask ─post─▶ answers, as one of its loop's tasks
 *	    alive() ◀───────── post ──── the last one to answer
 *
 * If a worker is stuck, it does not answer and alive() is not called. systemd then restarts the
 * service when the interval (WatchdogSec=) is over. "event=watchdog_missed" names the stuck worker
 * when half the interval has passed since the question. That is a sixth of the interval before
 * systemd acts, so the line is written in time. A worker may be late by two thirds of the interval.
 */
#ifndef WEIR_CREW_WATCHDOG_H
#define WEIR_CREW_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "crew/order.h"
#include "stream/timer.h"

/** The least time between two questions, whatever the interval is. */
enum { WATCHDOG_ASK_MIN_MS = 10 };

/** Belongs to the main thread; zeroed at first. */
struct watchdog {
	struct crew *crew;
	void (*alive)(void);
	struct order beat;
	struct timer timer;
	uint64_t ask_ns;   /**< a third of the interval */
	uint64_t warn_ns;  /**< half of it */
	uint64_t asked_ns; /**< when the last question was asked */
	bool warned;       /**< a missing answer to this question was logged */
};

/** Begins to ask; the workers must be running. 0 or -ENOMEM. */
int watchdog_open(
	struct watchdog *watchdog, struct crew *crew, uint64_t interval_us, void (*alive)(void));

/** The workers must have stopped. Idempotent, also on zeroed memory. */
void watchdog_close(struct watchdog *watchdog);

#endif
