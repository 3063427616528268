/* SPDX-License-Identifier: ISC */
/*
 * Tests of clients that wait for a full server, and of which one gets a free place, on one worker.
 */
#include "upstream/queue.h"

#include <errno.h>
#include <string.h>

#include "fault.h"
#include "fixture.h"
#include "queue_rig.h"
#include "suite.h"

static enum group_answer come(size_t i)
{
	return client_ask(&clients[i]);
}

static void leave_queue(size_t i)
{
	group_wait_no_more(group, &clients[i].waiter);
}

static void has_tried(size_t i, size_t server)
{
	ck_assert_int_eq(group_tried_add(&clients[i].tried, plan->members[server]->server), 0);
}

static void assert_has(size_t i, size_t server)
{
	ck_assert_int_eq(clients[i].said, GROUP_SERVER);
	ck_assert_ptr_eq(clients[i].member, plan->members[server]);
}

/** These clients, in this order, have been called since the last assert_told(). */
static void assert_told(const char *whom)
{
	loop_settle();
	ck_assert_str_eq(order, whom);
	memset(order, 0, sizeof(order));
}

/** The first `n` clients come: `n_places` of them get a place, the others wait. */
static void come_all(size_t n, size_t n_places)
{
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(come(i), i < n_places ? GROUP_SERVER : GROUP_FULL);
	}
}

/* ---- which client is next ---- */

START_TEST(who_came_first_gets_the_first_place)
{
	begin(1, 2, 10);
	come_all(5, 2);
	assert_told("");
	give(&clients[1]);
	assert_told("2");
	assert_has(2, 0);
	give(&clients[0]);
	give(&clients[2]);
	assert_told("34");
	ck_assert_uint_eq(plan->members[0]->server->n_open, 2);
}
END_TEST

START_TEST(a_place_is_taken_for_who_is_to_have_it_before_it_hears_of_it)
{
	begin(1, 1, 10);
	come_all(2, 1);
	give(&clients[0]);
	ck_assert_uint_eq(plan->members[0]->server->n_open, 1);
	ck_assert_int_eq(come(2), GROUP_FULL);
	assert_told("1");
	leave_queue(2);
}
END_TEST

START_TEST(who_has_tried_a_server_is_passed_over_for_its_places_alone)
{
	begin(2, 1, 10);
	come_all(2, 2);
	has_tried(2, 0);
	ck_assert_int_eq(come(2), GROUP_FULL);
	ck_assert_int_eq(come(3), GROUP_FULL);
	ck_assert_int_eq(come(4), GROUP_FULL);
	give(&clients[0]);
	assert_told("3");
	assert_has(3, 0);
	give(&clients[1]);
	assert_told("2");
	assert_has(2, 1);
	leave_queue(4);
}
END_TEST

START_TEST(who_comes_later_may_have_a_place_that_nobody_who_waits_can_use)
{
	begin(2, 1, 10);
	ck_assert_int_eq(come(0), GROUP_SERVER);
	has_tried(1, 0);
	ck_assert_int_eq(come(1), GROUP_SERVER);
	assert_has(1, 1);
	has_tried(2, 0);
	ck_assert_int_eq(come(2), GROUP_FULL);
	give(&clients[0]);
	assert_told("");
	ck_assert_int_eq(come(3), GROUP_SERVER);
	assert_has(3, 0);
	/* Client 4 gets an answer of its own, although client 2 waits before it. */
	has_tried(4, 0);
	has_tried(4, 1);
	ck_assert_int_eq(come(4), GROUP_EXHAUSTED);
	leave_queue(2);
}
END_TEST

START_TEST(only_an_answer_with_a_server_writes_it)
{
	struct member *before;
	struct member *member;

	begin(1, 1, 1);
	before = plan->members[0]; /* the calls that give no server must not change it */
	member = before;
	has_tried(0, 0);
	ck_assert_int_eq(group_next(group, &clients[0].waiter.ask, &member), GROUP_EXHAUSTED);
	ck_assert_int_eq(group_wait(group, &clients[0].waiter, &member), GROUP_EXHAUSTED);
	ck_assert_ptr_eq(member, before);
	ck_assert_int_eq(come(1), GROUP_SERVER);
	ck_assert_int_eq(group_wait(group, &clients[2].waiter, &member), GROUP_FULL);
	ck_assert_ptr_eq(member, before);
	ck_assert_int_eq(group_wait(group, &clients[3].waiter, &member), GROUP_QUEUE_FULL);
	ck_assert_ptr_eq(member, before);
	leave_queue(2);
}
END_TEST

START_TEST(nobody_waits_beyond_queue_max)
{
	begin(1, 1, 2);
	come_all(3, 1);
	ck_assert_int_eq(come(3), GROUP_QUEUE_FULL);
	leave_queue(1);
	ck_assert_int_eq(come(3), GROUP_FULL);
	ck_assert_int_eq(come(4), GROUP_QUEUE_FULL);
	/* queue_max shrinks: clients that wait stay in the queue. */
	begin(1, 1, 0);
	ck_assert_int_eq(come(4), GROUP_QUEUE_FULL);
	give(&clients[0]);
	assert_told("2");
	give(&clients[2]);
	assert_told("3");
	ck_assert_int_eq(come(4), GROUP_QUEUE_FULL);
	give(&clients[3]);
	ck_assert_int_eq(come(4), GROUP_SERVER);
}
END_TEST

