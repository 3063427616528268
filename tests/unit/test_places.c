/* SPDX-License-Identifier: ISC */
/*
 * Tests of listeners that wait for a place, on several workers, and of which one is woken.
 * test_limit_model.c tests random orders of waits, listeners and reloads.
 */
#include "proxy/places.h"

#include "fixture.h"
#include "suite.h"

enum { WORKERS = 2, WAITERS = 200 };

static struct places places;
static struct limit web;
static struct limit side;
static struct waiting *waiting[WORKERS]; /* both workers run on test_loop */
static struct waiter waiters[WAITERS];
static struct waiter *resumed[WAITERS];
static size_t n_resumed;

static void on_resume(struct waiter *waiter)
{
	ck_assert(list_empty(&waiter->link));
	resumed[n_resumed++] = waiter;
}

static void setup(void)
{
	fixture_setup();
	places = (struct places){.pairs.max = 0};
	web = side = (struct limit){.max = 0};
	n_resumed = 0;
	ck_assert_int_eq(places_init(&places, WORKERS), 0);
	for (size_t i = 0; i < WORKERS; i++) {
		waiting[i] = waiting_open(&places, i, test_loop);
	}
	for (size_t i = 0; i < WAITERS; i++) {
		waiter_init(&waiters[i], &web, on_resume);
	}
}

static void teardown(void)
{
	for (size_t i = 0; i < WAITERS; i++) {
		waiter_remove(&waiters[i]);
	}
	for (size_t i = 0; i < WORKERS; i++) {
		waiting_close(waiting[i]);
	}
	places_fini(&places);
	fixture_teardown();
}

/** The limit `full` refuses a place to the waiter, which then waits. */
static void wait_on(size_t worker, struct waiter *waiter, const struct limit *full)
{
	ck_assert_ptr_eq(places_admit(&places, waiter->own), full);
	waiting_add(waiting[worker], waiter);
}

START_TEST(a_pair_has_two_places_or_none)
{
	web.max = 2;
	places.pairs.max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	ck_assert_uint_eq(limit_taken(&web), 1);
	ck_assert_uint_eq(limit_taken(&places.pairs), 1);
	ck_assert_ptr_eq(places_admit(&places, &web), &places.pairs);
	ck_assert_uint_eq(limit_taken(&web), 1);
	places_leave(&places, &web);
	ck_assert_uint_eq(limit_taken(&web), 0);
	ck_assert_uint_eq(limit_taken(&places.pairs), 0);
	web.max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	ck_assert_ptr_eq(places_admit(&places, &web), &web);
	places_leave(&places, &web);
}
END_TEST

/** `_i` says which of the two limits is full. */
START_TEST(a_place_that_is_free_resumes_those_of_all_workers)
{
	struct limit *full = _i == 0 ? &web : &places.pairs;

	full->max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	wait_on(0, &waiters[0], full);
	wait_on(1, &waiters[1], full);
	loop_settle();
	ck_assert_uint_eq(n_resumed, 0);
	places_leave(&places, &web);
	loop_settle();
	ck_assert_uint_eq(n_resumed, 2);
}
END_TEST

START_TEST(who_waits_longest_is_resumed_first)
{
	web.max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	for (size_t i = 0; i < 3; i++) {
		wait_on(0, &waiters[2 - i], &web);
	}
	places_leave(&places, &web);
	loop_settle();
	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_eq(resumed[i], &waiters[2 - i]);
	}
}
END_TEST

START_TEST(a_place_of_another_limit_resumes_nobody)
{
	web.max = side.max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	ck_assert_ptr_null(places_admit(&places, &side));
	wait_on(0, &waiters[0], &web);
	places_leave(&places, &side);
	loop_settle();
	ck_assert_uint_eq(n_resumed, 0);
	places_leave(&places, &web);
	loop_settle();
	ck_assert_uint_eq(n_resumed, 1);
}
END_TEST

START_TEST(who_waits_no_longer_is_not_resumed)
{
	web.max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	wait_on(0, &waiters[0], &web);
	waiter_remove(&waiters[0]);
	places_leave(&places, &web);
	loop_settle();
	ck_assert_uint_eq(n_resumed, 0);
}
END_TEST

START_TEST(another_limit_counts_when_it_is_looked_at)
{
	web.max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	wait_on(0, &waiters[0], &web);
	waiters[0].own = &side;
	ck_assert_uint_eq(n_resumed, 0);
	waiting_look(waiting[0]);
	ck_assert_uint_eq(n_resumed, 1);
	places_leave(&places, &web);
}
END_TEST

START_TEST(many_are_resumed_some_a_turn)
{
	web.max = 1;
	ck_assert_ptr_null(places_admit(&places, &web));
	for (size_t i = 0; i < WAITERS; i++) {
		wait_on(0, &waiters[i], &web);
	}
	places_leave(&places, &web);
	fixture_turn(__FILE__, __LINE__, "some to be resumed");
	ck_assert_uint_gt(n_resumed, 0);
	ck_assert_uint_lt(n_resumed, WAITERS);
	loop_until(n_resumed == WAITERS);
}
END_TEST

START_TEST(nobody_begins_before_it_opens)
{
	ck_assert(limit_close(&places.pairs));
	wait_on(1, &waiters[0], &places.pairs);
	loop_settle();
	ck_assert_uint_eq(n_resumed, 0);
	places_open(&places);
	loop_settle();
	ck_assert_uint_eq(n_resumed, 1);
	ck_assert_ptr_null(places_admit(&places, &web));
	places_leave(&places, &web);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("places");
	TCase *tc = tcase_create("places");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_pair_has_two_places_or_none);
	tcase_add_loop_test(tc, a_place_that_is_free_resumes_those_of_all_workers, 0, 2);
	tcase_add_test(tc, who_waits_longest_is_resumed_first);
	tcase_add_test(tc, a_place_of_another_limit_resumes_nobody);
	tcase_add_test(tc, who_waits_no_longer_is_not_resumed);
	tcase_add_test(tc, another_limit_counts_when_it_is_looked_at);
	tcase_add_test(tc, many_are_resumed_some_a_turn);
	tcase_add_test(tc, nobody_begins_before_it_opens);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
