/* SPDX-License-Identifier: ISC */
/*
 * Tests of how long weir asks systemd to wait, and of which signals count as a second one. The
 * Python tests have the rest of stopping.
 */
#include "service/stop.h"

#include <signal.h>

#include "crew/crew.h"
#include "fixture.h"
#include "proxy/proxy.h"
#include "suite.h"
#include "vtime.h"

#define S(n) ((uint64_t)(n)*NS_PER_S)

/** A stop that began at 100 s. */
static const struct stop draining = {
	.phase = STOP_DRAIN, .grace_end_ns = S(100), .end_ns = S(100) + S(60)};

static uint64_t asked_s(const struct stop *stop, uint64_t now_ns, bool fewer)
{
	uint64_t us = stop_extension_us(stop, now_ns, fewer);

	ck_assert_uint_eq(us % 1000000, 0);
	return us / 1000000;
}

START_TEST(time_is_asked_for_whatever_the_pairs_do)
{
	ck_assert_uint_eq(asked_s(&draining, S(100), false), STOP_EXTEND_S);
	ck_assert_uint_eq(asked_s(&draining, S(130), false), STOP_EXTEND_S);
	ck_assert_uint_eq(asked_s(&draining, S(130), true), STOP_EXTEND_S);
}
END_TEST

START_TEST(no_time_is_asked_for_beyond_the_budget_and_its_margin)
{
	ck_assert_uint_eq(asked_s(&draining, S(135), false), STOP_EXTEND_S);
	ck_assert_uint_eq(asked_s(&draining, S(136), false), 24 + STOP_MARGIN_S);
	ck_assert_uint_eq(asked_s(&draining, S(159), false), 1 + STOP_MARGIN_S);
	ck_assert_uint_eq(asked_s(&draining, S(160), true), 0);
	ck_assert_uint_eq(asked_s(&draining, S(200), true), 0);
}
END_TEST

START_TEST(without_a_budget_it_takes_fewer_pairs_or_a_grace)
{
	struct stop stop = {.phase = STOP_GRACE, .grace_end_ns = S(120), .end_ns = NS_NEVER};

	ck_assert_uint_eq(asked_s(&stop, S(119), false), STOP_EXTEND_S);
	stop.phase = STOP_DRAIN;
	ck_assert_uint_eq(asked_s(&stop, S(120), false), 0);
	ck_assert_uint_eq(asked_s(&stop, S(120), true), STOP_EXTEND_S);
}
END_TEST

START_TEST(who_runs_or_ends_asks_for_nothing)
{
	struct stop stop = draining;

	stop.phase = STOP_RUNNING;
	ck_assert_uint_eq(asked_s(&stop, S(110), true), 0);
	stop.phase = STOP_END;
	ck_assert_uint_eq(asked_s(&stop, S(110), true), 0);
}
END_TEST

START_TEST(what_is_left_is_of_the_phase)
{
	struct stop stop = draining;

	ck_assert_uint_eq(stop_left_ns(&stop, S(150)), S(10));
	ck_assert_uint_eq(stop_left_ns(&stop, S(161)), 0);
	stop.phase = STOP_GRACE;
	stop.grace_end_ns = S(120);
	ck_assert_uint_eq(stop_left_ns(&stop, S(105)), S(15));
	stop.phase = STOP_DRAIN;
	stop.end_ns = NS_NEVER;
	ck_assert_uint_eq(stop_left_ns(&stop, S(105)), NS_NEVER);
}
END_TEST

/**
 * Returns the phase of a stop that SIGTERM began, when the signal `number` comes `after_ns` later.
 */
static enum stop_phase phase_after(int number, uint64_t after_ns)
{
	struct conf conf = {.timeouts.drain_ns = S(60)};
	struct proxy_shared shared = {0};
	struct crew crew = {.opts.loop = test_loop};
	struct stop stop = {.loop = test_loop, .shared = &shared, .crew = &crew};
	enum stop_phase phase;

	ck_assert_int_eq(stop_open(&stop), 0);
	vtime_freeze();
	stop_signal(&stop, &conf, 0, SIGTERM);
	ck_assert_int_eq(stop.phase, STOP_DRAIN);
	vtime_advance(after_ns);
	stop_signal(&stop, &conf, 0, number);
	phase = stop.phase;
	stop_close(&stop);
	return phase;
}

START_TEST(a_signal_that_repeats_within_a_second_is_the_same_one)
{
	ck_assert_int_eq(phase_after(SIGTERM, 0), STOP_DRAIN);
	ck_assert_int_eq(phase_after(SIGTERM, S(1) - 1), STOP_DRAIN);
	ck_assert_int_eq(phase_after(SIGTERM, S(1)), STOP_END);
}
END_TEST

START_TEST(another_signal_is_a_second_one_however_soon)
{
	ck_assert_int_eq(phase_after(SIGINT, 0), STOP_END);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stop");
	TCase *tc = tcase_create("stop");

	tcase_add_test(tc, time_is_asked_for_whatever_the_pairs_do);
	tcase_add_test(tc, no_time_is_asked_for_beyond_the_budget_and_its_margin);
	tcase_add_test(tc, without_a_budget_it_takes_fewer_pairs_or_a_grace);
	tcase_add_test(tc, who_runs_or_ends_asks_for_nothing);
	tcase_add_test(tc, what_is_left_is_of_the_phase);
	suite_add_tcase(suite, tc);
	tc = tcase_create("signals");
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, a_signal_that_repeats_within_a_second_is_the_same_one);
	tcase_add_test(tc, another_signal_is_a_second_one_however_soon);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
