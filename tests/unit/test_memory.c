/* SPDX-License-Identifier: ISC */
/* When memory goes back to the system: malloc_trim() is counted, not called. */
#include "service/memory.h"

#include <malloc.h>

#include "suite.h"

static unsigned n_trims;

int __wrap_malloc_trim(size_t pad);
int __wrap_malloc_trim(size_t pad)
{
	ck_assert_uint_eq(pad, 0);
	n_trims++;
	return 1;
}

START_TEST(a_burst_of_pairs_is_given_back_once)
{
	struct memory memory = {0};

	memory_look(&memory, 1000, 0);
	ck_assert_uint_eq(n_trims, 0);
	memory_look(&memory, 10, 0);
	ck_assert_uint_eq(n_trims, 0); /* it may go on */
	memory_look(&memory, 10, 0);
	ck_assert_uint_eq(n_trims, 1);
	memory_look(&memory, 10, 0);
	memory_look(&memory, 0, 0);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(a_burst_of_waiting_bytes_is_given_back_once)
{
	struct memory memory = {0};

	memory_look(&memory, 5, 10 * 1024 * 1024);
	memory_look(&memory, 5, 1024);
	ck_assert_uint_eq(n_trims, 0);
	memory_look(&memory, 5, 1024);
	ck_assert_uint_eq(n_trims, 1);
	memory_look(&memory, 5, 1024);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(a_config_is_given_back_once)
{
	struct memory memory = {0};

	memory_look(&memory, 200, 0);
	memory_config_went(&memory);
	memory_look(&memory, 100, 0);
	memory_look(&memory, 100, 0);
	ck_assert_uint_eq(n_trims, 0); /* a burst ebbs, then its listeners are still going */
	memory_look(&memory, 100, 0);
	ck_assert_uint_eq(n_trims, 1);
	memory_look(&memory, 100, 0);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(a_slow_decline_counts_from_the_peak)
{
	struct memory memory = {0};

	for (uint64_t n = 2000; n > 2000 - 512; n--) {
		memory_look(&memory, n, 0);
		ck_assert_uint_eq(n_trims, 0);
	}
	memory_look(&memory, 2000 - 512, 0);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(nothing_is_given_back_while_the_burst_ebbs)
{
	struct memory memory = {0};

	for (uint64_t n = 9000; n > 0; n -= 1000) {
		memory_look(&memory, n, n * 1024);
		ck_assert_uint_eq(n_trims, 0);
	}
	memory_look(&memory, 1000, 1000 * 1024);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(what_is_not_worth_it_is_left)
{
	struct memory memory = {0};

	for (unsigned i = 0; i < 100; i++) {
		memory_look(&memory, i % 2 * 511, i % 2 * (512 * 1024 - 1));
	}
	ck_assert_uint_eq(n_trims, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tc = tcase_create("memory");

	tcase_add_test(tc, a_burst_of_pairs_is_given_back_once);
	tcase_add_test(tc, a_burst_of_waiting_bytes_is_given_back_once);
	tcase_add_test(tc, a_config_is_given_back_once);
	tcase_add_test(tc, a_slow_decline_counts_from_the_peak);
	tcase_add_test(tc, nothing_is_given_back_while_the_burst_ebbs);
	tcase_add_test(tc, what_is_not_worth_it_is_left);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
