/* SPDX-License-Identifier: ISC */
/*
 * Tests of what may happen to a session in each of its stages, row by row of the table in
 * session.c: the client's reset, lifetime, drain, changed timeouts. In virtual time: the clock runs
 * from accept on.
 */
#include "proxy/offer.h"
#include "session_rig.h"
#include "strike.h"
#include "suite.h"
#include "upstream/plan.h"
#include "vtime.h"

/** The stages in which a session stays, except PREFACE, which test_preface_ends.c tests. In
 * CHOOSING it does not stay. */
static const enum session_stage stages[] = {
	SESSION_QUEUED, SESSION_CONNECTING, SESSION_WAITING, SESSION_RELAYING};
enum { STAGES = sizeof(stages) / sizeof(stages[0]), BEFORE_RELAYING = STAGES - 1 };

static struct black_hole hole; /* a connect to it gets no answer */

static void setup(void)
{
	session_rig_setup();
	vtime_freeze();
	black_hole_open(&hole);
}

static void teardown(void)
{
	black_hole_close(&hole);
	session_rig_teardown();
}

static struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

static struct conf_timeouts *timeouts(void)
{
	return &house_terms(&house, 0)->rules.timeouts;
}

/**
 * Begins a session that reaches this stage and stays there. No time has passed since its accept.
 */
static void begin_and_reach(enum session_stage stage, enum wire_kind kind)
{
	char refused[64];

	switch (stage) {
	case SESSION_QUEUED:
		house.servers[0].max_pairs = 1;
		house.upstream.queue_max = 1;
		house_add_server(&house, server.address);
		ck_assert(server_take(
			house_terms(&house, 0)->offer->fallback->plan->members[0]->server));
		break;
	case SESSION_CONNECTING:
		house_add_server(&house, hole.server.address);
		break;
	case SESSION_WAITING:
		house_refused_address(&house, refused);
		house_add_server(&house, refused);
		house.upstream.retry_for_ns = ms(60000);
		break;
	default:
		house_add_server(&house, server.address);
	}
	begin(kind);
	loop_until(session()->stage == stage);
	loop_settle(); /* the attempt begins in the same turn, but later */
}

START_TEST(what_is_for_connecting_is_there_until_the_join)
{
	begin_and_reach(stages[_i], WIRE_TCP);
	ck_assert((session()->setup == NULL) == (stages[_i] == SESSION_RELAYING));
	ck_assert(pair_is_joined(&session()->pair) == (stages[_i] == SESSION_RELAYING));
	side_reset(&client);
	until_ended();
}
END_TEST

START_TEST(the_clients_reset_ends_every_stage)
{
	begin_and_reach(stages[_i], WIRE_TCP);
	side_reset(&client);
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=reset");
	assert_says(" errno=ECONNRESET");
	ck_assert_uint_eq(atomic_load(&house.proxy.part.counters.n_half_closed), 0);
}
END_TEST

START_TEST(the_clients_fin_ends_none_but_a_reset_after_it_does)
{
	begin_and_reach(stages[_i], WIRE_TCP);
	side_finish(&client);
	loop_settle();
	ck_assert_int_eq(session()->stage, stages[_i]);
	side_reset(&client);
	while (house.proxy.part.n_sessions > 0) { /* the timer looks at the server's kernel */
		vtime_pass(ms(1));
	}
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=reset");
	ck_assert_uint_eq(atomic_load(&house.proxy.part.counters.n_half_closed), 0);
}
END_TEST

START_TEST(a_unix_client_that_closes_has_finished)
{
	begin_and_reach(stages[_i], WIRE_UNIX);
	side_close(&client);
	loop_settle();
	ck_assert_int_eq(session()->stage, stages[_i]);
	drain_until_now();
	until_ended();
}
END_TEST

/** The session must end in `ns`, and not a nanosecond before. */
static void assert_ends_in(uint64_t ns)
{
	vtime_pass(ns - 1);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	vtime_pass(1);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 0);
}

