/* SPDX-License-Identifier: ISC */
#include "proxy/deadline.h"

#include <assert.h>

const char *deadline_name(enum deadline_kind kind)
{
	static const char *const names[DEADLINE_KINDS] = {
		[DEADLINE_CONNECT] = "connect",
		[DEADLINE_WRITE_STALL] = "write_stall",
		[DEADLINE_HALF_CLOSE] = "half_close",
		[DEADLINE_HALF_CLOSE_MAX] = "half_close_max",
		[DEADLINE_IDLE] = "idle",
		[DEADLINE_LIFETIME] = "lifetime",
		[DEADLINE_DRAIN] = "drain",
	};

	assert(kind < DEADLINE_KINDS);
	return names[kind];
}

/** Takes the candidate if it is earlier: called in the order that decides between equal ones. */
static void consider(
	struct deadline *next, enum deadline_kind kind, uint64_t start_ns, uint64_t duration_ns)
{
	uint64_t at_ns = clock_after(start_ns, duration_ns);

	if (at_ns < next->at_ns) {
		next->at_ns = at_ns;
		next->kind = kind;
	}
}

struct deadline deadline_next(
	const struct conf_timeouts *timeouts, const struct deadline_facts *facts)
{
	struct deadline next = {.at_ns = NS_NEVER, .kind = DEADLINE_NONE};
	bool half_closed = facts->fin_ns != NS_NEVER;
	bool waiting = facts->stalled_ns != NS_NEVER;

	consider(&next, DEADLINE_WRITE_STALL, facts->stalled_ns, timeouts->write_stall_ns);
	if (half_closed) {
		uint64_t quiet_ns =
			facts->moved_ns > facts->fin_ns ? facts->moved_ns : facts->fin_ns;

		if (!waiting) {
			consider(&next, DEADLINE_HALF_CLOSE, quiet_ns, timeouts->half_close_ns);
		}
		consider(
			&next, DEADLINE_HALF_CLOSE_MAX, facts->fin_ns, timeouts->half_close_max_ns);
	} else if (!waiting) {
		consider(&next, DEADLINE_IDLE, facts->moved_ns, timeouts->idle_ns);
	}
	consider(&next, DEADLINE_LIFETIME, facts->accepted_ns, timeouts->lifetime_ns);
	consider(&next, DEADLINE_DRAIN, facts->drain_ns, 0);
	return next;
}
