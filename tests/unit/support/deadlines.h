/* SPDX-License-Identifier: ISC */
/* For the tests of deadlines: facts in which nothing has happened, and timeouts that are all
 * off. */
#ifndef WEIR_TESTS_DEADLINES_H
#define WEIR_TESTS_DEADLINES_H

#include "proxy/deadline.h"
#include "suite.h"

#define NEVER NS_NEVER

static const struct conf_timeouts none = {
	.connect_ns = NEVER,
	.queue_ns = NEVER,
	.idle_ns = NEVER,
	.half_close_ns = NEVER,
	.half_close_max_ns = NEVER,
	.write_stall_ns = NEVER,
	.lifetime_ns = NEVER,
	.preface_ns = NEVER,
	.first_byte_ns = NEVER,
	.idle_client_ns = NEVER,
	.idle_upstream_ns = NEVER,
	.drain_ns = NEVER,
};

static const struct deadline_facts nothing = {
	.accepted_ns = 1000,
	.looking_ns = NEVER,
	.queued_ns = NEVER,
	.moved_ns = NEVER,
	.stalled_ns = NEVER,
	.fin_ns = NEVER,
	.awaited_ns = NEVER,
	.silent_ns = {NEVER, NEVER},
};

static inline void assert_next(const struct conf_timeouts *timeouts,
	const struct deadline_facts *facts, enum deadline_kind kind, uint64_t at_ns)
{
	struct deadline next = deadline_next(timeouts, facts);

	ck_assert_int_eq(next.kind, kind);
	ck_assert_uint_eq(next.at_ns, at_ns);
}

static inline void assert_none(
	const struct conf_timeouts *timeouts, const struct deadline_facts *facts)
{
	assert_next(timeouts, facts, DEADLINE_NONE, NEVER);
}

#endif
