/* SPDX-License-Identifier: ISC */
/* Checks of a target in virtual time: when the target is checked, and when it is down or up. */
#include "upstream/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_rig.h"
#include "connector_rig.h"
#include "fixture.h"
#include "suite.h"

/* ---- up and down ---- */

/* P: the check passes, F: it fails. After a check, d (down) or u (up) and a number say that the
 * state changes, and how many checks have decided it. */
static const struct {
	unsigned rise;
	unsigned fall;
	const char *checks;
} stories[] = {
	{2, 3, "P P P"},
	{2, 3, "Fd1"},
	{2, 3, "P F F P F F P"},
	{2, 3, "P F F Fd3 F F"},
	{2, 3, "Fd1 P F P F P Pu2"},
	{2, 3, "Fd1 P Pu2 F P F F Fd3 P F P Pu2 P"},
	{1, 1, "Fd1 Pu1 Fd1 Pu1 P Fd1 F"},
	{3, 1, "P Fd1 P P Pu3 Fd1"},
	{1, 4,
		"F"
		"d1 Pu1 F F F P F F F Fd4"},
	{10, 10, "Fd1 P P P P P P P P P Pu10 F F F F F F F F F Fd10"},
};

START_TEST(it_goes_down_and_comes_up_by_checks_in_a_row)
{
	rig.opts.rise = stories[_i].rise;
	rig.opts.fall = stories[_i].fall;
	/* With this phase the first check, like the later ones, comes within an interval. */
	rig.opts.phase = UINT32_MAX;
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	for (const char *step = stories[_i].checks; *step != '\0';) {
		unsigned n_changes = rig.n_changes;
		bool passes = *step == 'P';
		char *next = (char *)step + 1;

		serve_or_refuse(passes);
		vtime_pass(rig.is_up ? EVERY_NS : DOWN_NS);
		if (*next == 'u' || *next == 'd') {
			n_changes++;
			ck_assert_int_eq(rig.is_up, passes);
			ck_assert_uint_eq(rig.n_checks, strtoul(next + 1, &next, 10));
		}
		ck_assert_uint_eq(rig.n_changes, n_changes);
		step = *next == ' ' ? next + 1 : next;
	}
}
END_TEST

START_TEST(it_tells_how_long_it_was_so)
{
	rig.opts.phase = UINT32_C(1) << 31;
	rig.opts.every_down_ns = EVERY_NS;
	check_rig_open();
	serve_or_refuse(false);
	pass_until(on_grid(rig.open_ns + EVERY_NS / 2));
	ck_assert_uint_eq(rig.n_changes, 1);
	ck_assert_uint_eq(rig.lasted_ns, clock_ns() - rig.open_ns);
	ck_assert_uint_eq(check_since_ns(rig.check), clock_ns());
	serve_or_refuse(true);
	vtime_pass(EVERY_NS);
	vtime_pass(EVERY_NS);
	ck_assert_uint_eq(rig.n_changes, 2);
	ck_assert_uint_eq(rig.lasted_ns, 2 * EVERY_NS);
}
END_TEST

/* ---- when ---- */

START_TEST(the_first_is_due_a_phase_from_now_and_none_is_early)
{
	uint64_t due_ns;

	rig.opts.phase = (uint32_t)_i << 30;
	check_rig_open();
	due_ns = on_grid(rig.open_ns + EVERY_NS / 4 * (unsigned)_i);
	for (int i = 0; i < 5; i++) {
		pass_until(due_ns - 1);
		ck_assert_uint_eq(n_asked(), 0);
		vtime_pass(1);
		ck_assert_uint_eq(n_asked(), 1);
		ck_assert_uint_lt(check_late_ns(rig.check), CHECK_SLACK_NS);
		due_ns += EVERY_NS;
	}
}
END_TEST

START_TEST(short_intervals_are_kept_to_the_nanosecond)
{
	rig.opts.every_ns = 10 * CHECK_SLACK_NS - 1;
	check_rig_open();
	loop_settle();
	ck_assert_uint_eq(n_asked(), 1);
	for (int i = 0; i < 5; i++) {
		vtime_pass(rig.opts.every_ns - 1);
		ck_assert_uint_eq(n_asked(), 0);
		vtime_pass(1);
		ck_assert_uint_eq(n_asked(), 1);
		ck_assert_uint_eq(check_late_ns(rig.check), 0);
	}
}
END_TEST

START_TEST(a_late_check_does_not_put_off_those_that_follow)
{
	uint64_t due_ns;

	check_rig_open();
	due_ns = on_grid(rig.open_ns);
	pass_until(due_ns);
	ck_assert_uint_eq(n_asked(), 1);
	/* One check is late by nearly a whole interval. */
	vtime_pass(2 * EVERY_NS - CHECK_SLACK_NS);
	ck_assert_uint_eq(n_asked(), 1);
	vtime_pass(CHECK_SLACK_NS);
	ck_assert_uint_eq(n_asked(), 1);
	vtime_pass(5 * EVERY_NS); /* missed checks are not made up for */
	ck_assert_uint_eq(n_asked(), 1);
	vtime_pass(EVERY_NS - 1);
	ck_assert_uint_eq(n_asked(), 0);
	vtime_pass(1);
	ck_assert_uint_eq(n_asked(), 1);
}
END_TEST

