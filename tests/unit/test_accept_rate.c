/* SPDX-License-Identifier: ISC */
/* The time is a parameter in these tests. The last test takes tokens on several threads at once. */
#include "proxy/accept_rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "suite.h"

enum { TEN = 10, THREADS = 4, TOKENS = 20000 };

#define TOKEN_NS ((uint64_t)NS_PER_S / TEN)
#define NOW_NS   ((uint64_t)1000 * NS_PER_S)

static struct accept_rate rate;

static void setup(void)
{
	rate = (struct accept_rate){0};
}

static uint64_t take(uint64_t now_ns)
{
	return accept_rate_take(&rate, TEN, now_ns);
}

/** Takes all tokens that are saved up at NOW_NS. */
static void take_what_is_saved_up(void)
{
	for (int i = 0; i < TEN; i++) {
		ck_assert_uint_le(take(NOW_NS), NOW_NS);
	}
}

START_TEST(a_seconds_worth_is_saved_up_and_no_more)
{
	take_what_is_saved_up();
	for (uint64_t i = 1; i <= 5; i++) {
		ck_assert_uint_eq(take(NOW_NS), NOW_NS + i * TOKEN_NS);
	}
	/* Five tokens were given ahead of time. So after 8 tokens' time three are left, and much
	 * later all ten. */
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_le(take(NOW_NS + 8 * TOKEN_NS), NOW_NS + 8 * TOKEN_NS);
	}
	ck_assert_uint_eq(take(NOW_NS + 8 * TOKEN_NS), NOW_NS + 9 * TOKEN_NS);
	for (int i = 0; i < TEN; i++) {
		ck_assert_uint_le(take(100 * NOW_NS), 100 * NOW_NS);
	}
	ck_assert_uint_eq(take(100 * NOW_NS), 100 * NOW_NS + TOKEN_NS);
}
END_TEST

START_TEST(who_waits_takes_turns)
{
	uint64_t next_ns[3];

	take_what_is_saved_up();
	for (uint64_t i = 0; i < 3; i++) {
		next_ns[i] = take(NOW_NS);
	}
	for (uint64_t turn = 1; turn <= 30; turn++) {
		uint64_t *next = &next_ns[(turn - 1) % 3];

		ck_assert_uint_eq(*next, NOW_NS + turn * TOKEN_NS);
		/* This acceptor has used its token, and more clients wait for it. */
		*next = take(*next);
	}
}
END_TEST

START_TEST(a_token_that_is_given_back_is_the_next_ones)
{
	take_what_is_saved_up();
	ck_assert_uint_eq(take(NOW_NS), NOW_NS + TOKEN_NS);
	accept_rate_give(&rate, TEN);
	ck_assert_uint_eq(take(NOW_NS), NOW_NS + TOKEN_NS);
}
END_TEST

START_TEST(a_rate_that_does_not_divide_a_second_is_never_exceeded)
{
	static const uint64_t rates[] = {1, 3, 7, 999, 1000001, 999999937};
	uint64_t a_second = rates[_i];
	uint64_t at_ns = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		at_ns = accept_rate_take(&rate, a_second, NOW_NS);
		/* The i-th token, counted from 0. The tokens of one second were saved up. */
		ck_assert(at_ns + NS_PER_S >=
			  NOW_NS + (uint64_t)((unsigned __int128)(i + 1) * NS_PER_S / a_second));
	}
}
END_TEST

static uint64_t taken_ns[THREADS][TOKENS];

static void *take_many(void *mine)
{
	uint64_t *at_ns = mine;

	for (size_t i = 0; i < TOKENS; i++) {
		at_ns[i] = take(NOW_NS);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

START_TEST(no_token_is_given_twice_to_several_threads)
{
	pthread_t threads[THREADS];
	uint64_t *all_ns = &taken_ns[0][0];

	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_many, taken_ns[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
	qsort(all_ns, (size_t)THREADS * TOKENS, sizeof(*all_ns), compare);
	for (uint64_t i = 0; i < (uint64_t)THREADS * TOKENS; i++) {
		ck_assert_uint_eq(all_ns[i], NOW_NS - NS_PER_S + (i + 1) * TOKEN_NS);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("accept_rate");
	TCase *tc = tcase_create("accept_rate");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_seconds_worth_is_saved_up_and_no_more);
	tcase_add_test(tc, who_waits_takes_turns);
	tcase_add_test(tc, a_token_that_is_given_back_is_the_next_ones);
	tcase_add_loop_test(tc, a_rate_that_does_not_divide_a_second_is_never_exceeded, 0, 6);
	tcase_add_test(tc, no_token_is_given_twice_to_several_threads);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
