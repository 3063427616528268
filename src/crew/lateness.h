/* SPDX-License-Identifier: ISC */
/*
 * How late weir is: of its timers for STATUS=, of its loops for a warning.
 *
 * Looked at once a second by the main thread; the workers only count (part::late,
 * loop_take_delay_ns()), so that it costs them no wake-up.
 */
#ifndef WEIR_CREW_LATENESS_H
#define WEIR_CREW_LATENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crew;

enum {
	LATENESS_WARN_MS = 100, /**< a loop that was delayed for longer is worth a line */
	LATENESS_PAUSE_S = 10,  /**< between two such lines */
};

/** What was noticed and not told yet; zeroed at first. */
struct lateness {
	uint64_t warned_ns; /**< when the last line was logged; 0: never */
	uint64_t n_delays;
	uint64_t worst_ns;
	size_t worst_worker;
};

/** Looks how long the loops were delayed, counts it (numbers.h), and warns of the workers'
 * ("event=loop_delayed"). */
void lateness_look(struct lateness *lateness, struct crew *crew);

/** The 99th percentile of all timers that have struck; false when none has, or without memory. */
bool lateness_p99(const struct crew *crew, uint64_t *ret_us);

#endif
