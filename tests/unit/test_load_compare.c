/* SPDX-License-Identifier: ISC */
/* How chance affects counts and quantiles, and when one report is worse than another. */
#include "load/compare.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/chance.h"
#include "load/result.h"
#include "load_report.h"
#include "suite.h"

static bool is_near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

/* ---- chance ---- */

START_TEST(places_are_those_of_the_tables)
{
	static const struct {
		uint64_t n;
		double q;
		double miss;
		uint64_t below;
		uint64_t above;
	} rows[] = {
		/* P(B(10, 1/2) <= 1) = 11/1024 = 0.0107, <= 2: 0.0547 */
		{10, 0.5, 0.011, 2, 9},
		{10, 0.5, 0.0107, 1, 10},
		{10, 0.5, 0.025, 2, 9},
		{10, 0.5, 0.06, 3, 8},
		/* 0.5^5 = 0.03125: five values give the median no bounds with a smaller error */
		{5, 0.5, 0.03, 0, 6},
		{5, 0.5, 0.032, 1, 5},
		/* 0.99^299 < 0.05 < 0.99^298 */
		{298, 0.99, 0.05, 292, 299},
		{299, 0.99, 0.05, 293, 299},
		{1, 0.5, 0.01, 0, 2},
	};
	uint64_t below;
	uint64_t above;

	chance_places(rows[_i].n, rows[_i].q, rows[_i].miss, &below, &above);
	ck_assert_uint_eq(below, rows[_i].below);
	ck_assert_uint_eq(above, rows[_i].above);
}
END_TEST

START_TEST(places_of_millions_are_those_of_a_normal_distribution)
{
	uint64_t n = 10000000;
	uint64_t below;
	uint64_t above;

	chance_places(n, 0.5, 0.025, &below, &above);
	/* 1.96 times the root of n / 4 */
	ck_assert_int_le(llabs((long long)(n / 2 - below) - 3099), 3);
	ck_assert_int_le(llabs((long long)(above - n / 2) - 3099), 3);
}
END_TEST

START_TEST(numbers_that_no_run_has_are_no_trouble)
{
	uint64_t n = (uint64_t)1 << 62;
	uint64_t below;
	uint64_t above;

	chance_places(n, 0.99, 1e-4, &below, &above);
	ck_assert(below < above && above <= n);
	ck_assert((double)below < (double)n * 0.99 && (double)above > (double)n * 0.99);
	ck_assert((double)(above - below) < (double)n * 0.001);
	ck_assert(is_near(chance_of_more(n / 2, n, n / 2, n), 1));
	ck_assert(chance_of_more(0, n, n / 2, n) < 1e-300);
}
END_TEST

START_TEST(marks_are_drawn_as_fisher_says)
{
	/* Fisher's tea test, 4 of 8 cups: all right by chance 1 of 70, 3 or more right 17 of 70. */
	ck_assert(is_near(chance_of_more(0, 4, 4, 4), 1 / 70.0));
	ck_assert(is_near(chance_of_more(1, 4, 3, 4), 17 / 70.0));
	ck_assert(is_near(chance_of_more(4, 4, 0, 4), 1));
	ck_assert(is_near(chance_of_more(0, 100, 1, 100), 0.5));
	ck_assert(is_near(chance_of_more(0, 100, 0, 100), 1));
	ck_assert(is_near(chance_of_more(10, 10, 10, 10), 1));
	ck_assert(chance_of_more(0, 10000000, 100, 10000000) < 1e-20);
	ck_assert(chance_of_more(5000000, 10000000, 5000000, 10000000) > 0.5);
	/* Intermediate values here fit into no double. */
	ck_assert(is_near(chance_of_more(5000, 10000, 0, 10000), 1));
	ck_assert(chance_of_more(0, 10000, 5000, 10000) < 1e-300);
}
END_TEST

/* ---- reports ---- */

static json_t *a_json;
static json_t *b_json;
static struct result *a;
static struct result *b;
static char why[RESULT_WHY_MAX];
static char *rows; /* the rows of the last comparison */

static void setup(void)
{
	a_json = load_report();
	b_json = load_report();
}

