/* SPDX-License-Identifier: ISC */
/* Checks whose settings change, checks that weir cannot make, and checks that are closed. */
#include "upstream/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_rig.h"
#include "connector_rig.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

/* ---- other settings ---- */

START_TEST(the_same_settings_change_no_due_time)
{
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	ck_assert_uint_eq(n_asked(), 1);
	vtime_pass(EVERY_NS / 2);
	rig.opts.phase = 12345;
	ck_assert_int_eq(check_set(rig.check, &rig.opts), 0);
	vtime_pass(EVERY_NS / 2 - 1);
	ck_assert_uint_eq(n_asked(), 0);
	vtime_pass(1);
	ck_assert_uint_eq(n_asked(), 1);
}
END_TEST

START_TEST(another_interval_counts_from_the_last_check)
{
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	vtime_pass(EVERY_NS / 2);
	ck_assert_uint_eq(n_asked(), 1);
	rig.opts.every_ns = _i == 0 ? EVERY_NS * 3 : EVERY_NS * 3 / 4;
	ck_assert_int_eq(check_set(rig.check, &rig.opts), 0);
	vtime_pass(rig.opts.every_ns - EVERY_NS / 2 - 1);
	ck_assert_uint_eq(n_asked(), 0);
	vtime_pass(1);
	ck_assert_uint_eq(n_asked(), 1);
}
END_TEST

START_TEST(an_interval_that_has_passed_puts_it_at_its_phase)
{
	rig.opts.every_ns = 20 * (uint64_t)NS_PER_S;
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	vtime_pass(10 * (uint64_t)NS_PER_S);
	ck_assert_uint_eq(n_asked(), 1);
	rig.opts.every_ns = EVERY_NS;
	rig.opts.phase = UINT32_C(1) << 31;
	ck_assert_int_eq(check_set(rig.check, &rig.opts), 0);
	vtime_pass(EVERY_NS / 2 - 1);
	ck_assert_uint_eq(n_asked(), 0);
	vtime_pass(1);
	ck_assert_uint_eq(n_asked(), 1);
}
END_TEST

START_TEST(what_is_known_outlives_other_settings)
{
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	serve_or_refuse(false);
	vtime_pass(EVERY_NS);
	vtime_pass(EVERY_NS);
	rig.opts.question.n_send = 0;
	ck_assert_int_eq(check_set(rig.check, &rig.opts), 0);
	ck_assert_uint_eq(rig.n_changes, 0);
	vtime_pass(EVERY_NS);
	ck_assert_uint_eq(rig.n_changes, 1);
	ck_assert_uint_eq(rig.n_checks, 3);
	rig.opts.rise = 1;
	ck_assert_int_eq(check_set(rig.check, &rig.opts), 0);
	ck_assert(!check_is_up(rig.check));
	serve_or_refuse(true);
	vtime_pass(DOWN_NS);
	ck_assert_uint_eq(rig.n_changes, 2);
	ck_assert_uint_eq(rig.n_checks, 1);
}
END_TEST

START_TEST(a_check_under_way_goes_on_with_the_same_question)
{
	char send[] = "PING\r\n";
	char expect[] = "+PONG";
	int fd;

	check_rig_expect_pong();
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	fd = accept_one();
	peer_send(fd, "+PO");
	loop_settle();
	rig.opts.question.send = send;
	rig.opts.question.expect = expect;
	ck_assert_int_eq(check_set(rig.check, &rig.opts), 0);
	memset(send, 'x', sizeof(send)); /* the check has copies */
	memset(expect, 'x', sizeof(expect));
	peer_send(fd, "NG\r\n");
	loop_settle();
	vtime_pass(NS_PER_S);
	ck_assert_uint_eq(rig.n_changes, 0);
	ck_assert_uint_eq(n_asked(), 0);
	close(fd);
}
END_TEST

START_TEST(a_check_under_way_is_made_anew_with_another_question)
{
	struct addr other = address_of(V4);
	int listener = serve(&other, 8);
	int fd;

	check_rig_expect_pong();
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	ck_assert_uint_eq(rig.n_changes, 0);
	rig.opts.question.addr = &other;
	ck_assert_int_eq(check_set(rig.check, &rig.opts), 0);
	ck_assert_uint_eq(rig.n_changes, 0);
	vtime_pass(1);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	vtime_pass(NS_PER_S - 1);
	ck_assert_uint_eq(rig.n_changes, 0);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_changes, 1);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(without_memory_the_settings_stay)
{
	struct check_opts other = rig.opts;

	check_rig_open();
	other.every_ns = 1;
	fault_only(FAULT_MEMORY);
	fault_arm(1);
	ck_assert_int_eq(check_set(rig.check, &other), -ENOMEM);
	ck_assert(fault_disarm());
	pass_until(on_grid(rig.open_ns));
	ck_assert_uint_eq(n_asked(), 1);
	vtime_pass(EVERY_NS - 1);
	ck_assert_uint_eq(n_asked(), 0);
}
END_TEST

