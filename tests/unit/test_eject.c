/* SPDX-License-Identifier: ISC */
/* Which failures eject a server, for how long, and how many may be ejected, in virtual time. */
#include "upstream/eject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "eject_rig.h"
#include "fault.h"
#include "fixture.h"
#include "log/log.h"
#include "memory_file.h"
#include "suite.h"
#include "vtime.h"

/* ---- what counts ---- */

START_TEST(as_many_failures_in_a_row_eject_until_for_is_over)
{
	load();
	let_fail(0, 2);
	ck_assert_str_eq(chosen(), "0 1 2");
	let_fail(0, 1);
	ck_assert_str_eq(chosen(), "1 2");
	assert_returns_in(0, seconds(10));
	ck_assert_str_eq(chosen(), "0 1 2");
}
END_TEST

START_TEST(failures_of_one_server_are_none_of_another)
{
	load();
	for (int i = 0; i < 2; i++) {
		let_fail(0, 1);
		let_fail(1, 1);
		let_fail(2, 1);
	}
	ck_assert_uint_eq(n_ejected(), 0);
	let_fail(1, 1);
	ck_assert_str_eq(chosen(), "0 2");
}
END_TEST

/** The outcomes of connects to a server, in order, and whether they eject it. */
static const struct {
	const char *told; /* F: failed, R: refused, A: answered, N: its name was not found */
	bool ejects;
} rows[] = {
	{"FFF", true},
	{"RRR", true},
	{"FRF", true},
	{"FFAF", false},
	{"FFAFF", false},
	{"FFAFFF", true},
	{"AFFF", true},
	{"RRAR", false},
	{"NNNN", false},
	{"FNFN", false},
	{"FNNF", false},
	{"FNFNF", true}, /* N does not count in either way */
	{"AAA", false},
};

START_TEST(an_answer_begins_the_row_anew)
{
	load();
	for (const char *at = rows[_i].told; *at != '\0'; at++) {
		tell(0, *at == 'F'   ? SERVER_FAILED
			: *at == 'R' ? SERVER_REFUSED
			: *at == 'A' ? SERVER_ANSWERED
				     : SERVER_NOT_FOUND);
	}
	ck_assert_int_eq(is_ejected(0), rows[_i].ejects);
}
END_TEST

START_TEST(any_failures_in_a_row_must_lie_within_the_time)
{
	load();
	let_fail(0, 1);
	vtime_pass(seconds(9));
	let_fail(0, 1);
	vtime_pass(seconds(1) + 1);
	let_fail(0, 1); /* the first failure is too long ago */
	ck_assert(!is_ejected(0));
	vtime_pass(seconds(9) - 1); /* just within ten seconds of the second failure */
	let_fail(0, 1);
	ck_assert(is_ejected(0));
}
END_TEST

START_TEST(one_failure_may_be_enough)
{
	conf.eject.failures = 1;
	load();
	tell(2, SERVER_REFUSED);
	ck_assert_str_eq(chosen(), "0 1");
}
END_TEST

START_TEST(off_counts_nothing)
{
	conf.eject.on = false;
	load();
	let_fail(0, 10);
	ck_assert_uint_eq(n_ejected(), 0);
	ck_assert_ptr_null(plan->members[0]->server->streak.times);
}
END_TEST

/* ---- for how long ---- */

START_TEST(an_ejection_soon_after_a_return_lasts_twice_as_long)
{
	static const uint64_t lasts[] = {10, 20, 40, 80, 160, 300, 300};

	load();
	for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
		let_fail(0, 3);
		assert_returns_in(0, seconds(lasts[i]));
		vtime_pass(seconds(300)); /* just soon enough for a longer ejection */
	}
	vtime_pass(1);
	let_fail(0, 3);
	assert_returns_in(0, seconds(10));
}
END_TEST

START_TEST(what_is_ejected_for_longer_than_the_most_is_not_doubled)
{
	conf.eject.for_ns = seconds(600);
	load();
	for (int i = 0; i < 3; i++) {
		let_fail(0, 3);
		assert_returns_in(0, seconds(600));
	}
}
END_TEST

