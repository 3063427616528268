/* SPDX-License-Identifier: ISC */
/*
 * The one clock of a session, from accept to its end, whatever goes on in it: which timer is due
 * next (deadline.h), and one timer of the loop that strikes for whichever it is.
 *
 * The clock knows what holds in every stage: when the session was accepted, which timeouts are in
 * force and how the process drains. What else has happened its user adds to the facts.
 *
 * It is wound only ever forward: a deadline that activity has put off is found out when the timer
 * strikes, so that bytes which move cost no timer.
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

/** What holds for a session. Its owner may change the timeouts, and then winds the clock. */
struct session_rules {
	struct conf_timeouts timeouts;
	uint64_t since_ns; /**< in force since then, see struct deadline_facts */
	bool idle_resets;  /**< idle ends with RST to both, in place of FIN */
	/** Where what they do is counted: of the listener's name, on this worker. */
	struct tally *tally;
};

struct session_clock {
	struct timer timer;
	const struct session_rules *rules;  /**< borrowed */
	const struct deadline_drain *drain; /**< borrowed; NULL: not draining */
	uint64_t accepted_ns;
};

/**
 * Sets the clock up, not wound yet; the session counts as accepted now. `strike` is that of a timer
 * (timer.h). 0 or -ENOMEM.
 */
int session_clock_open(struct session_clock *clock, struct loop *loop,
	const struct session_rules *rules, void (*strike)(struct timer *timer));

/** Strikes no more. Idempotent, also on a zeroed clock; the memory may go at once. */
void session_clock_close(struct session_clock *clock);

/** What the clock knows; what it does not know has not happened. */
struct deadline_facts session_clock_facts(const struct session_clock *clock);

/** Which timer is due next, by these facts. */
struct deadline session_clock_next(
	const struct session_clock *clock, const struct deadline_facts *facts);

/** Strikes at `at_ns` at the latest. */
void session_clock_wind(struct session_clock *clock, uint64_t at_ns);

#endif
