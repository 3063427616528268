/* SPDX-License-Identifier: ISC */
/* Tests of files of one line: those of the kernel, and some that no kernel would write. */
#include "base/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

static char path[64];

static void set_up(void)
{
	int fd;

	(void)snprintf(path, sizeof(path), "/tmp/weir-proc-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void tear_down(void)
{
	(void)unlink(path);
}

static void hold(const char *text)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static const struct row {
	const char *text;
	int n;
	uint64_t numbers[2];
} rows[] = {
	{"4096\n", 1, {4096, 0}},
	{"32768\t60999\n", 2, {32768, 60999}},
	{"1 2 3\n", 2, {1, 2}},
	{"7\n8\n", 1, {7, 0}},
	{"0", 1, {0, 0}},
	{"18446744073709551615 18446744073709551616\n", 1, {UINT64_MAX, 0}},
	{"max 100000\n", 0, {0, 0}},
	{"-1\n", 0, {0, 0}},
	{"+1\n", 0, {0, 0}},
	{"\n", 0, {0, 0}},
};

START_TEST(numbers_are_read_as_far_as_there_are_some)
{
	const struct row *row = &rows[_i];
	uint64_t numbers[2] = {0};

	hold(row->text);
	ck_assert_int_eq(proc_read_numbers(path, numbers, 2), row->n);
	ck_assert_uint_eq(numbers[0], row->numbers[0]);
	ck_assert_uint_eq(numbers[1], row->numbers[1]);
}
END_TEST

START_TEST(a_line_comes_without_its_end)
{
	char line[PROC_LINE_MAX];

	hold("max 100000\nmore\n");
	ck_assert_int_eq(proc_read_line(path, line), 0);
	ck_assert_str_eq(line, "max 100000");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut)
{
	char line[PROC_LINE_MAX];
	char text[2 * PROC_LINE_MAX];

	(void)memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	hold(text);
	ck_assert_int_eq(proc_read_line(path, line), 0);
	ck_assert_uint_eq(strlen(line), PROC_LINE_MAX - 1);
}
END_TEST

START_TEST(what_cannot_be_read_leaves_the_result_alone)
{
	char line[PROC_LINE_MAX] = "before";
	uint64_t number = 7;

	hold("");
	ck_assert_int_eq(proc_read_line(path, line), -ENODATA);
	ck_assert_int_eq(proc_read_numbers(path, &number, 1), -ENODATA);
	ck_assert_int_eq(proc_read_line("/proc/there-is-no-such-file", line), -ENOENT);
	ck_assert_int_eq(proc_read_line("/proc", line), -EISDIR);
	ck_assert_str_eq(line, "before");
	ck_assert_uint_eq(number, 7);
}
END_TEST

START_TEST(the_kernel_answers)
{
	uint64_t pages[2];

	ck_assert_int_eq(proc_read_numbers("/proc/self/statm", pages, 2), 2);
	ck_assert_uint_gt(pages[0], pages[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proc");
	TCase *tc = tcase_create("proc");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, numbers_are_read_as_far_as_there_are_some, 0,
		(int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tc, a_line_comes_without_its_end);
	tcase_add_test(tc, a_line_that_is_too_long_is_cut);
	tcase_add_test(tc, what_cannot_be_read_leaves_the_result_alone);
	tcase_add_test(tc, the_kernel_answers);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
