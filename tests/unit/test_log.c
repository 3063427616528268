/* SPDX-License-Identifier: ISC */
/* How log lines are built, and how a thread without a queue writes them. */
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "memory_file.h"
#include "suite.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void set_up(void)
{
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
}

START_TEST(a_level_has_a_name)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	enum log_level level;

	for (size_t i = 0; i < N_OF(names); i++) {
		ck_assert_int_eq(log_level_parse(names[i], &level), 0);
		ck_assert_uint_eq(level, i);
		ck_assert_str_eq(log_level_name(level), names[i]);
	}
	level = LOG_LEVEL_WARN;
	ck_assert_int_eq(log_level_parse("warning", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("Info", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &level), -EINVAL);
	ck_assert_uint_eq(level, LOG_LEVEL_WARN);
}
END_TEST

START_TEST(lines_above_the_level_are_not_built)
{
	struct log_line line;

	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	ck_assert(!log_begin(&line, LOG_LEVEL_DEBUG, "x"));
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert(log_begin(&line, LOG_LEVEL_ERROR, "x"));
	ck_assert(!log_begin(&line, LOG_LEVEL_WARN, "x"));
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert(log_begin(&line, LOG_LEVEL_DEBUG, "x"));
}
END_TEST

static void expect_text(const struct log_line *line, const char *expected)
{
	ck_assert_msg(line->len == strlen(expected) && memcmp(line->text, expected, line->len) == 0,
		"\"%.*s\" is not \"%s\"", (int)line->len, line->text, expected);
}

static const struct {
	const char *value;
	const char *shown;
} values[] = {
	{"plain", " v=plain"},
	{"127.0.0.1:80", " v=127.0.0.1:80"},
	{"unix:@x/y~!#'", " v=unix:@x/y~!#'"},
	{"", " v=\"\""},
	{" ", " v=\" \""},
	{"two words", " v=\"two words\""},
	{"a=b", " v=\"a=b\""},
	{"\"", " v=\"\\\"\""},
	{"\\", " v=\"\\\\\""},
	{"\\\"\\", " v=\"\\\\\\\"\\\\\""},
	{"\\x22", " v=\"\\\\x22\""},
	{"x\" level=error y=\"", " v=\"x\\\" level=error y=\\\"\""},
	{"a\nb\r\tc", " v=\"a\\x0ab\\x0d\\x09c\""},
	{"\x01\x1f\x7f", " v=\"\\x01\\x1f\\x7f\""},
	{"\x1b[2J", " v=\"\\x1b[2J\""},
	{"\xc3\xa4\xff\x80", " v=\"\\xc3\\xa4\\xff\\x80\""},
	{NULL, ""},
};

START_TEST(a_value_from_outside_is_escaped)
{
	struct log_line line = {.len = 0};

	log_str(&line, "v", values[_i].value);
	expect_text(&line, values[_i].shown);
}
END_TEST

START_TEST(bytes_from_outside_are_escaped_whatever_they_are)
{
	struct log_line line = {.len = 0};

	log_bytes(&line, "v", "\r\n\0QUIT", 7);
	log_bytes(&line, "w", "plain text", 5);
	log_bytes(&line, "x", "", 0);
	expect_text(&line, " v=\"\\x0d\\x0a\\x00QUIT\" w=plain x=\"\"");
}
END_TEST

START_TEST(numbers_are_written_whole)
{
	struct log_line line;

	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_u64(&line, "a", 0);
	log_u64(&line, "b", UINT64_MAX);
	log_i64(&line, "c", INT64_MIN);
	log_i64(&line, "d", INT64_MAX);
	log_i64(&line, "e", -1);
	expect_text(&line, " event=x a=0 b=18446744073709551615 c=-9223372036854775808 "
			   "d=9223372036854775807 e=-1");
}
END_TEST

START_TEST(milliseconds_have_three_decimals)
{
	struct log_line line;

	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_ms(&line, "a", 0);
	log_ms(&line, "b", 999);
	log_ms(&line, "c", 1000);
	log_ms(&line, "d", 12345678);
	log_ms(&line, "e", NS_NEVER);
	expect_text(&line, " event=x a=0.000 b=0.000 c=0.001 d=12.345 e=18446744073709.551");
}
END_TEST

