/* SPDX-License-Identifier: ISC */
/* The time is a parameter in these tests, so every comparison is exact. */
#include "proxy/deadline.h"

#include <stddef.h>

#include "deadlines.h"

/* ---- each timer alone ---- */

START_TEST(nothing_is_due_when_all_are_off)
{
	struct deadline_facts facts = nothing;

	assert_none(&none, &nothing);
	facts.moved_ns = 2000;
	assert_none(&none, &facts);
	facts.fin_ns = 3000;
	assert_none(&none, &facts);
	facts.stalled_ns = 4000;
	assert_none(&none, &facts);
}
END_TEST

START_TEST(idle_counts_from_the_last_byte_moved)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.idle_ns = 500;
	assert_none(&timeouts, &facts); /* not while connecting */
	facts.moved_ns = 2000;
	assert_next(&timeouts, &facts, DEADLINE_IDLE, 2500);
	facts.moved_ns = 2001;
	assert_next(&timeouts, &facts, DEADLINE_IDLE, 2501);
}
END_TEST

START_TEST(a_timer_of_silence_tells_how_long_it_waits_for_it)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;
	struct deadline_drain drain = {.start_ns = 3000, .idle_first_ns = 200, .end_ns = NEVER};

	facts.moved_ns = 2000;
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, NEVER);
	timeouts.lifetime_ns = 5000;
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, NEVER);
	timeouts.idle_ns = 1500;
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, 1500);
	facts.drain = &drain; /* due at its start: the pair was silent for long enough before */
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, 200);
	facts.fin_ns = 2000;
	facts.drain = NULL;
	timeouts.half_close_ns = 700;
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, 700);
	timeouts.half_close_max_ns = 600;
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, NEVER);
	facts.stalled_ns = 2000;
	timeouts.write_stall_ns = 500;
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, 500);
}
END_TEST

START_TEST(idle_stands_still_while_bytes_wait)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.idle_ns = 500;
	facts.moved_ns = 2000;
	facts.stalled_ns = 2000;
	assert_none(&timeouts, &facts);
}
END_TEST

START_TEST(silence_stands_still_while_a_rate_holds_bytes_back)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;
	struct deadline_drain drain = {.start_ns = 3000, .idle_first_ns = 200, .end_ns = NEVER};

	timeouts.idle_ns = 500;
	timeouts.half_close_ns = 500;
	timeouts.lifetime_ns = 500;
	timeouts.lifetime_grace_ns = NS_PER_MS;
	facts.moved_ns = 2000;
	facts.drain = &drain;
	facts.is_throttled = true;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, 1500 + NS_PER_MS);
	facts.fin_ns = 2000;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, 1500 + NS_PER_MS);
	timeouts.write_stall_ns = 700;
	facts.stalled_ns = 2000;
	assert_next(&timeouts, &facts, DEADLINE_WRITE_STALL, 2700);
}
END_TEST

START_TEST(write_stall_counts_from_the_last_byte_taken)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.write_stall_ns = 700;
	facts.moved_ns = 9000;
	assert_none(&timeouts, &facts); /* no bytes wait */
	facts.stalled_ns = 2000;
	assert_next(&timeouts, &facts, DEADLINE_WRITE_STALL, 2700);
}
END_TEST

START_TEST(half_close_replaces_idle)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.idle_ns = 10;
	facts.moved_ns = 2000;
	facts.fin_ns = 3000;
	assert_none(&timeouts, &facts);
	timeouts.half_close_ns = 600;
	assert_next(&timeouts, &facts, DEADLINE_HALF_CLOSE, 3600);
}
END_TEST

START_TEST(half_close_counts_from_the_fin_or_the_last_byte_after_it)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.half_close_ns = 600;
	facts.moved_ns = 2999;
	assert_none(&timeouts, &facts); /* not before the FIN */
	facts.fin_ns = 3000;
	assert_next(&timeouts, &facts, DEADLINE_HALF_CLOSE, 3600);
	facts.moved_ns = 3001;
	assert_next(&timeouts, &facts, DEADLINE_HALF_CLOSE, 3601);
}
END_TEST

START_TEST(half_close_stands_still_while_bytes_wait)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.half_close_ns = 600;
	facts.moved_ns = 2000;
	facts.fin_ns = 3000;
	facts.stalled_ns = 2500;
	assert_none(&timeouts, &facts);
}
END_TEST

