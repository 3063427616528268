/* SPDX-License-Identifier: ISC */
/*
 * How late weir is: the timers, for STATUS=, and the event loops, for a warning in the log.
 *
 * The main thread looks at the numbers once a second. The workers only count (part::late,
 * loop_take_delay_ns()), so they are never woken for it.
 */
#ifndef WEIR_CREW_LATENESS_H
#define WEIR_CREW_LATENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crew;

enum {
	LATENESS_WARN_MS = 100, /**< a longer delay of a loop is logged */
	LATENESS_PAUSE_S = 10,  /**< the least time between two such lines */
};

/** What was noticed and not logged yet; zeroed at first. */
struct lateness {
	uint64_t warned_ns; /**< when the last line was logged; 0: never */
	uint64_t n_delays;
	uint64_t worst_ns;
	size_t worst_worker;
};

/** Looks how long the loops were delayed, counts the delays (numbers.h), and logs a warning for
 * those of workers ("event=loop_delayed"). */
void lateness_look(struct lateness *lateness, struct crew *crew);

/** The 99th percentile of the lateness of all timers that have expired, in us. False if none has
 * expired, or there is no memory. */
bool lateness_p99(const struct crew *crew, uint64_t *ret_us);

#endif
