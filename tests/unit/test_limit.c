/* SPDX-License-Identifier: ISC */
/* Places under a limit, workers that wait for one, and limits by name. */
#include "proxy/limit.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "proxy/counters.h"
#include "proxy/limits.h"
#include "suite.h"

START_TEST(gives_as_many_places_as_there_are)
{
	struct limit limit = {.max = 3};

	for (unsigned i = 0; i < 3; i++) {
		ck_assert(!limit_is_full(&limit));
		ck_assert(limit_take(&limit));
	}
	ck_assert(limit_is_full(&limit));
	ck_assert(!limit_take(&limit));
	ck_assert_uint_eq(limit_taken(&limit), 3);
}
END_TEST

START_TEST(a_place_is_news_only_while_somebody_waits)
{
	struct limit limit = {.max = 2};

	ck_assert(limit_take(&limit) && limit_take(&limit));
	ck_assert(!limit_give(&limit)); /* no worker was refused */
	ck_assert(limit_take(&limit) && !limit_take(&limit));
	ck_assert(limit_give(&limit));
	ck_assert(!limit_give(&limit)); /* it reports that once */
	ck_assert_uint_eq(limit_taken(&limit), 0);
}
END_TEST

START_TEST(a_lowered_limit_takes_no_more_until_there_is_room)
{
	struct limit limit = {.max = 4};

	for (unsigned i = 0; i < 4; i++) {
		ck_assert(limit_take(&limit));
	}
	ck_assert(!limit_set(&limit, 2));
	ck_assert(!limit_take(&limit));
	ck_assert(!limit_give(&limit)); /* 3 are taken, so no worker is woken in vain */
	ck_assert(!limit_give(&limit)); /* 2 are taken */
	ck_assert(limit_is_full(&limit) && !limit_take(&limit));
	ck_assert(limit_give(&limit));
	ck_assert(limit_take(&limit));
	ck_assert(!limit_set(&limit, 3));
	ck_assert(limit_take(&limit) && !limit_take(&limit));
	ck_assert(limit_set(&limit, 0)); /* wakes the worker that was refused */
	ck_assert(limit_take(&limit) && !limit_is_full(&limit));
}
END_TEST

START_TEST(a_raised_limit_wakes_who_waits_whatever_went_before)
{
	struct limit limit = {.max = 1};

	ck_assert(limit_take(&limit) && !limit_take(&limit));
	ck_assert(!limit_set(&limit, 1));
	ck_assert(limit_set(&limit, 3));
	ck_assert(!limit_set(&limit, 5)); /* it reports that once */
	ck_assert(limit_await(&limit));
	ck_assert(!limit_set(&limit, 1));
	ck_assert(!limit_await(&limit));
	ck_assert(limit_set(&limit, 2));
}
END_TEST

START_TEST(it_is_told_once_in_a_while)
{
	_Atomic uint64_t told_ns = 0;
	const uint64_t while_ns = (uint64_t)TELL_RARELY_S * NS_PER_S;

	ck_assert(tell_rarely(&told_ns, 1));
	ck_assert(!tell_rarely(&told_ns, while_ns));
	ck_assert(tell_rarely(&told_ns, while_ns + 1));
	ck_assert(!tell_rarely(&told_ns, while_ns + 2));
}
END_TEST

static struct limits limits;

static struct limits *begin(size_t n_workers)
{
	limits_init(&limits, n_workers);
	return &limits;
}

START_TEST(what_is_counted_of_a_name_goes_on_as_long_as_somebody_holds_it)
{
	struct limit *web = limits_get(begin(3), "web", 0);
	struct limit *side = limits_get(&limits, "side", 0);
	size_t resets = offsetof(struct tally, n_ended[END_BY_CLIENT][END_RESET]);

	for (size_t i = 0; i < 3; i++) {
		counter_add(&limits_tally(web, i)->n_accepted, (int64_t)i + 1);
		counter_add(&limits_tally(web, i)->n_ended[END_BY_CLIENT][END_RESET], 2);
	}
	ck_assert_ptr_eq(limits_get(&limits, "web", 0), web);
	limits_put(web);
	ck_assert_uint_eq(limits_sum(web, offsetof(struct tally, n_accepted)), 6);
	ck_assert_uint_eq(limits_sum(web, resets), 6);
	ck_assert_uint_eq(limits_sum(side, resets), 0);
	limits_put(web);
	limits_put(side);
}
END_TEST

