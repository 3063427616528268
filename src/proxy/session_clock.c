/* SPDX-License-Identifier: ISC */
#include "proxy/session_clock.h"

int session_clock_open(struct session_clock *clock, struct loop *loop,
	const struct session_rules *rules, void (*strike)(struct timer *timer))
{
	*clock = (struct session_clock){.rules = rules, .accepted_ns = clock_ns()};
	return timer_open(&clock->timer, loop, strike);
}

void session_clock_close(struct session_clock *clock)
{
	timer_close(&clock->timer);
}

struct deadline_facts session_clock_facts(const struct session_clock *clock)
{
	return (struct deadline_facts){
		.accepted_ns = clock->accepted_ns,
		.looking_ns = NS_NEVER,
		.queued_ns = NS_NEVER,
		.moved_ns = NS_NEVER,
		.stalled_ns = NS_NEVER,
		.fin_ns = NS_NEVER,
		.awaited_ns = NS_NEVER,
		.silent_ns = {NS_NEVER, NS_NEVER},
		.drain = clock->drain,
		.since_ns = clock->rules->since_ns,
	};
}

struct deadline session_clock_next(
	const struct session_clock *clock, const struct deadline_facts *facts)
{
	return deadline_next(&clock->rules->timeouts, facts);
}

void session_clock_wind(struct session_clock *clock, uint64_t at_ns)
{
	if (at_ns < clock->timer.deadline_ns) {
		timer_arm(&clock->timer, at_ns);
	}
}
