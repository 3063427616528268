/* SPDX-License-Identifier: ISC */
/*
 * The watchdog of systemd, tied to the loops: WATCHDOG=1 says that every worker's loop has turned.
 *
 *	main				each worker
 *	every half interval: ask ─post─▶ answers, as one of its loop's tasks
 *	    WATCHDOG=1 ◀────── post ──── the last one to answer
 *
 * A worker that is stuck does not answer, nothing is told, and systemd restarts the service when
 * WatchdogSec= is over; "event=watchdog_missed" says which one. A worker may be late by half the
 * interval before that happens. Without WatchdogSec= nothing is asked, and nobody wakes up.
 */
#ifndef WEIR_SERVICE_WATCHDOG_H
#define WEIR_SERVICE_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/loop.h"
#include "stream/timer.h"

struct beat;
struct worker;

enum { WATCHDOG_ASK_MIN_MS = 10 }; /**< asked no more often, whatever the interval */

/** The main thread's; zeroed at first. */
struct watchdog {
	struct loop *loop; /**< the main one */
	struct worker *workers;
	size_t n_workers;
	uint64_t ask_ns; /**< half the interval */
	struct timer timer;
	struct beat *beats;     /**< one a worker */
	_Atomic size_t n_asked; /**< who have not answered yet */
	struct task answered;   /**< posted to `loop` by the last one */
	bool waiting;           /**< asked, and not all have answered */
	bool warned;            /**< about this time */
	uint64_t asked_ns;      /**< when */
};

/**
 * Begins to ask if systemd wants it (sd_watchdog_enabled(3)); the workers must run. 0 or a negative
 * errno: -EINVAL for an environment that makes no sense.
 */
int watchdog_open(
	struct watchdog *watchdog, struct loop *loop, struct worker *workers, size_t n_workers);

/** The workers must have stopped. Idempotent, also on zeroed memory. */
void watchdog_close(struct watchdog *watchdog);

#endif
