/* SPDX-License-Identifier: ISC */
/*
 * The clock of a session runs from accept to its end, through all stages. A session has many
 * timeouts but only one timer of the loop, armed for the deadline that is next (deadline.h). To
 * wind the clock is to arm that timer; the clock strikes when the timer expires.
 *
 * The clock knows what all stages have in common: when the session was accepted, which timeouts are
 * in force and how the process drains. Its user adds to these facts what else has happened.
 *
 * Winding never makes the clock strike later than before. If activity has moved a deadline to a
 * later time, that is noticed when the clock strikes. So moving bytes does not touch the timer.
 */
#ifndef WEIR_PROXY_SESSION_CLOCK_H
#define WEIR_PROXY_SESSION_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "proxy/deadline.h"
#include "stream/timer.h"

struct loop;
struct tally;

/** The rules for a session. Their owner may change the timeouts, and must then wind the clock. */
struct session_rules {
	struct conf_timeouts timeouts;
	uint64_t since_ns; /**< since when the timeouts are in force, see struct deadline_facts */
	bool idle_resets;  /**< `idle` ends the pair with RST to both sides instead of FIN */
	/** Where the sessions are counted: the tally of the listener's name on this worker. */
	struct tally *tally;
};

struct session_clock {
	struct timer timer;
	const struct session_rules *rules;  /**< borrowed */
	const struct deadline_drain *drain; /**< borrowed; NULL: no drain */
	uint64_t accepted_ns;
};

/**
 * Sets the clock up without winding it; the session counts as accepted now. `strike` is the
 * callback of its timer (timer.h). 0 or -ENOMEM.
 */
int session_clock_open(struct session_clock *clock, struct loop *loop,
	const struct session_rules *rules, void (*strike)(struct timer *timer));

/** Stops the clock: strike() is not called any more. Idempotent, also on a zeroed clock. The memory
 * may be freed at once. */
void session_clock_close(struct session_clock *clock);

/** The facts that the clock knows; all others are set to "has not happened". */
struct deadline_facts session_clock_facts(const struct session_clock *clock);

/** The deadline that is next, by these facts. */
struct deadline session_clock_next(
	const struct session_clock *clock, const struct deadline_facts *facts);

/** Makes the clock strike at `at_ns` at the latest. */
void session_clock_wind(struct session_clock *clock, uint64_t at_ns);

#endif