START_TEST(lifetime_ends_every_stage_and_counts_from_accept)
{
	timeouts()->lifetime_ns = ms(80); /* this is less than the first wait */
	begin_and_reach(stages[_i], WIRE_TCP);
	assert_ends_in(ms(80));
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=lifetime");
	assert_says(" timer=lifetime");
	assert_says(" late_us=0");
	loop_until(client.in.ended || client.in.error != 0);
	ck_assert(stages[_i] == SESSION_RELAYING || side_saw_reset(&client));
}
END_TEST

START_TEST(a_drain_ends_every_stage)
{
	static struct deadline_drain drain;

	begin_and_reach(stages[_i], WIRE_TCP);
	drain = (struct deadline_drain){
		.start_ns = clock_ns(), .idle_first_ns = NS_NEVER, .end_ns = clock_ns() + ms(80)};
	session_drain(session(), &drain);
	assert_ends_in(ms(80));
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=drain");
	assert_says(" late_us=0");
	loop_until(client.in.ended || client.in.error != 0);
	ck_assert(stages[_i] == SESSION_RELAYING || side_saw_reset(&client));
}
END_TEST

START_TEST(another_lifetime_is_in_force_in_every_stage)
{
	begin_and_reach(stages[_i], WIRE_TCP);
	timeouts()->lifetime_ns = ms(80);
	session_apply_timeouts(session());
	assert_ends_in(ms(80));
	until_ended();
	assert_says(" reason=lifetime");
}
END_TEST

START_TEST(another_connect_timeout_is_in_force_while_connecting)
{
	begin_and_reach(stages[_i], WIRE_TCP);
	timeouts()->connect_ns = ms(80);
	session_apply_timeouts(session());
	vtime_pass(ms(80) - 1);
	ck_assert_int_eq(session()->stage, stages[_i]);
	vtime_pass(2); /* it is late by 1 ns, which shows that this timer struck */
	if (stages[_i] == SESSION_CONNECTING) {
		loop_until(house.proxy.part.n_sessions == 0);
	} else {
		ck_assert_int_eq(session()->stage, stages[_i]);
		drain_until_now();
	}
	until_ended();
	assert_says(stages[_i] == SESSION_CONNECTING ? " timer=connect" : " timer=drain");
}
END_TEST

START_TEST(a_reset_that_came_while_weir_was_late_is_the_reason)
{
	timeouts()->lifetime_ns = ms(80);
	begin_and_reach(stages[_i], WIRE_TCP);
	vtime_advance(ms(90));
	side_reset(&client);
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=reset");
}
END_TEST

START_TEST(a_wait_is_followed_by_a_choice_at_its_time)
{
	begin_and_reach(SESSION_WAITING, WIRE_TCP);
	house_clear_servers(&house);
	house_add_server(&house, server.address);
	vtime_pass(ms(100) - 1);
	ck_assert_int_eq(session()->stage, SESSION_WAITING);
	vtime_pass(1);
	loop_until(session()->stage == SESSION_RELAYING);
	side_reset(&client);
	until_ended();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_stages");
	TCase *tc = invariant_case("each pair ends with exactly one reason", "docs/ARCHITECTURE.md",
		"The way of a pair");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_is_for_connecting_is_there_until_the_join, 0, STAGES);
	tcase_add_loop_test(tc, the_clients_reset_ends_every_stage, 0, STAGES);
	tcase_add_loop_test(tc, the_clients_fin_ends_none_but_a_reset_after_it_does, 0, STAGES);
	tcase_add_loop_test(tc, a_unix_client_that_closes_has_finished, 0, STAGES);
	tcase_add_loop_test(tc, lifetime_ends_every_stage_and_counts_from_accept, 0, STAGES);
	tcase_add_loop_test(tc, a_drain_ends_every_stage, 0, STAGES);
	tcase_add_loop_test(tc, another_lifetime_is_in_force_in_every_stage, 0, STAGES);
	tcase_add_loop_test(tc, another_connect_timeout_is_in_force_while_connecting, 0, STAGES);
	tcase_add_loop_test(
		tc, a_reset_that_came_while_weir_was_late_is_the_reason, 0, BEFORE_RELAYING);
	tcase_add_test(tc, a_wait_is_followed_by_a_choice_at_its_time);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