START_TEST(half_close_max_counts_from_the_fin_whatever_moves_or_waits)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.half_close_max_ns = 800;
	facts.moved_ns = 2000;
	assert_none(&timeouts, &facts);
	facts.fin_ns = 3000;
	assert_next(&timeouts, &facts, DEADLINE_HALF_CLOSE_MAX, 3800);
	facts.moved_ns = 3799;
	facts.stalled_ns = 3799;
	assert_next(&timeouts, &facts, DEADLINE_HALF_CLOSE_MAX, 3800);
}
END_TEST

START_TEST(lifetime_counts_from_accept_in_every_state)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.lifetime_ns = 90;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, 1090);
	facts.moved_ns = 1050;
	facts.stalled_ns = 1051;
	facts.fin_ns = 1052;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, 1090);
}
END_TEST

START_TEST(first_byte_counts_from_the_join_whatever_moves_or_waits)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.first_byte_ns = 70;
	facts.moved_ns = 2000;
	assert_none(&timeouts, &facts); /* the client's first byte has come */
	facts.awaited_ns = 2000;
	assert_next(&timeouts, &facts, DEADLINE_FIRST_BYTE, 2070);
	facts.moved_ns = 2050;
	facts.stalled_ns = 2051;
	facts.fin_ns = 2052;
	assert_next(&timeouts, &facts, DEADLINE_FIRST_BYTE, 2070);
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, NEVER);
}
END_TEST

START_TEST(idle_of_a_side_counts_from_what_that_side_sent)
{
	static const enum deadline_kind kinds[SIDES] = {
		DEADLINE_IDLE_CLIENT, DEADLINE_IDLE_UPSTREAM};
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	*(_i == 0 ? &timeouts.idle_client_ns : &timeouts.idle_upstream_ns) = 300;
	facts.silent_ns[1 - _i] = 2000;
	assert_none(&timeouts, &facts);
	facts.silent_ns[_i] = 2100;
	assert_next(&timeouts, &facts, kinds[_i], 2400);
	facts.moved_ns = 2399;
	facts.stalled_ns = 2398;
	facts.fin_ns = 2397;
	assert_next(&timeouts, &facts, kinds[_i], 2400);
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, NEVER);
}
END_TEST

START_TEST(drain_is_a_deadline_of_its_own_in_every_state)
{
	static const struct deadline_drain drain = {
		.start_ns = 2000, .idle_first_ns = NEVER, .end_ns = 5000};
	struct deadline_facts facts = nothing;

	facts.drain = &drain;
	assert_next(&none, &facts, DEADLINE_DRAIN, 5000);
	facts.moved_ns = 4000;
	facts.stalled_ns = 4001;
	facts.fin_ns = 4002;
	assert_next(&none, &facts, DEADLINE_DRAIN, 5000);
}
END_TEST

START_TEST(a_drain_may_spare_whoever_is_accepted_from_a_time_on)
{
	struct deadline_drain drain = {.start_ns = 2000, .idle_first_ns = 100, .end_ns = 5000};
	struct deadline_facts facts = nothing;

	facts.drain = &drain;
	facts.accepted_ns = 2000;
	assert_next(&none, &facts, DEADLINE_DRAIN, 5000);
	drain.spares_ns = 2000;
	assert_none(&none, &facts);
	facts.accepted_ns = 1999;
	assert_next(&none, &facts, DEADLINE_DRAIN, 5000);
}
END_TEST

START_TEST(queue_counts_from_entering_it)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.queue_ns = 300;
	assert_none(&timeouts, &facts);
	facts.queued_ns = 2000;
	assert_next(&timeouts, &facts, DEADLINE_QUEUE, 2300);
}
END_TEST

START_TEST(connect_is_left_to_the_connector)
{
	struct conf_timeouts timeouts = none;

	timeouts.connect_ns = 1;
	assert_none(&timeouts, &nothing);
}
END_TEST

/* ---- each timer against every other ---- */

/** Sets the facts and timeouts so that the timer `kind` is due at `at_ns`, and no other. */
static void arrange(enum deadline_kind kind, uint64_t at_ns, struct conf_timeouts *timeouts,
	struct deadline_facts *facts)
{
	static struct deadline_drain drain;