START_TEST(without_memory_there_is_no_check)
{
	bool met = true;

	for (unsigned n = 1; met; n++) {
		fault_arm(n);
		rig.check = check_open(&rig.opts);
		met = fault_disarm();
		ck_assert_int_eq(rig.check == NULL, met);
		rig.check = check_close(rig.check);
	}
}
END_TEST

/* ---- what is not the server's fault ---- */

static atomic_int fds;

START_TEST(a_shortage_of_ours_counts_neither_way)
{
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	serve_or_refuse(false);
	vtime_pass(EVERY_NS);
	vtime_pass(EVERY_NS);
	for (int i = 0; i < 4; i++) {
		fault_only_call("socket");
		fault_set_errno(EMFILE);
		fault_arm(1);
		vtime_pass(EVERY_NS);
		ck_assert(fault_disarm());
	}
	ck_assert_uint_eq(rig.n_unjudged, 4);
	ck_assert_uint_eq(rig.n_changes, 0);
	vtime_pass(EVERY_NS);
	ck_assert_uint_eq(rig.n_changes, 1);
	ck_assert_uint_eq(rig.n_checks, 3);
}
END_TEST

START_TEST(a_first_check_that_could_not_be_made_decides_nothing)
{
	atomic_store(&fds, 0);
	rig.opts.question.fds = &fds;
	check_rig_open();
	serve_or_refuse(false);
	pass_until(on_grid(rig.open_ns));
	ck_assert_uint_eq(rig.n_unjudged, 1);
	ck_assert_uint_eq(rig.n_changes, 0);
	atomic_store(&fds, 1);
	vtime_pass(EVERY_NS);
	ck_assert_uint_eq(rig.n_unjudged, 1);
	ck_assert_uint_eq(rig.n_changes, 1);
	ck_assert_uint_eq(rig.n_checks, 1);
	ck_assert_int_eq(atomic_load(&fds), 1);
}
END_TEST

/* ---- life ---- */

START_TEST(it_may_be_closed_where_it_tells)
{
	rig.closes = true;
	if (_i == 0) {
		serve_or_refuse(false);
	} else {
		atomic_store(&fds, 0);
		rig.opts.question.fds = &fds;
	}
	check_rig_open();
	pass_until(on_grid(rig.open_ns));
	ck_assert_uint_eq(rig.n_changes + rig.n_unjudged, 1);
	ck_assert_ptr_null(rig.check);
}
END_TEST

START_TEST(closed_at_any_time_it_says_nothing)
{
	check_rig_expect_pong();
	check_rig_open();
	if (_i > 0) {
		pass_until(on_grid(rig.open_ns));
		serve_or_refuse(false);
	}
	if (_i > 1) {
		vtime_pass(NS_PER_S);
	}
	rig.n_changes = 0;
	rig.check = check_close(rig.check);
	ck_assert_ptr_null(check_close(NULL));
	vtime_pass(EVERY_NS);
	ck_assert_uint_eq(rig.n_changes, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check_change");
	TCase *tc = tcase_create("check_change");

	tcase_add_checked_fixture(tc, check_rig_setup, check_rig_teardown);
	tcase_add_test(tc, the_same_settings_change_no_due_time);
	tcase_add_loop_test(tc, another_interval_counts_from_the_last_check, 0, 2);
	tcase_add_test(tc, an_interval_that_has_passed_puts_it_at_its_phase);
	tcase_add_test(tc, what_is_known_outlives_other_settings);
	tcase_add_test(tc, a_check_under_way_goes_on_with_the_same_question);
	tcase_add_test(tc, a_check_under_way_is_made_anew_with_another_question);
	tcase_add_test(tc, without_memory_the_settings_stay);
	tcase_add_test(tc, without_memory_there_is_no_check);
	tcase_add_test(tc, a_shortage_of_ours_counts_neither_way);
	tcase_add_test(tc, a_first_check_that_could_not_be_made_decides_nothing);
	tcase_add_loop_test(tc, it_may_be_closed_where_it_tells, 0, 2);
	tcase_add_loop_test(tc, closed_at_any_time_it_says_nothing, 0, 3);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