START_TEST(phases_of_many_are_spread_evenly)
{
	enum { N = 1000, PARTS = 100 };
	unsigned n_in[PARTS] = {0};

	for (uint32_t first = 0; first < 3000; first += 777) {
		memset(n_in, 0, sizeof(n_in));
		for (uint32_t i = 0; i < N; i++) {
			n_in[(uint64_t)check_phase(first + i) * PARTS >> 32]++;
		}
		for (unsigned i = 0; i < PARTS; i++) {
			ck_assert_uint_ge(n_in[i], N / PARTS - 2);
			ck_assert_uint_le(n_in[i], N / PARTS + 2);
		}
	}
}
END_TEST

START_TEST(every_down_holds_while_it_is_down)
{
	check_rig_open();
	serve_or_refuse(false);
	pass_until(on_grid(rig.open_ns));
	ck_assert(!rig.is_up);
	serve_or_refuse(true);
	vtime_pass(DOWN_NS - 1);
	ck_assert_uint_eq(n_asked(), 0);
	vtime_pass(1);
	ck_assert_uint_eq(n_asked(), 1);
	vtime_pass(DOWN_NS);
	ck_assert(rig.is_up);
	ck_assert_uint_eq(n_asked(), 1);
	vtime_pass(EVERY_NS);
	ck_assert_uint_eq(n_asked(), 1);
}
END_TEST

/* ---- the timeout of a check ---- */

START_TEST(a_silent_server_fails_at_the_timeout_and_not_before)
{
	check_rig_expect_pong();
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	vtime_pass(NS_PER_S - 1);
	ck_assert_uint_eq(rig.n_changes, 0);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_changes, 1);
	ck_assert_int_eq(rig.result, PROBE_NO_ANSWER);
}
END_TEST

START_TEST(a_connect_that_hangs_fails_at_the_timeout_and_not_before)
{
	int client;

	close(rig.listener);
	rig.addr = address_of(V4);
	rig.listener = serve(&rig.addr, 0);
	client = occupy(&rig.addr);
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	vtime_pass(NS_PER_S - 1);
	ck_assert_uint_eq(rig.n_changes, 0);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_changes, 1);
	ck_assert_int_eq(rig.result, PROBE_CONNECT_TIMEOUT);
	close(client);
}
END_TEST

START_TEST(what_came_in_time_counts_although_the_loop_did_not_turn)
{
	int fd;

	check_rig_expect_pong();
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	fd = accept_one();
	peer_send(fd, "+PONG\r\n");
	vtime_pass(NS_PER_S);
	ck_assert_uint_eq(rig.n_changes, 0);
	close(fd);
}
END_TEST

START_TEST(a_check_that_lasts_beyond_the_next_due_time_goes_on_alone)
{
	int fd;

	rig.opts.timeout_ns = EVERY_NS * 2 + EVERY_NS / 2;
	rig.opts.every_down_ns = EVERY_NS;
	check_rig_expect_pong();
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	fd = accept_one();
	vtime_pass(EVERY_NS);
	vtime_pass(EVERY_NS);
	vtime_pass(EVERY_NS / 2 - 1);
	ck_assert_uint_eq(n_asked(), 0);
	ck_assert_uint_eq(rig.n_changes, 0);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_changes, 1);
	vtime_pass(EVERY_NS / 2 - 1);
	ck_assert_uint_eq(n_asked(), 0);
	vtime_pass(1);
	ck_assert_uint_eq(n_asked(), 1);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check");
	TCase *tc = tcase_create("check");

	tcase_add_checked_fixture(tc, check_rig_setup, check_rig_teardown);
	tcase_add_loop_test(tc, it_goes_down_and_comes_up_by_checks_in_a_row, 0,
		sizeof(stories) / sizeof(stories[0]));
	tcase_add_test(tc, it_tells_how_long_it_was_so);
	tcase_add_loop_test(tc, the_first_is_due_a_phase_from_now_and_none_is_early, 0, 4);
	tcase_add_test(tc, short_intervals_are_kept_to_the_nanosecond);
	tcase_add_test(tc, a_late_check_does_not_put_off_those_that_follow);
	tcase_add_test(tc, phases_of_many_are_spread_evenly);
	tcase_add_test(tc, every_down_holds_while_it_is_down);
	tcase_add_test(tc, a_silent_server_fails_at_the_timeout_and_not_before);
	tcase_add_test(tc, a_connect_that_hangs_fails_at_the_timeout_and_not_before);
	tcase_add_test(tc, what_came_in_time_counts_although_the_loop_did_not_turn);
	tcase_add_test(tc, a_check_that_lasts_beyond_the_next_due_time_goes_on_alone);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