/* ---- clients that leave ---- */

START_TEST(who_leaves_the_queue_gets_nothing)
{
	begin(1, 1, 10);
	come_all(4, 1);
	leave_queue(1);
	leave_queue(1); /* harmless */
	give(&clients[0]);
	assert_told("2");
	ck_assert_uint_eq(clients[1].n_told, 0);
	leave_queue(3);
}
END_TEST

START_TEST(a_place_on_its_way_to_who_leaves_goes_to_the_next)
{
	begin(1, 1, 10);
	come_all(4, 1);
	give(&clients[0]);
	leave_queue(1);
	leave_queue(2);
	assert_told("3");
	assert_has(3, 0);
	ck_assert_uint_eq(plan->members[0]->server->n_open, 1);
}
END_TEST

START_TEST(a_place_on_its_way_to_the_last_one_who_leaves_is_free)
{
	begin(1, 1, 10);
	come_all(2, 1);
	give(&clients[0]);
	leave_queue(1);
	assert_told("");
	ck_assert_uint_eq(plan->members[0]->server->n_open, 0);
	ck_assert_int_eq(come(2), GROUP_SERVER);
}
END_TEST

/* ---- another set ---- */

START_TEST(a_server_that_comes_up_serves_those_who_wait)
{
	begin(2, 2, 10);
	plan->members[1]->server->states.is_down = true;
	group_refresh(group);
	come_all(6, 2);
	plan->members[1]->server->states.is_down = false;
	group_refresh(group);
	assert_told("23");
	assert_has(2, 1);
	assert_has(3, 1);
	leave_queue(4);
	leave_queue(5);
}
END_TEST

START_TEST(a_config_with_more_places_serves_those_who_wait)
{
	begin(1, 1, 10);
	come_all(5, 1);
	begin(1, 3, 10);
	assert_told("12");
	begin(1, 2, 10); /* there are fewer places: nobody gets one before two are given back */
	give(&clients[0]);
	assert_told("");
	give(&clients[1]);
	assert_told("3");
	begin(1, 0, 10);
	assert_told("4");
}
END_TEST

START_TEST(without_a_usable_server_all_who_wait_are_told)
{
	begin(2, 1, 10);
	come_all(2, 2);
	has_tried(2, 0);
	ck_assert_int_eq(come(2), GROUP_FULL);
	ck_assert_int_eq(come(3), GROUP_FULL);
	has_tried(4, 1);
	ck_assert_int_eq(come(4), GROUP_FULL);
	/* A client that has tried all servers that are left has none. */
	plan->members[1]->server->states.is_down = true;
	group_refresh(group);
	assert_told("2");
	ck_assert_int_eq(clients[2].said, GROUP_EXHAUSTED);
	plan->members[0]->server->states.is_down = true;
	group_refresh(group);
	assert_told("34");
	ck_assert_int_eq(clients[3].said, GROUP_NONE);
	ck_assert_int_eq(clients[4].said, GROUP_EXHAUSTED);
	ck_assert_ptr_null(clients[3].member);
}
END_TEST

START_TEST(who_comes_before_a_server_was_found_waits_for_it)
{
	begin(0, 0, 3);
	come_all(3, 0);
	ck_assert_int_eq(come(3), GROUP_QUEUE_FULL);
	begin(1, 2, 3);
	assert_told("01");
	leave_queue(2);
}
END_TEST

START_TEST(who_waits_for_a_set_without_memory_is_served_when_there_is_some)
{
	begin(2, 1, 10);
	plan->members[1]->server->states.is_down = true;
	group_refresh(group);
	come_all(2, 1);
	plan->members[1]->server->states.is_down = false;
	fault_set_errno(ENOMEM);
	fault_arm(1);
	group_refresh(group);
	ck_assert(fault_disarm());
	assert_told("");
	groups_tick(&groups);
	assert_told("1");
	assert_has(1, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queue");
	TCase *tc = tcase_create("queue");

	tcase_add_checked_fixture(tc, queue_rig_setup, queue_rig_teardown);
	tcase_add_test(tc, who_came_first_gets_the_first_place);
	tcase_add_test(tc, a_place_is_taken_for_who_is_to_have_it_before_it_hears_of_it);
	tcase_add_test(tc, who_has_tried_a_server_is_passed_over_for_its_places_alone);
	tcase_add_test(tc, who_comes_later_may_have_a_place_that_nobody_who_waits_can_use);
	tcase_add_test(tc, only_an_answer_with_a_server_writes_it);
	tcase_add_test(tc, nobody_waits_beyond_queue_max);
	tcase_add_test(tc, who_leaves_the_queue_gets_nothing);
	tcase_add_test(tc, a_place_on_its_way_to_who_leaves_goes_to_the_next);
	tcase_add_test(tc, a_place_on_its_way_to_the_last_one_who_leaves_is_free);
	tcase_add_test(tc, a_server_that_comes_up_serves_those_who_wait);
	tcase_add_test(tc, a_config_with_more_places_serves_those_who_wait);
	tcase_add_test(tc, without_a_usable_server_all_who_wait_are_told);
	tcase_add_test(tc, who_comes_before_a_server_was_found_waits_for_it);
	tcase_add_test(tc, who_waits_for_a_set_without_memory_is_served_when_there_is_some);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