START_TEST(several_return_each_at_its_time)
{
	conf.n_servers = 10;
	load();
	for (size_t i = 0; i < 5; i++) {
		let_fail(i, 3);
		vtime_pass(seconds(1));
	}
	ck_assert_str_eq(chosen(), "5 6 7 8 9");
	assert_returns_in(0, seconds(5));
	assert_returns_in(1, seconds(1));
	let_fail(0, 3); /* server 0 is ejected for 20 s, so the others return first */
	assert_returns_in(2, seconds(1));
	assert_returns_in(3, seconds(1));
	assert_returns_in(4, seconds(1));
	assert_returns_in(0, seconds(17));
}
END_TEST

/* ---- how many ---- */

/** How many of `n` servers may be ejected at once if all fail. */
static size_t most(size_t n, size_t per_cent)
{
	size_t at_most = n * per_cent / 100 > 0 ? n * per_cent / 100 : 1;

	return at_most < n ? at_most : n - 1; /* the last server is never ejected */
}

START_TEST(never_more_are_ejected_than_at_most_says_nor_the_last_one)
{
	static const uint32_t shares[] = {1, 10, 33, 34, 50, 99, 100};

	conf.n_servers = (size_t)_i;
	for (size_t k = 0; k < sizeof(shares) / sizeof(shares[0]); k++) {
		conf.eject.at_most = shares[k];
		load();
		for (size_t i = 0; i < conf.n_servers; i++) {
			let_fail(i, 6);
		}
		ck_assert_uint_eq(n_ejected(), most(conf.n_servers, shares[k]));
		vtime_pass(seconds(300));
		ck_assert_uint_eq(n_ejected(), 0);
	}
}
END_TEST

/** The state of the other server while server 0 fails, and whether server 0 is ejected. */
static const struct {
	uint32_t weight;
	bool is_down;
	bool is_backup;
	bool ejects;
} others[] = {
	{.weight = 1, .ejects = true},
	{.weight = 1, .is_backup = true, .ejects = true},
	{.weight = 0},
	{.weight = 1, .is_down = true},
	{.weight = 1, .is_down = true, .is_backup = true},
};

START_TEST(the_last_usable_server_stays)
{
	conf.n_servers = 2;
	servers[1].weight = others[_i].weight;
	servers[1].backup = others[_i].is_backup;
	load();
	plan->members[1]->server->states.is_down = others[_i].is_down;
	group_refresh(plan->group);
	let_fail(0, 3);
	ck_assert_int_eq(is_ejected(0), others[_i].ejects);
	ck_assert_str_eq(chosen(), others[_i].ejects ? "1" : "0");
	/* A server that was kept fails again, and is ejected as soon as another is usable. */
	plan->members[1]->server->states.is_down = false;
	group_refresh(plan->group);
	let_fail(0, 3);
	ck_assert_int_eq(is_ejected(0), others[_i].weight > 0);
}
END_TEST

START_TEST(ejected_ones_are_used_while_nothing_else_is_usable)
{
	conf.n_servers = 2;
	load();
	let_fail(0, 3);
	ck_assert_str_eq(chosen(), "1");
	plan->members[1]->server->states.is_down = true;
	group_refresh(plan->group);
	ck_assert_str_eq(chosen(), "0");
	ck_assert(is_ejected(0)); /* it is used and fails, which changes nothing */
	let_fail(0, 5);
	assert_returns_in(0, seconds(10));
}
END_TEST

/* ---- when the config changes ---- */

START_TEST(a_reload_keeps_ejections_and_rows)
{
	load();
	let_fail(0, 3);
	let_fail(1, 2);
	vtime_pass(seconds(4));
	conf.eject.for_ns = seconds(60); /* for later ejections */
	conf.eject.failures = 5;         /* needs room for more failures */
	load();
	ck_assert(is_ejected(0));
	assert_returns_in(0, seconds(6));
	let_fail(1, 2);
	ck_assert(!is_ejected(1));
	let_fail(1, 1); /* the fifth failure; the first was 10 s ago */
	ck_assert(is_ejected(1));
	assert_returns_in(1, seconds(60));
	conf.eject.failures = 2; /* fewer than there is room for */
	load();
	let_fail(2, 1);
	ck_assert(!is_ejected(2));
	let_fail(2, 1);
	ck_assert(is_ejected(2));
}
END_TEST

