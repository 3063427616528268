/* SPDX-License-Identifier: ISC */
/* Reports in JSON: what a report that is read again has, and which field it is refused for. */
#include "load/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hdr.h"
#include "load/result_file.h"
#include "load/results.h"
#include "load_report.h"
#include "suite.h"

static struct result *result;
static char why[RESULT_WHY_MAX];

static void teardown(void)
{
	result = result_free(result);
}

static void read_report(void)
{
	json_t *report = load_report();

	ck_assert_ptr_nonnull(report);
	ck_assert_int_eq(result_read(report, &result, why), 0);
	json_decref(report);
}

START_TEST(what_a_report_says_is_read)
{
	read_report();
	ck_assert_str_eq(result->title, "idle to 127.0.0.1:80");
	ck_assert_str_eq(result->scenario, "idle");
	ck_assert(result->holds && !result->is_interrupted && !result->is_measured);
	ck_assert_uint_eq(result->n_command, 2);
	ck_assert_uint_eq(result->n_opened, 10);
	ck_assert_uint_eq(result->verdicts[VERDICT_ON_TIME], 10);
	ck_assert_uint_eq(result->sides[SIDE_CLIENT].late.p50, 2000);
	ck_assert_uint_eq(result->sides[SIDE_CLIENT].n_ended[CONN_END_FIN], 10);
	ck_assert(!result->sides[SIDE_SERVER].is_known);
	ck_assert_uint_eq(result->n_moments, 2);
	ck_assert_uint_eq(result->moments[0].n_opened, 10);
	ck_assert_uint_eq(result->moments[1].verdicts[VERDICT_ON_TIME], 10);
	ck_assert_uint_eq(result->n_worst, 1);
	ck_assert_int_eq(result->worst[0].verdict, VERDICT_ON_TIME);
	ck_assert_int_eq(result->worst[0].ends[SIDE_CLIENT].late_us, 3000);
	ck_assert_str_eq(result->limits[0].name, "max_early");
	ck_assert_uint_eq(result->loop_delay.p99, 50);
}
END_TEST

/** Writes and reads the deviations of two closes, one early and one late. */
static void write_and_read(uint64_t early_us, uint64_t late_us)
{
	static struct hdr early, late;
	json_t *report = load_report();
	const struct result_distribution *got;

	ck_assert_ptr_nonnull(report);
	early = late = (struct hdr){0};
	hdr_record(&early, early_us);
	hdr_record(&late, late_us);
	ck_assert_int_eq(json_object_set_new(json_object_get(report, "client"), "deviations_us",
				 report_json_deviations(&early, &late)),
		0);
	ck_assert_msg(result_read(report, &result, why) == 0, "%s", why);
	json_decref(report);
	got = &result->sides[SIDE_CLIENT].deviation;
	ck_assert_uint_eq(got->count, 2);
	ck_assert_int_eq(got->buckets[0].least, -(int64_t)early_us);
	ck_assert_int_eq(got->buckets[got->n_buckets - 1].greatest, (int64_t)late_us);
	result = result_free(result);
}

START_TEST(what_is_early_by_less_than_a_microsecond_is_written_once)
{
	static const uint64_t us[] = {0, 1, 1000000};

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 3; j++) {
			write_and_read(us[i], us[j]);
		}
	}
}
END_TEST

START_TEST(options_are_told_as_people_write_them)
{
	read_report();
	ck_assert_str_eq(result_option(result, "target"), "127.0.0.1:80");
	ck_assert_str_eq(result_option(result, "expect_us"), "1s");
	ck_assert_str_eq(result_option(result, "max_late_us"), "50ms");
	ck_assert_str_eq(result_option(result, "connections"), "10");
	ck_assert_str_eq(result_option(result, "ramp"), "1000");
	ck_assert_str_eq(result_option(result, "silent"), "");
	ck_assert_str_eq(result_option(result, "serve"), "");
	ck_assert_str_eq(result_option(result, "nonsense"), "");
}
END_TEST

START_TEST(percentiles_are_those_of_all_buckets)
{
	const struct result_distribution *all;

	read_report();
	all = &result->sides[SIDE_CLIENT].deviation;
	ck_assert_uint_eq(all->count, 10);
	ck_assert_int_eq(result_percentile(all, 0), 1000);
	ck_assert_int_eq(result_percentile(all, 40), 1000);
	ck_assert_int_eq(result_percentile(all, 50), 2001);
	ck_assert_int_eq(result_percentile(all, 100), 3000);
	ck_assert_int_eq(result_percentile(&(struct result_distribution){0}, 50), 0);
}
END_TEST

START_TEST(fields_to_come_are_left_alone)
{
	json_t *report = load_report();

	load_report_set(report, "something", "{\"new\": [1]}");
	load_report_set(report, "client.something", "1");
	ck_assert_int_eq(result_read(report, &result, why), 0);
	json_decref(report);
}
END_TEST

