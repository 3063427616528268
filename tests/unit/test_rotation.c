/* SPDX-License-Identifier: ISC */
/* Tests of the order in which servers are used in rotation. */
#include "upstream/rotation.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fault.h"
#include "suite.h"

enum { SERVERS_MAX = 12 };

#define NO_MORE UINT32_MAX

static const struct {
	uint32_t weights[SERVERS_MAX]; /* NO_MORE ends the list */
	const char *order;             /* a is the first server, b the second */
} orders[] = {
	{{NO_MORE}, ""},
	{{0, 0, NO_MORE}, ""},
	{{1, NO_MORE}, "a"},
	{{256, NO_MORE}, "a"},
	{{0, 7, NO_MORE}, "b"},
	{{1, 1, NO_MORE}, "ab"},
	{{1, 1, 1, NO_MORE}, "abc"},
	{{1, 2, 3, NO_MORE}, "cbacbc"},
	{{3, 2, 1, NO_MORE}, "abacba"},
	{{5, 1, 1, NO_MORE}, "abaaaca"},
	{{2, 1, NO_MORE}, "aba"},
	{{4, 2, NO_MORE}, "aba"},
	{{100, 50, 0, 50, NO_MORE}, "abad"},
	{{3, 3, 1, NO_MORE}, "abacbab"},
	{{2, 2, 2, 1, NO_MORE}, "abcdabc"},
	{{1, 8, NO_MORE}, "bbbbabbbb"},
};

START_TEST(picks_are_spread_over_the_order)
{
	const uint32_t *weights = orders[_i].weights;
	struct rotation *rotation;
	char text[64] = "";
	size_t n = 0;

	while (weights[n] != NO_MORE) {
		n++;
	}
	rotation = rotation_new(weights, n);
	ck_assert_ptr_nonnull(rotation);
	for (uint32_t i = 0; i < rotation->n; i++) {
		text[i] = (char)('a' + rotation->order[i]);
	}
	ck_assert_str_eq(text, orders[_i].order);
	free(rotation);
}
END_TEST

static uint32_t any_below(uint32_t n)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((state >> 33) % n);
}

START_TEST(every_run_of_its_length_holds_each_server_as_its_weight_says)
{
	for (int trial = 0; trial < 200; trial++) {
		uint32_t weights[SERVERS_MAX];
		uint32_t n_of[SERVERS_MAX] = {0};
		size_t n = 1 + any_below(SERVERS_MAX);
		struct rotation *rotation;
		uint64_t sum = 0;
		unsigned n_off = 0;

		for (size_t i = 0; i < n; i++) {
			weights[i] = any_below(trial % 2 == 0 ? 6 : 257);
			sum += weights[i];
		}
		rotation = rotation_new(weights, n);
		ck_assert_ptr_nonnull(rotation);
		/* The order repeats itself, so it is enough to begin at its start. */
		for (uint32_t t = 0; t < rotation->n; t++) {
			n_of[rotation->order[t]]++;
			for (size_t i = 0; i < n; i++) {
				double share = (double)weights[i] / (double)sum;

				n_off += fabs((double)n_of[i] - (t + 1) * share) >
					 1 + (double)n * share;
			}
		}
		ck_assert_uint_eq(n_off, 0);
		for (size_t i = 0; i < n; i++) {
			ck_assert_uint_eq(n_of[i] * sum, (uint64_t)weights[i] * rotation->n);
		}
		free(rotation);
	}
}
END_TEST

START_TEST(a_thousand_servers_of_all_weights_have_an_order)
{
	static uint32_t weights[1000];
	uint64_t begin_ns;
	uint32_t sum = 0;
	struct rotation *rotation;

	for (size_t i = 0; i < 1000; i++) {
		weights[i] = 1 + (uint32_t)(i * 101 % 256);
		sum += weights[i];
	}
	begin_ns = clock_ns();
	rotation = rotation_new(weights, 1000);
	printf("# %u places in %.1f ms\n", sum, (double)(clock_ns() - begin_ns) / 1e6);
	ck_assert_ptr_nonnull(rotation);
	ck_assert_uint_eq(rotation->n, sum);
	free(rotation);
}
END_TEST

START_TEST(without_memory_there_is_none)
{
	static const uint32_t weights[] = {1, 2};
	static const uint32_t vast[] = {ROTATION_SUM_MAX, 1};
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct rotation *rotation;

		fault_arm(n);
		rotation = rotation_new(weights, 2);
		failed = fault_disarm();
		ck_assert_int_eq(failed, rotation == NULL);
		free(rotation);
		ck_assert_uint_lt(n, 10);
	}
	ck_assert_ptr_null(rotation_new(vast, 2));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rotation");
	TCase *tc = tcase_create("rotation");

	tcase_add_loop_test(
		tc, picks_are_spread_over_the_order, 0, sizeof(orders) / sizeof(orders[0]));
	tcase_add_test(tc, every_run_of_its_length_holds_each_server_as_its_weight_says);
	tcase_add_test(tc, a_thousand_servers_of_all_weights_have_an_order);
	tcase_add_test(tc, without_memory_there_is_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