	switch (kind) {
	case DEADLINE_PREFACE:
		facts->looking_ns = facts->accepted_ns;
		timeouts->preface_ns = at_ns - facts->accepted_ns;
		break;
	case DEADLINE_QUEUE:
		facts->queued_ns = at_ns - 10;
		timeouts->queue_ns = 10;
		break;
	case DEADLINE_WRITE_STALL:
		facts->stalled_ns = at_ns - 10;
		timeouts->write_stall_ns = 10;
		break;
	case DEADLINE_HALF_CLOSE:
		facts->moved_ns = 1500;
		facts->fin_ns = 2000;
		timeouts->half_close_ns = at_ns - 2000;
		break;
	case DEADLINE_HALF_CLOSE_MAX:
		facts->moved_ns = 1500;
		facts->fin_ns = 2000;
		timeouts->half_close_max_ns = at_ns - 2000;
		break;
	case DEADLINE_FIRST_BYTE:
		facts->awaited_ns = at_ns - 10;
		timeouts->first_byte_ns = 10;
		break;
	case DEADLINE_IDLE_CLIENT:
		facts->silent_ns[SIDE_CLIENT] = at_ns - 10;
		timeouts->idle_client_ns = 10;
		break;
	case DEADLINE_IDLE_UPSTREAM:
		facts->silent_ns[SIDE_UPSTREAM] = at_ns - 10;
		timeouts->idle_upstream_ns = 10;
		break;
	case DEADLINE_IDLE:
		facts->moved_ns = 2000;
		timeouts->idle_ns = at_ns - 2000;
		break;
	case DEADLINE_LIFETIME:
		timeouts->lifetime_ns = at_ns - facts->accepted_ns;
		break;
	case DEADLINE_DRAIN:
		drain = (struct deadline_drain){.idle_first_ns = NEVER, .end_ns = at_ns};
		facts->drain = &drain;
		break;
	default:
		ck_abort_msg("no timer of a pair");
	}
}

/** Whether the two can be due in the same state: see the table in deadline.h. */
static bool can_meet(enum deadline_kind a, enum deadline_kind b)
{
	unsigned both = 1U << a | 1U << b;
	unsigned stalled = 1U << DEADLINE_WRITE_STALL;
	unsigned idle = 1U << DEADLINE_IDLE;
	unsigned half_close = 1U << DEADLINE_HALF_CLOSE;
	unsigned half_close_max = 1U << DEADLINE_HALF_CLOSE_MAX;

	return a != b && both != (stalled | idle) && both != (stalled | half_close) &&
	       both != (idle | half_close) && both != (idle | half_close_max);
}

static void assert_meeting(enum deadline_kind a, enum deadline_kind b)
{
	for (int shift = -1; shift <= 1; shift++) {
		struct conf_timeouts timeouts = none;
		struct deadline_facts facts = nothing;
		uint64_t a_ns = 10000;
		uint64_t b_ns = (uint64_t)(10000 + shift);

		arrange(a, a_ns, &timeouts, &facts);
		arrange(b, b_ns, &timeouts, &facts);
		if (shift < 0) {
			assert_next(&timeouts, &facts, b, b_ns);
		} else {
			assert_next(&timeouts, &facts, a, a_ns); /* a tie: the first in the list */
		}
	}
}

START_TEST(the_earliest_wins_and_ties_go_by_the_order)
{
	unsigned n_meetings = 0;

	for (enum deadline_kind a = DEADLINE_PREFACE; a < DEADLINE_KINDS; a++) {
		for (enum deadline_kind b = a + 1; b < DEADLINE_KINDS; b++) {
			if (can_meet(a, b)) {
				assert_meeting(a, b);
				n_meetings++;
			}
		}
	}
	ck_assert_uint_eq(n_meetings, 51);
}
END_TEST