static void teardown(void)
{
	a = result_free(a);
	b = result_free(b);
	json_decref(a_json);
	json_decref(b_json);
	free(rows);
	rows = NULL;
}

static int check(void)
{
	a = result_free(a);
	b = result_free(b);
	ck_assert_int_eq(result_read(a_json, &a, why), 0);
	ck_assert_int_eq(result_read(b_json, &b, why), 0);
	return compare_check(&(struct comparison){a, b, 0, 0}, why);
}

static enum compare_outcome compare_among(uint64_t tolerance_us, uint64_t n_others)
{
	size_t n;
	FILE *out;
	enum compare_outcome outcome;

	free(rows);
	out = open_memstream(&rows, &n);
	ck_assert_int_eq(check(), 0);
	outcome = compare_results(&(struct comparison){a, b, tolerance_us, n_others}, out);
	(void)fclose(out);
	return outcome;
}

static enum compare_outcome compare(uint64_t tolerance_us)
{
	return compare_among(tolerance_us, 0);
}

/** Sets 1000 closes that are late by `from_us` and more, in steps of 1 us. */
static void set_lates(json_t *report, int from_us)
{
	json_t *client = json_object_get(report, "client");
	json_t *all = json_array();

	for (int i = 0; i < 1000; i++) {
		(void)json_array_append_new(all, json_pack("[i,i,i]", from_us + i, from_us + i, 1));
	}
	(void)json_object_set_new(client, "deviations_us", all);
}

START_TEST(the_same_is_within_the_noise)
{
	ck_assert_int_eq(compare(0), COMPARE_SAME);
}
END_TEST

START_TEST(what_is_later_by_more_than_chance_is_worse)
{
	set_lates(a_json, 1000);
	set_lates(b_json, 1000 + _i);
	/* Of 1000 values, 1 us apart, the bounds of the 99th percentile are about 22 us apart;
	 * those of other percentiles are wider. */
	ck_assert_int_eq(compare(0), _i >= 30 ? COMPARE_WORSE : COMPARE_SAME);
}
END_TEST

START_TEST(what_is_sooner_by_more_than_chance_is_better)
{
	set_lates(a_json, 2000);
	set_lates(b_json, 1000);
	ck_assert_int_eq(compare(0), COMPARE_BETTER);
}
END_TEST

START_TEST(the_tolerance_is_on_top_of_chance)
{
	set_lates(a_json, 1000);
	set_lates(b_json, 2000);
	ck_assert_int_eq(compare(1000), COMPARE_SAME);
}
END_TEST

START_TEST(two_of_a_few_closes_tell_nothing_of_a_percentile)
{
	/* Ten closes are too few for bounds of the median. */
	load_report_set(b_json, "client.deviations_us", "[[900000, 900000, 10]]");
	ck_assert_int_eq(compare(0), COMPARE_SAME);
	ck_assert_ptr_nonnull(strstr(strstr(rows, "client ms p50"), " too few to tell\n"));
	ck_assert_ptr_null(strstr(strstr(rows, "client ms p50"), "within the noise"));
	set_lates(a_json, 1000);
	set_lates(b_json, 1000);
	ck_assert_int_eq(compare(0), COMPARE_SAME);
	ck_assert_ptr_null(strstr(rows, "too few to tell"));
}
END_TEST

static const struct {
	const char *field;
	const char *value;
	enum compare_outcome outcome;
} changes[] = {
	{"connections.early", "1", COMPARE_SAME},
	{"connections.early", "100", COMPARE_WORSE},
	{"connections.never", "100", COMPARE_WORSE},
	{"connections.late", "100", COMPARE_WORSE},
	{"connections.failed", "100", COMPARE_WORSE},
	{"limits.max_lost", "{\"limit\": 0, \"value\": 1, \"holds\": false, \"words\": \"x\"}",
		COMPARE_WORSE},
	{"limits.max_early", "{\"limit\": 0, \"value\": 1, \"holds\": false, \"words\": \"x\"}",
		COMPARE_SAME},
};

static void set_change(json_t *report)
{
	load_report_set(report, "limits.max_lost",
		"{\"limit\": 0, \"value\": 0, \"holds\": true, \"words\": null}");
}

