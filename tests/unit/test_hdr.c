/* SPDX-License-Identifier: ISC */
/* The histogram is compared with sorted arrays of the same values. */
#include "base/hdr.h"

#include <stdlib.h>

#include "suite.h"

static struct hdr *hdr;

static void setup(void)
{
	hdr = calloc(1, sizeof(*hdr));
	ck_assert_ptr_nonnull(hdr);
}

static void teardown(void)
{
	free(hdr);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/** Three significant digits: a value is never below the true one, and at most 1/1024 above it. */
static void expect_near(uint64_t told, uint64_t truth)
{
	ck_assert_uint_ge(told, truth);
	ck_assert_uint_le(told - truth, truth / 1024);
}

/** Records what is in `values`, sorts it, and compares every percentile with the sorted array. */
static void check_against_sorted(uint64_t *values, size_t n)
{
	static const double percents[] = {0, 1, 10, 50, 90, 99, 99.9, 99.99, 100};

	for (size_t i = 0; i < n; i++) {
		hdr_record(hdr, values[i]);
	}
	qsort(values, n, sizeof(*values), compare);
	ck_assert_uint_eq(hdr_count(hdr), n);
	ck_assert_uint_eq(hdr_min(hdr), values[0]);
	ck_assert_uint_eq(hdr_max(hdr), values[n - 1]);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		size_t rank = 1; /* the first rank that is not below the wanted share */

		while ((double)rank < (double)n * percents[i] / 100) {
			rank++;
		}
		expect_near(hdr_percentile(hdr, percents[i]), values[rank - 1]);
	}
}

START_TEST(an_empty_one_says_zero)
{
	ck_assert_uint_eq(hdr_count(hdr), 0);
	ck_assert_uint_eq(hdr_min(hdr), 0);
	ck_assert_uint_eq(hdr_max(hdr), 0);
	ck_assert_uint_eq(hdr_percentile(hdr, 99), 0);
	ck_assert_uint_eq(hdr_count_between(hdr, 0, UINT64_MAX), 0);
}
END_TEST

START_TEST(one_value_is_every_percentile)
{
	static const uint64_t values[] = {0, 1, 2047, 2048, 123456789};

	hdr_record(hdr, values[_i]);
	ck_assert_uint_eq(hdr_min(hdr), values[_i]);
	ck_assert_uint_eq(hdr_max(hdr), values[_i]);
	ck_assert_uint_eq(hdr_percentile(hdr, 0), values[_i]);
	ck_assert_uint_eq(hdr_percentile(hdr, 50), values[_i]);
	ck_assert_uint_eq(hdr_percentile(hdr, 100), values[_i]);
}
END_TEST

START_TEST(small_values_are_exact)
{
	for (uint64_t i = 0; i < 2048; i++) {
		hdr_record(hdr, i);
	}
	for (uint64_t i = 1; i <= 2048; i++) {
		ck_assert_uint_eq(hdr_percentile(hdr, (double)i / 2048 * 100), i - 1);
		ck_assert_uint_eq(hdr_count_between(hdr, 0, i - 1), i);
	}
}
END_TEST

START_TEST(three_digits_hold_at_every_power_of_two)
{
	for (unsigned bit = 0; bit < HDR_VALUE_BITS; bit++) {
		for (int64_t off = -1; off <= 1; off++) {
			uint64_t value = ((uint64_t)1 << bit) + (uint64_t)off;

			teardown();
			setup();
			hdr_record(hdr, value);
			hdr_record(hdr, UINT64_MAX); /* otherwise the maximum would hide the slot */
			expect_near(hdr_percentile(hdr, 50), value);
		}
	}
}
END_TEST

START_TEST(percentiles_agree_with_a_sorted_array)
{
	enum { N = 20000 };
	uint64_t *values = calloc(N, sizeof(*values));

	srandom((unsigned)_i);
	for (size_t i = 0; i < N; i++) {
		uint64_t value = (uint64_t)random() << 6 ^ (uint64_t)random();

		/* Even rounds have evenly spread values, odd rounds values of all magnitudes. */
		values[i] = _i % 2 == 0 ? value % 100000 : value >> (random() % 37);
	}
	check_against_sorted(values, N);
	free(values);
}
END_TEST