START_TEST(all_that_can_be_due_at_once_go_by_the_order)
{
	static const enum deadline_kind queued[] = {
		DEADLINE_QUEUE, DEADLINE_LIFETIME, DEADLINE_DRAIN};
	static const enum deadline_kind stalled[] = {DEADLINE_WRITE_STALL, DEADLINE_HALF_CLOSE_MAX,
		DEADLINE_FIRST_BYTE, DEADLINE_IDLE_CLIENT, DEADLINE_LIFETIME, DEADLINE_DRAIN};
	static const enum deadline_kind half_closed[] = {DEADLINE_HALF_CLOSE,
		DEADLINE_HALF_CLOSE_MAX, DEADLINE_FIRST_BYTE, DEADLINE_IDLE_CLIENT,
		DEADLINE_LIFETIME, DEADLINE_DRAIN};
	static const enum deadline_kind quiet[] = {DEADLINE_FIRST_BYTE, DEADLINE_IDLE_CLIENT,
		DEADLINE_IDLE_UPSTREAM, DEADLINE_IDLE, DEADLINE_LIFETIME, DEADLINE_DRAIN};
	static const struct {
		const enum deadline_kind *kinds;
		size_t n;
	} states[] = {{queued, 3}, {stalled, 6}, {half_closed, 6}, {quiet, 6}};

	for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
		/* First all of them are set, then all but the first, and so on. */
		for (size_t first = 0; first < states[s].n; first++) {
			struct conf_timeouts timeouts = none;
			struct deadline_facts facts = nothing;

			for (size_t i = first; i < states[s].n; i++) {
				arrange(states[s].kinds[i], 10000, &timeouts, &facts);
			}
			assert_next(&timeouts, &facts, states[s].kinds[first], 10000);
		}
	}
}
END_TEST

/* ---- the ends of the range ---- */

START_TEST(a_sum_that_does_not_fit_is_never)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	facts.moved_ns = NEVER - 100;
	timeouts.idle_ns = 101;
	assert_none(&timeouts, &facts);
	timeouts.idle_ns = 100; /* the sum is NS_NEVER itself */
	assert_none(&timeouts, &facts);
	timeouts.idle_ns = 99;
	assert_next(&timeouts, &facts, DEADLINE_IDLE, NEVER - 1);
	facts.stalled_ns = NEVER - 1;
	timeouts.write_stall_ns = NEVER - 1;
	assert_none(&timeouts, &facts);
}
END_TEST

START_TEST(a_timeout_of_zero_is_due_at_once)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.idle_ns = 0;
	facts.moved_ns = 2000;
	assert_next(&timeouts, &facts, DEADLINE_IDLE, 2000);
}
END_TEST

START_TEST(nothing_is_due_before_the_timeouts_are_in_force)
{
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	facts.moved_ns = 2000;
	facts.since_ns = 5000;
	assert_none(&none, &facts);
	timeouts.idle_ns = 1000;
	timeouts.lifetime_ns = 3000;
	/* Both have passed already: the earlier one strikes, and it counts as punctual. */
	assert_next(&timeouts, &facts, DEADLINE_IDLE, 5000);
	timeouts.idle_ns = 3000;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, 5000);
	timeouts.lifetime_ns = NEVER;
	assert_next(&timeouts, &facts, DEADLINE_IDLE, 5000);
	timeouts.idle_ns = 3001;
	assert_next(&timeouts, &facts, DEADLINE_IDLE, 5001);
}
END_TEST

START_TEST(names_are_those_of_the_config)
{
	static const char *const names[] = {"connect", "preface", "queue", "write_stall",
		"half_close", "half_close_max", "first_byte", "idle_client", "idle_upstream",
		"idle", "lifetime", "drain"};

	for (enum deadline_kind kind = 0; kind < DEADLINE_KINDS; kind++) {
		ck_assert_str_eq(deadline_name(kind), names[kind]);
	}
}
END_TEST

/* ---- all timers ---- */