START_TEST(eject_off_returns_what_is_ejected_and_forgets_the_rows)
{
	conf.n_servers = 4;
	load();
	let_fail(0, 3);
	let_fail(1, 3);
	let_fail(2, 2);
	ck_assert_uint_eq(n_ejected(), 2);
	conf.eject.on = false;
	load();
	ck_assert_str_eq(chosen(), "0 1 2 3");
	conf.eject.on = true;
	load();
	let_fail(2, 1);
	ck_assert_uint_eq(n_ejected(), 0);
}
END_TEST

START_TEST(a_config_that_lets_fewer_be_ejected_returns_the_first_ones)
{
	conf.n_servers = 10;
	load();
	for (size_t i = 0; i < 5; i++) {
		let_fail(4 - i, 3);
		vtime_pass(seconds(1));
	}
	conf.eject.at_most = 20;
	load();
	ck_assert_str_eq(chosen(), "2 3 4 5 6 7 8 9");
	assert_returns_in(1, seconds(8));
	assert_returns_in(0, seconds(1));
}
END_TEST

START_TEST(a_server_that_a_config_leaves_out_and_another_has_again_is_ejected_still)
{
	conf.n_servers = 3;
	load();
	let_fail(2, 3);
	conf.n_servers = 2;
	load();
	let_fail(0, 3); /* the ejected server that is gone does not count */
	ck_assert(is_ejected(0));
	conf.n_servers = 3;
	vtime_pass(seconds(4));
	conf.eject.at_most = 70;
	load();
	ck_assert_str_eq(chosen(), "1");
	assert_returns_in(2, seconds(6));
}
END_TEST

START_TEST(a_server_and_a_group_that_no_config_has_any_more_go_with_the_ejection)
{
	struct group *group;

	load();
	let_fail(2, 3);
	group = plan->group;
	group_plan_unref(plan);
	group_unref(group);
	plan = NULL;
	ck_assert_uint_eq(groups.names.table.n, 1);
	vtime_pass(seconds(10));
	ck_assert_uint_eq(groups.names.table.n, 0);
	ck_assert_uint_eq(groups.servers.registry.table.n, 0);
}
END_TEST

/* ---- the end ---- */

START_TEST(a_post_under_way_is_taken_back)
{
	load();
	for (int i = 0; i < 3; i++) {
		group_told(plan->group, plan->members[0], SERVER_FAILED, -ECONNREFUSED);
		group_told(plan->group, plan->members[1], SERVER_FAILED, -ECONNREFUSED);
	}
	ck_assert(!is_ejected(0));
}
END_TEST

START_TEST(what_is_told_afterwards_is_not_counted)
{
	load();
	let_fail(0, 3);
	ejections_close(&ejections);
	let_fail(1, 3);
	ck_assert_uint_eq(n_ejected(), 0);
}
END_TEST

/* ---- without memory ---- */

START_TEST(an_ejection_without_memory_for_its_set_comes_when_there_is_some)
{
	load();
	let_fail(0, 2);
	group_told(plan->group, plan->members[0], SERVER_FAILED, -ECONNREFUSED);
	fault_only(FAULT_MEMORY);
	fault_set_errno(ENOMEM);
	fault_arm(1);
	loop_settle();
	ck_assert(fault_disarm());
	ck_assert(is_ejected(0));
	ck_assert_str_eq(chosen(), "0 1 2");
	groups_tick(&groups);
	ck_assert_str_eq(chosen(), "1 2");
}
END_TEST

START_TEST(without_memory_for_more_failures_there_is_no_plan)
{
	struct group_plan *failed;

	load();
	let_fail(0, 2);
	conf.eject.failures = 1000;
	fault_only_call("malloc");
	fault_set_errno(ENOMEM);
	for (unsigned n = 1;; n++) {
		fault_arm(n);
		failed = group_plan_new(&groups.servers, plan->group, &conf);
		if (!fault_disarm()) {
			break;
		}
		ck_assert_ptr_null(failed);
	}
	group_plan_unref(failed);
	/* The earlier failures still count, and the old config is in force. */
	let_fail(0, 1);
	ck_assert(is_ejected(0));
}
END_TEST