static const struct {
	const char *field;
	const char *value; /* NULL: the field is missing */
	const char *says;
} hostile[] = {
	{"schema", NULL, "schema: missing; an older weirload"},
	{"schema", "2", "schema: 2, and this weirload knows only 1"},
	{"schema", "\"1\"", "schema: is no integer"},
	{"scenario", "\"serve\"", "scenario: \"serve\" judges nothing"},
	{"host", "3", "host: is no text"},
	{"interrupted", "0", "interrupted: is neither true nor false"},
	{"lasted_us", "-1", "lasted_us: is negative"},
	{"lasted_us", "9223372036854775807", "lasted_us: 9223372036854775807 is out of range"},
	{"lasted_us", "1.5", "lasted_us: is no integer"},
	{"command", "[\"a\", 1]", "command: element 1 is no text"},
	{"command", "\"a\"", "command: is no array"},
	{"options", "[]", "options: is no object"},
	{"options.expect_us", "{}", "options.expect_us: is no value"},
	{"options.expect_us", "-1", "options.expect_us: is no value"},
	{"connections", NULL, "connections: missing"},
	{"connections.late", "\"many\"", "connections.late: is no integer"},
	{"connections.failed_by", "{\"EPERM\": null}", "connections.failed_by.EPERM: is no"},
	{"client", "null", "client: is no object"},
	{"client.late_us.p99", NULL, "client.late_us.p99: missing"},
	{"client.deviations_us", "[[2, 1, 1]]", "client.deviations_us: element 0"},
	{"client.deviations_us", "[[1, 2, 0]]", "client.deviations_us: element 0"},
	{"client.deviations_us", "[[1, 2, -1]]", "client.deviations_us: element 0"},
	{"client.deviations_us", "[[1, 2, 1], [2, 3, 1]]", "client.deviations_us: element 1"},
	{"client.deviations_us", "[[1, 2, 1, 1]]", "client.deviations_us: element 0"},
	{"client.deviations_us", "[[1, 2]]", "client.deviations_us: element 0"},
	{"client.deviations_us", "[7]", "client.deviations_us: element 0"},
	{"client.deviations_us", "[[0, 9223372036854775807, 1]]", "client.deviations_us: element"},
	{"closes.every_us", "0", "closes.every_us: is 0"},
	{"closes.early", "[0]", "closes.early: has not as many elements"},
	{"closes.early", "[0, \"1\"]", "closes.early: element 1 is no count"},
	{"closes.opened", "{}", "closes.opened: is no array"},
	{"worst", "{}", "worst: is no array"},
	{"worst.0", "3", "worst[0]: is no object"},
	{"worst.0.verdict", "\"bad\"", "worst[0].verdict: is no verdict"},
	{"worst.0.client.by", "null", "worst[0].client.by: is no text"},
	{"worst.0.server", "[]", "worst[0].server: is no object"},
	{"limits.max_early", "1", "limits.max_early: is no object"},
	{"limits.max_early.holds", "1", "limits.max_early.holds: is neither"},
	{"tool.loop_delay_us", NULL, "tool.loop_delay_us: missing"},
	{"holds", NULL, "holds: missing"},
};

START_TEST(what_does_not_fit_is_told_by_its_field)
{
	json_t *report = load_report();

	load_report_set(report, hostile[_i].field, hostile[_i].value);
	ck_assert_int_eq(result_read(report, &result, why), -EINVAL);
	ck_assert_msg(strncmp(why, hostile[_i].says, strlen(hostile[_i].says)) == 0, "%s", why);
	json_decref(report);
}
END_TEST

START_TEST(arrays_are_bounded)
{
	static const char *const arrays[] = {"closes.opened", "worst", "command"};
	json_t *report = load_report();
	char *text = malloc(2 * 3000 + 3);
	size_t n = 0;

	text[n++] = '[';
	for (int i = 0; i < 3000; i++) {
		text[n++] = '1';
		text[n++] = ',';
	}
	text[n - 1] = ']';
	text[n] = '\0';
	load_report_set(report, arrays[_i], text);
	free(text);
	ck_assert_int_eq(result_read(report, &result, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, ": has more than "));
	json_decref(report);
}
END_TEST

/* ---- files ---- */

static struct result_file file;

static int load_text(const char *text, size_t n)
{
	char path[] = "/tmp/weir-result-XXXXXX";
	int fd = mkstemp(path);
	int r;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
	r = result_file_load(&file, path, why);
	unlink(path);
	return r;
}

START_TEST(a_file_is_read)
{
	json_t *report = load_report();
	char *text = json_dumps(report, 0);

	ck_assert_int_eq(load_text(text, strlen(text)), 0);
	ck_assert_ptr_null(file.suite);
	ck_assert_uint_eq(file.rows[0].result->n_opened, 10);
	result_file_fini(&file);
	free(text);
	json_decref(report);
}
END_TEST