START_TEST(all_are_told_with_the_next_among_them)
{
	const struct conf_timeouts timeouts = {
		.connect_ns = 1,
		.queue_ns = 150,
		.idle_ns = 100,
		.half_close_ns = 200,
		.half_close_max_ns = 300,
		.write_stall_ns = 400,
		.lifetime_ns = 5000,
		.lifetime_grace_ns = 7000,
		.first_byte_ns = 250,
		.idle_client_ns = 350,
		.idle_upstream_ns = 150,
		.drain_ns = 1,
	};
	const struct deadline_drain drain = {
		.start_ns = 2000, .idle_first_ns = 700, .end_ns = 9000};
	/* The states: nothing yet, relaying, half-closed, bytes wait, the timeouts came into
	 * force later, a drain, queued, the client is silent. */
	for (unsigned i = 0; i < 128; i++) {
		const struct deadline_facts facts = {
			.accepted_ns = 1000,
			.looking_ns = NEVER,
			.queued_ns = (i & 32) != 0 ? 1050 : NEVER,
			.moved_ns = (i & 1) != 0 ? 1100 : NEVER,
			.fin_ns = (i & 2) != 0 ? 1200 : NEVER,
			.stalled_ns = (i & 4) != 0 ? 1300 : NEVER,
			.awaited_ns = (i & 64) != 0 ? 1100 : NEVER,
			.silent_ns = {(i & 64) != 0 ? 1100 : NEVER, NEVER},
			.since_ns = (i & 8) != 0 ? 1450 : 0,
			.drain = (i & 16) != 0 ? &drain : NULL,
		};
		struct deadline next = deadline_next(&timeouts, &facts);
		uint64_t at_ns[DEADLINE_KINDS];

		deadline_all(&timeouts, &facts, at_ns);
		ck_assert_uint_eq(at_ns[next.kind], next.at_ns);
		for (enum deadline_kind kind = 0; kind < DEADLINE_KINDS; kind++) {
			ck_assert_uint_ge(at_ns[kind], next.at_ns);
		}
		ck_assert_uint_eq(at_ns[DEADLINE_CONNECT], NEVER);
		ck_assert_uint_ge(at_ns[DEADLINE_LIFETIME], 6000);
		ck_assert_int_eq(at_ns[DEADLINE_FIRST_BYTE] == NEVER, (i & 64) == 0);
		ck_assert_int_eq(at_ns[DEADLINE_IDLE_CLIENT] == NEVER, (i & 64) == 0);
		ck_assert_uint_eq(at_ns[DEADLINE_IDLE_UPSTREAM], NEVER);
		ck_assert_int_eq(at_ns[DEADLINE_DRAIN] == NEVER, facts.drain == NULL);
		ck_assert_int_eq(at_ns[DEADLINE_HALF_CLOSE_MAX] == NEVER, facts.fin_ns == NEVER);
		ck_assert_int_eq(at_ns[DEADLINE_WRITE_STALL] == NEVER, facts.stalled_ns == NEVER);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadline");
	TCase *tc = tcase_create("deadline");

	tcase_add_test(tc, nothing_is_due_when_all_are_off);
	tcase_add_test(tc, idle_counts_from_the_last_byte_moved);
	tcase_add_test(tc, a_timer_of_silence_tells_how_long_it_waits_for_it);
	tcase_add_test(tc, idle_stands_still_while_bytes_wait);
	tcase_add_test(tc, silence_stands_still_while_a_rate_holds_bytes_back);
	tcase_add_test(tc, write_stall_counts_from_the_last_byte_taken);
	tcase_add_test(tc, half_close_replaces_idle);
	tcase_add_test(tc, half_close_counts_from_the_fin_or_the_last_byte_after_it);
	tcase_add_test(tc, half_close_stands_still_while_bytes_wait);
	tcase_add_test(tc, half_close_max_counts_from_the_fin_whatever_moves_or_waits);
	tcase_add_test(tc, lifetime_counts_from_accept_in_every_state);
	tcase_add_test(tc, first_byte_counts_from_the_join_whatever_moves_or_waits);
	tcase_add_loop_test(tc, idle_of_a_side_counts_from_what_that_side_sent, 0, SIDES);
	tcase_add_test(tc, drain_is_a_deadline_of_its_own_in_every_state);
	tcase_add_test(tc, a_drain_may_spare_whoever_is_accepted_from_a_time_on);
	tcase_add_test(tc, queue_counts_from_entering_it);
	tcase_add_test(tc, connect_is_left_to_the_connector);
	tcase_add_test(tc, the_earliest_wins_and_ties_go_by_the_order);
	tcase_add_test(tc, all_that_can_be_due_at_once_go_by_the_order);
	tcase_add_test(tc, a_sum_that_does_not_fit_is_never);
	tcase_add_test(tc, a_timeout_of_zero_is_due_at_once);
	tcase_add_test(tc, nothing_is_due_before_the_timeouts_are_in_force);
	tcase_add_test(tc, names_are_those_of_the_config);
	tcase_add_test(tc, all_are_told_with_the_next_among_them);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