START_TEST(a_limit_is_found_by_its_name_as_long_as_somebody_holds_it)
{
	struct limit *web = limits_get(begin(2), "web", 3);
	struct limit *side = limits_get(&limits, "side", 0);

	ck_assert_ptr_ne(web, side);
	ck_assert(limit_take(web));
	ck_assert_ptr_eq(limits_get(&limits, "web", 7), web);
	ck_assert_uint_eq(limit_max(web), 3);
	limits_put(web);
	ck_assert_ptr_eq(limits_get(&limits, "web", 7), web);
	limits_put(web);
	(void)limit_give(web);
	limits_put(web);
	web = limits_get(&limits, "web", 7);
	ck_assert_uint_eq(limit_max(web), 7);
	limits_put(web);
	limits_put(side);
	limits_put(NULL);
	ck_assert_uint_eq(limits.names.table.n, 0);
}
END_TEST

/** Puts a config with only this name into force, and drops its own reference. */
static void have(const char *name)
{
	struct limit *limit = limits_get(&limits, name, 0);

	limits_begin(&limits);
	limits_keep(&limits, limit);
	limits_put(limit);
}

static size_t taken(struct limit **ret_limits)
{
	limits_take(&limits, ret_limits);
	for (size_t i = 0; i < limits.n_kept; i++) {
		limits_put(ret_limits[i]);
	}
	return limits.n_kept;
}

START_TEST(what_is_counted_of_a_name_that_was_in_force_is_kept)
{
	struct limit *all[2];
	struct limit *web = limits_get(begin(1), "web", 0);

	counter_add(&limits_tally(web, 0)->n_accepted, 5);
	limits_put(web);
	ck_assert_uint_eq(taken(all), 0); /* it was never in force */
	web = limits_get(&limits, "web", 0);
	counter_add(&limits_tally(web, 0)->n_accepted, 6);
	have("web");
	limits_put(web);
	have("uno");
	limits_tick(&limits);
	ck_assert_uint_eq(taken(all), 2);
	ck_assert_str_eq(limits_name(all[0]), "uno");
	ck_assert_ptr_eq(all[1], web);
	have("web");
	ck_assert_uint_eq(taken(all), 2);
	ck_assert_ptr_eq(all[0], web);
	ck_assert_uint_eq(limits.n_in_force, 1);
	ck_assert_uint_eq(limits_sum(web, offsetof(struct tally, n_accepted)), 6);
	limits_fini(&limits);
	ck_assert_uint_eq(limits.names.table.n, 0);
}
END_TEST

START_TEST(too_many_names_are_forgotten_but_none_that_is_used)
{
	static struct limit *all[LIMITS_GONE_MAX + 4];
	struct limit *old = limits_get(begin(1), "old", 0);
	char name[16];

	have("old");
	for (unsigned i = 0; i < LIMITS_GONE_MAX + 3; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		have(name);
	}
	ck_assert_uint_eq(taken(all), LIMITS_GONE_MAX + 4);
	limits_tick(&limits);
	ck_assert_uint_eq(taken(all), LIMITS_GONE_MAX + 1);
	ck_assert_str_eq(limits_name(all[0]), name);
	ck_assert_ptr_eq(all[1], old);
	ck_assert_str_eq(limits_name(all[2]), "3"); /* "0" to "2" are forgotten */
	limits_put(old);
	have("new");
	limits_tick(&limits);
	ck_assert_uint_eq(taken(all), LIMITS_GONE_MAX + 1);
	ck_assert_str_eq(limits_name(all[1]), "3");
	limits_fini(&limits);
	ck_assert_uint_eq(limits.names.table.n, 0);
}
END_TEST

START_TEST(refusals_are_counted_for_each_name_and_reason)
{
	struct limit *web = limits_get(begin(1), "web", 0);
	struct limit *side = limits_get(&limits, "side", 0);

	for (unsigned i = 0; i < OFTEN_LINES; i++) {
		ck_assert(limits_refused(web, END_DENIED));
		ck_assert(limits_refused(web, END_RATE));
	}
	ck_assert(!limits_refused(web, END_DENIED));
	ck_assert(!limits_refused(limits_get(&limits, "web", 0), END_RATE)); /* the same name */
	ck_assert(limits_refused(side, END_DENIED));
	often_tell(&limits.refusals);
	ck_assert(limits_refused(web, END_DENIED));
	limits_put(web);
	limits_put(web);
	limits_put(side);
	ck_assert(list_empty(&limits.refusals.all));
}
END_TEST