START_TEST(counts_and_limits_are_compared)
{
	set_change(a_json);
	set_change(b_json);
	load_report_set(b_json, changes[_i].field, changes[_i].value);
	ck_assert_int_eq(compare(0), changes[_i].outcome);
}
END_TEST

START_TEST(many_that_are_compared_share_the_chance_to_err)
{
	load_report_set(b_json, "connections.early", "25");
	ck_assert_int_eq(compare_among(0, 0), COMPARE_WORSE);
	ck_assert_int_eq(compare_among(0, 9999), COMPARE_SAME);
}
END_TEST

START_TEST(the_other_way_round_it_is_better)
{
	set_change(a_json);
	set_change(b_json);
	load_report_set(a_json, changes[_i].field, changes[_i].value);
	ck_assert_int_eq(
		compare(0), changes[_i].outcome == COMPARE_SAME ? COMPARE_SAME : COMPARE_BETTER);
}
END_TEST

static const struct {
	const char *field;
	const char *value;
	const char *says; /* NULL: the reports can be compared */
} others[] = {
	{"scenario", "\"trickle\"", "they have tried different things: A is of idle, and B of "},
	{"options.expect_us", "2000000", "they have tried different things: expect_us is 1s in A"},
	{"options.silent", "true", "they have tried different things: silent is not given in A"},
	{"options.serve", "\"127.0.0.1:9\"", "they have tried different things: serve is not "},
	{"options.something", "1", "they have tried different things: something is not given"},
	{"options.target", "\"127.0.0.1:81\"", NULL},
	{"options.json", "true", NULL},
	{"host", "\"another\"", NULL},
	{"interrupted", "true", "B was interrupted: run it again"},
	{"limits.max_void", "{\"limit\": 0, \"value\": 1, \"holds\": false, \"words\": \"x\"}",
		"B proves nothing, for weirload itself was late"},
};

START_TEST(only_runs_of_the_same_are_compared)
{
	load_report_set(b_json, others[_i].field, others[_i].value);
	ck_assert_int_eq(check(), others[_i].says == NULL ? 0 : -EINVAL);
	if (others[_i].says != NULL) {
		ck_assert_msg(
			strncmp(why, others[_i].says, strlen(others[_i].says)) == 0, "%s", why);
	}
}
END_TEST

START_TEST(runs_without_an_expected_time_are_not_compared)
{
	load_report_set(a_json, "options.expect_us", "null");
	load_report_set(b_json, "options.expect_us", "null");
	ck_assert_int_eq(check(), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "without --expect"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_compare");
	TCase *tc = tcase_create("chance");

	suite_add_tcase(suite, tc);
	tcase_add_loop_test(tc, places_are_those_of_the_tables, 0, 9);
	tcase_add_test(tc, places_of_millions_are_those_of_a_normal_distribution);
	tcase_add_test(tc, numbers_that_no_run_has_are_no_trouble);
	tcase_add_test(tc, marks_are_drawn_as_fisher_says);
	tc = tcase_create("reports");
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_same_is_within_the_noise);
	tcase_add_loop_test(tc, what_is_later_by_more_than_chance_is_worse, 15, 17);
	tcase_add_loop_test(tc, what_is_later_by_more_than_chance_is_worse, 30, 32);
	tcase_add_test(tc, what_is_sooner_by_more_than_chance_is_better);
	tcase_add_test(tc, the_tolerance_is_on_top_of_chance);
	tcase_add_test(tc, two_of_a_few_closes_tell_nothing_of_a_percentile);
	tcase_add_test(tc, many_that_are_compared_share_the_chance_to_err);
	tcase_add_loop_test(
		tc, counts_and_limits_are_compared, 0, (int)(sizeof(changes) / sizeof(changes[0])));
	tcase_add_loop_test(tc, the_other_way_round_it_is_better, 0,
		(int)(sizeof(changes) / sizeof(changes[0])));
	tcase_add_loop_test(tc, only_runs_of_the_same_are_compared, 0,
		(int)(sizeof(others) / sizeof(others[0])));
	tcase_add_test(tc, runs_without_an_expected_time_are_not_compared);
	return suite_run(suite);
}