/** A report of a suite with two rows of these names, each with a report. */
static json_t *suite_of(const char *a, const char *b)
{
	json_t *report = load_report();
	json_t *suite = json_pack("{s:i, s:s, s:[{s:s, s:s, s:O}, {s:s, s:s, s:n}]}", "schema", 1,
		"suite", "fleet.suite", "rows", "name", a, "proxy", "p", "report", report, "name",
		b, "proxy", "p", "report");

	json_decref(report);
	return suite;
}

static int load_suite(json_t *suite)
{
	char *text = json_dumps(suite, 0);
	int r = load_text(text, strlen(text));

	free(text);
	json_decref(suite);
	return r;
}

START_TEST(a_suite_is_read_row_by_row)
{
	ck_assert_int_eq(load_suite(suite_of("idle", "stall")), 0);
	ck_assert_str_eq(file.suite, "fleet.suite");
	ck_assert_uint_eq(file.n_rows, 2);
	ck_assert_uint_eq(result_file_find(&file, "idle", "p")->result->n_opened, 10);
	ck_assert_ptr_null(result_file_find(&file, "stall", "p")->result);
	ck_assert_ptr_null(result_file_find(&file, "stall", "q"));
	result_file_fini(&file);
}
END_TEST

START_TEST(a_row_of_a_suite_that_is_wrong_is_named)
{
	json_t *suite = suite_of("idle", "idle");

	ck_assert_int_eq(load_suite(suite), -EINVAL);
	ck_assert_str_eq(why, "rows[1].name: \"idle\" through \"p\" is there twice");
	suite = suite_of("idle", "stall");
	json_object_del(
		json_object_get(json_array_get(json_object_get(suite, "rows"), 0), "report"),
		"scenario");
	ck_assert_int_eq(load_suite(suite), -EINVAL);
	ck_assert_msg(strncmp(why, "rows[0].report: scenario: missing; ", 35) == 0, "%s", why);
	suite = suite_of(
		"idle", "a name that is longer than any that can stand in the file of a suite");
	ck_assert_int_eq(load_suite(suite), -EINVAL);
	ck_assert_str_eq(why, "rows[1].name: has more than 63 bytes");
	suite = suite_of("idle", "stall");
	json_object_set_new(suite, "rows", json_integer(3));
	ck_assert_int_eq(load_suite(suite), -EINVAL);
	ck_assert_msg(strncmp(why, "rows: ", 6) == 0, "%s", why);
}
END_TEST

START_TEST(a_file_that_is_no_report_is_refused)
{
	static const struct {
		const char *text;
		const char *says;
	} files[] = {
		{"", "line 1, column 0: "},
		{"{\n\"schema\": 1,,}", "line 2, column 13: "},
		{"{\"schema\": 1, \"schema\": 1}", "line 1, column 22: duplicate object key"},
		{"[1]", "no report of weirload --json"},
		{"{} {}", "line 1, column 4: end of file expected"},
		{"{\"schema\": 99999999999999999999}", "line 1, column 31: too big integer"},
	};

	ck_assert_int_eq(load_text(files[_i].text, strlen(files[_i].text)), -EINVAL);
	ck_assert_msg(strncmp(why, files[_i].says, strlen(files[_i].says)) == 0, "%s", why);
}
END_TEST

START_TEST(a_file_without_end_is_refused)
{
	ck_assert_int_eq(result_file_load(&file, "/dev/zero", why), -EINVAL);
	ck_assert_str_eq(why, "longer than 64 MiB: no report of weirload");
	ck_assert_int_eq(result_file_load(&file, "/no/such/file", why), -EINVAL);
	ck_assert_str_eq(why, "No such file or directory");
	ck_assert_int_eq(result_file_load(&file, "/", why), -EINVAL);
	ck_assert_str_eq(why, "Is a directory");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_result");
	TCase *tc = tcase_create("load_result");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, what_a_report_says_is_read);
	tcase_add_test(tc, what_is_early_by_less_than_a_microsecond_is_written_once);
	tcase_add_test(tc, options_are_told_as_people_write_them);
	tcase_add_test(tc, percentiles_are_those_of_all_buckets);
	tcase_add_test(tc, fields_to_come_are_left_alone);
	tcase_add_loop_test(tc, what_does_not_fit_is_told_by_its_field, 0,
		(int)(sizeof(hostile) / sizeof(hostile[0])));
	tcase_add_loop_test(tc, arrays_are_bounded, 0, 3);
	tcase_add_test(tc, a_file_is_read);
	tcase_add_test(tc, a_suite_is_read_row_by_row);
	tcase_add_test(tc, a_row_of_a_suite_that_is_wrong_is_named);
	tcase_add_loop_test(tc, a_file_that_is_no_report_is_refused, 0, 6);
	tcase_add_test(tc, a_file_without_end_is_refused);
	return suite_run(suite);
}