START_TEST(without_a_maximum_it_only_counts)
{
	struct limit limit = {.max = 0};

	for (unsigned i = 0; i < 1000; i++) {
		ck_assert(limit_take(&limit));
		ck_assert(!limit_is_full(&limit));
	}
	ck_assert_uint_eq(limit_taken(&limit), 1000);
	ck_assert(!limit_give(&limit));
}
END_TEST

START_TEST(the_last_number_is_a_limit_too)
{
	struct limit limit = {.n_taken = UINT32_MAX - 2, .max = UINT32_MAX};

	ck_assert(limit_take(&limit));
	ck_assert(!limit_take(&limit));
	ck_assert_uint_eq(limit_taken(&limit), UINT32_MAX - 1);
}
END_TEST

START_TEST(it_is_closed_only_when_nothing_is_taken_and_until_it_is_opened)
{
	struct limit limit = {.max = 0};

	ck_assert(limit_take(&limit));
	ck_assert(!limit_close(&limit) && !limit_is_closed(&limit));
	(void)limit_give(&limit);
	ck_assert(limit_close(&limit) && limit_is_closed(&limit));
	ck_assert(!limit_take(&limit));
	ck_assert_uint_eq(limit_taken(&limit), 0);
	ck_assert(limit_close(&limit));
	ck_assert(limit_open(&limit)); /* one worker was refused */
	ck_assert(!limit_open(&limit) && !limit_is_closed(&limit));
	ck_assert(limit_take(&limit));
	ck_assert(!limit_open(&limit));
	ck_assert_uint_eq(limit_taken(&limit), 1);
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000, PLACES = 2 };

static struct limit contested = {.max = PLACES};
static atomic_uint n_inside;
static atomic_uint n_too_many;
static atomic_uint n_refused;
static atomic_uint n_news;

static void *contest(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!limit_take(&contested)) {
			atomic_fetch_add(&n_refused, 1);
			continue;
		}
		if (atomic_fetch_add(&n_inside, 1) >= PLACES) {
			atomic_fetch_add(&n_too_many, 1);
		}
		atomic_fetch_sub(&n_inside, 1);
		if (limit_give(&contested)) {
			atomic_fetch_add(&n_news, 1);
		}
	}
	return arg;
}

START_TEST(threads_never_pass_it_and_lose_no_place)
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, contest, NULL), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
	ck_assert_uint_eq(atomic_load(&n_too_many), 0);
	ck_assert_uint_eq(limit_taken(&contested), 0);
	/* Each worker that was refused is woken in the end, when there is room. */
	ck_assert(atomic_load(&n_refused) == 0 || atomic_load(&n_news) > 0);
	ck_assert(!limit_set(&contested, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limit");
	TCase *tc = tcase_create("limit");

	tcase_add_test(tc, gives_as_many_places_as_there_are);
	tcase_add_test(tc, a_place_is_news_only_while_somebody_waits);
	tcase_add_test(tc, a_lowered_limit_takes_no_more_until_there_is_room);
	tcase_add_test(tc, a_raised_limit_wakes_who_waits_whatever_went_before);
	tcase_add_test(tc, it_is_told_once_in_a_while);
	tcase_add_test(tc, what_is_counted_of_a_name_goes_on_as_long_as_somebody_holds_it);
	tcase_add_test(tc, a_limit_is_found_by_its_name_as_long_as_somebody_holds_it);
	tcase_add_test(tc, what_is_counted_of_a_name_that_was_in_force_is_kept);
	tcase_add_test(tc, too_many_names_are_forgotten_but_none_that_is_used);
	tcase_add_test(tc, refusals_are_counted_for_each_name_and_reason);
	tcase_add_test(tc, without_a_maximum_it_only_counts);
	tcase_add_test(tc, the_last_number_is_a_limit_too);
	tcase_add_test(tc, it_is_closed_only_when_nothing_is_taken_and_until_it_is_opened);
	tcase_add_test(tc, threads_never_pass_it_and_lose_no_place);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