START_TEST(an_errno_has_its_name_and_its_text)
{
	struct log_line line;

	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_errno(&line, -ECONNREFUSED);
	expect_text(&line, " event=x errno=ECONNREFUSED error=\"Connection refused\"");
	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_errno(&line, -3008);
	log_str(&line, "error", "unknown node or service");
	expect_text(&line, " event=x errno=-3008 error=\"unknown node or service\"");
}
END_TEST

/* Ends a line on a thread without a queue, with stderr in memory. Returns what was written. */
static char *end_to_memory(struct log_line *line)
{
	int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int memory = memory_open();

	ck_assert_int_ge(before, 0);
	ck_assert_int_eq(dup2(memory, STDERR_FILENO), STDERR_FILENO);
	log_end(line);
	ck_assert_int_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
	(void)close(before);
	return memory_close(memory);
}

START_TEST(a_line_that_is_too_long_is_cut_between_fields)
{
	/* " event=x v=" + value + " cut=true" is exactly LOG_LINE_MAX. */
	enum { FITS = LOG_LINE_MAX - (int)sizeof(" event=x v= cut=true") + 1 };
	static char value[FITS + 2];
	struct log_line line;
	char *text;

	memset(value, 'v', FITS);
	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_str(&line, "v", value);
	ck_assert(!line.cut);
	log_u64(&line, "more", 1);
	ck_assert(line.cut);
	text = end_to_memory(&line);
	expect_end(text, "vvv cut=true\n");
	ck_assert_uint_eq(line.len, LOG_LINE_MAX);
	free(text);

	value[FITS] = 'v';
	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_u64(&line, "a", 1);
	log_str(&line, "v", value);
	/* This field would fit, but the one before did not: after a cut no field follows. */
	log_u64(&line, "b", 2);
	text = end_to_memory(&line);
	expect_end(text, " level=info event=x a=1 cut=true\n");
	free(text);
}
END_TEST

START_TEST(a_cut_never_splits_an_escape)
{
	static char value[4 * LOG_LINE_MAX];
	struct log_line line;

	memset(value, '\n', sizeof(value) - 1);
	for (size_t len = 0; len < LOG_LINE_MAX; len++) {
		const char *tail = value + sizeof(value) - 1 - len;

		ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
		log_str(&line, "v", tail);
		if (line.cut) {
			expect_text(&line, " event=x");
		} else {
			ck_assert_uint_eq(line.len, strlen(" event=x v=\"\"") + 4 * len);
		}
	}
	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_str(&line, "v", value);
	expect_text(&line, " event=x");
}
END_TEST

START_TEST(a_line_begins_with_time_and_level)
{
	int year, month, day, hour, minute, second, ms, end = 0;
	struct log_line line;
	char *text;

	ck_assert(log_begin(&line, LOG_LEVEL_WARN, "x"));
	text = end_to_memory(&line);
	ck_assert_int_eq(sscanf(text, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ level=warn event=x\n%n",
				 &year, &month, &day, &hour, &minute, &second, &ms, &end),
		7);
	ck_assert_uint_eq(
		strlen(text), strlen("time=2026-01-31T12:00:00.123Z level=warn event=x\n"));
	ck_assert_int_eq((int)strlen(text), end);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, a_level_has_a_name);
	tcase_add_test(tc, lines_above_the_level_are_not_built);
	tcase_add_loop_test(tc, a_value_from_outside_is_escaped, 0, (int)N_OF(values));
	tcase_add_test(tc, bytes_from_outside_are_escaped_whatever_they_are);
	tcase_add_test(tc, numbers_are_written_whole);
	tcase_add_test(tc, milliseconds_have_three_decimals);
	tcase_add_test(tc, an_errno_has_its_name_and_its_text);
	tcase_add_test(tc, a_line_that_is_too_long_is_cut_between_fields);
	tcase_add_test(tc, a_cut_never_splits_an_escape);
	tcase_add_test(tc, a_line_begins_with_time_and_level);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