START_TEST(a_few_values_agree_too)
{
	uint64_t values[] = {30, 10, 20, 5000, 40};

	check_against_sorted(values, 5);
	ck_assert_uint_eq(hdr_percentile(hdr, 60), 30);
	ck_assert_uint_eq(hdr_percentile(hdr, 60.1), 40);
}
END_TEST

START_TEST(what_is_too_large_is_counted_last_and_kept_as_maximum)
{
	hdr_record(hdr, UINT64_MAX - 1);
	hdr_record(hdr, (uint64_t)1 << HDR_VALUE_BITS);
	hdr_record(hdr, 7);
	ck_assert_uint_eq(hdr_count(hdr), 3);
	ck_assert_uint_eq(hdr_min(hdr), 7);
	ck_assert_uint_eq(hdr_max(hdr), UINT64_MAX - 1);
	ck_assert_uint_eq(hdr_percentile(hdr, 100), UINT64_MAX - 1);
	ck_assert_uint_eq(hdr_count_between(hdr, 8, UINT64_MAX), 2);
}
END_TEST

START_TEST(merging_is_as_if_one_had_recorded_all)
{
	struct hdr *other = calloc(1, sizeof(*other));
	struct hdr *both = calloc(1, sizeof(*both));

	srandom(7);
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t value = (uint64_t)random() >> (random() % 31);

		hdr_record(i % 3 == 0 ? hdr : other, value);
		hdr_record(both, value);
	}
	hdr_merge(hdr, other);
	ck_assert_mem_eq(hdr, both, sizeof(*both));
	free(other);
	free(both);
}
END_TEST

START_TEST(merging_an_empty_one_changes_nothing)
{
	struct hdr *empty = calloc(1, sizeof(*empty));

	hdr_record(hdr, 42);
	hdr_merge(hdr, empty);
	ck_assert_uint_eq(hdr_count(hdr), 1);
	ck_assert_uint_eq(hdr_min(hdr), 42);
	hdr_merge(empty, hdr);
	ck_assert_uint_eq(hdr_min(empty), 42);
	ck_assert_uint_eq(hdr_max(empty), 42);
	free(empty);
}
END_TEST

START_TEST(the_slots_that_are_not_empty_are_told_in_order)
{
	static const uint64_t values[] = {0, 0, 5, 3000, (uint64_t)1 << 40};
	struct hdr_slot slots[5];
	size_t index = 0;
	size_t n = 0;

	ck_assert(!hdr_next(hdr, &index, &slots[0]));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		hdr_record(hdr, values[i]);
	}
	for (index = 0; n < 5 && hdr_next(hdr, &index, &slots[n]); n++) {
	}
	ck_assert_uint_eq(n, 4);
	ck_assert(slots[0].least == 0 && slots[0].greatest == 0 && slots[0].n == 2);
	ck_assert(slots[1].least == 5 && slots[1].greatest == 5 && slots[1].n == 1);
	ck_assert(slots[2].least == 3000 && slots[2].greatest == 3001 && slots[2].n == 1);
	ck_assert_uint_eq(slots[3].greatest, (uint64_t)1 << 40);
	ck_assert_uint_le(slots[3].least, slots[3].greatest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hdr");
	TCase *tc = tcase_create("hdr");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_empty_one_says_zero);
	tcase_add_loop_test(tc, one_value_is_every_percentile, 0, 5);
	tcase_add_test(tc, small_values_are_exact);
	tcase_add_test(tc, three_digits_hold_at_every_power_of_two);
	tcase_add_loop_test(tc, percentiles_agree_with_a_sorted_array, 0, 6);
	tcase_add_test(tc, a_few_values_agree_too);
	tcase_add_test(tc, what_is_too_large_is_counted_last_and_kept_as_maximum);
	tcase_add_test(tc, merging_is_as_if_one_had_recorded_all);
	tcase_add_test(tc, merging_an_empty_one_changes_nothing);
	tcase_add_test(tc, the_slots_that_are_not_empty_are_told_in_order);
	return suite_run(suite);
}