START_TEST(what_ejects_cannot_be_opened_without_memory)
{
	struct ejections more = {0};

	fault_only(FAULT_MEMORY);
	for (unsigned n = 1;; n++) {
		int r;

		fault_arm(n);
		r = ejections_open(&more, &groups, test_loop);
		if (!fault_disarm()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
		ejections_close(&more);
	}
	ejections_close(&more);
}
END_TEST

/* ---- the log ---- */

START_TEST(the_log_tells_of_the_ejection_and_of_the_return)
{
	static char name[] = "db2";
	int memory = memory_open();
	char *text;

	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_int_eq(log_open(memory), 0);
	servers[1].name = name;
	load();
	let_fail(0, 3);
	vtime_pass(seconds(10));
	let_fail(1, 2);
	tell(1, SERVER_REFUSED);
	conf.eject.on = false;
	vtime_pass(seconds(2));
	load();
	ck_assert(log_close(NS_NEVER));
	text = memory_close(memory);
	ck_assert_ptr_nonnull(strstr(text,
		" level=warn event=server_ejected upstream=app server=127.0.0.1:1"
		" why=connect_failed errno=ECONNREFUSED error=\"Connection refused\" failures=3"
		" for_ms=10000.000\n"));
	ck_assert_ptr_nonnull(
		strstr(text, " level=info event=server_returned upstream=app server=127.0.0.1:1"
			     " why=time lasted_ms=10000.000\n"));
	ck_assert_ptr_nonnull(strstr(text,
		" level=warn event=server_ejected upstream=app server=127.0.0.1:2 server_name=db2"
		" why=reset errno=ECONNRESET"));
	ck_assert_ptr_nonnull(strstr(text, " why=off lasted_ms=2000.000\n"));
	free(text);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, eject_rig_setup, eject_rig_teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

static void add_states(Suite *suite)
{
	TCase *tc = new_case(suite, "states");

	tcase_add_test(tc, as_many_failures_in_a_row_eject_until_for_is_over);
	tcase_add_test(tc, failures_of_one_server_are_none_of_another);
	tcase_add_loop_test(tc, an_answer_begins_the_row_anew, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, any_failures_in_a_row_must_lie_within_the_time);
	tcase_add_test(tc, one_failure_may_be_enough);
	tcase_add_test(tc, off_counts_nothing);
	tcase_add_test(tc, an_ejection_soon_after_a_return_lasts_twice_as_long);
	tcase_add_test(tc, what_is_ejected_for_longer_than_the_most_is_not_doubled);
	tcase_add_test(tc, several_return_each_at_its_time);
	tcase_add_loop_test(tc, never_more_are_ejected_than_at_most_says_nor_the_last_one, 1,
		EJECT_SERVERS_MAX + 1);
	tcase_add_loop_test(
		tc, the_last_usable_server_stays, 0, sizeof(others) / sizeof(others[0]));
	tcase_add_test(tc, ejected_ones_are_used_while_nothing_else_is_usable);
}

static void add_lives(Suite *suite)
{
	TCase *tc = new_case(suite, "configs");

	tcase_add_test(tc, a_reload_keeps_ejections_and_rows);
	tcase_add_test(tc, eject_off_returns_what_is_ejected_and_forgets_the_rows);
	tcase_add_test(tc, a_config_that_lets_fewer_be_ejected_returns_the_first_ones);
	tcase_add_test(
		tc, a_server_that_a_config_leaves_out_and_another_has_again_is_ejected_still);
	tcase_add_test(tc, a_server_and_a_group_that_no_config_has_any_more_go_with_the_ejection);
	tcase_add_test(tc, a_post_under_way_is_taken_back);
	tcase_add_test(tc, what_is_told_afterwards_is_not_counted);
	tcase_add_test(tc, an_ejection_without_memory_for_its_set_comes_when_there_is_some);
	tcase_add_test(tc, without_memory_for_more_failures_there_is_no_plan);
	tcase_add_test(tc, what_ejects_cannot_be_opened_without_memory);
	tcase_add_test(tc, the_log_tells_of_the_ejection_and_of_the_return);
}

int main(void)
{
	Suite *suite = suite_create("eject");

	add_states(suite);
	add_lives(suite);
	return suite_run(suite);
}
