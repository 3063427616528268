/* SPDX-License-Identifier: ISC */
/* Tests of the lines of a text. The tests of the log and of the config show what text.h quotes. */
#include "base/text.h"

#include <string.h>

#include "suite.h"

static void expect_lines(const char *text, const char *const lines[])
{
	const char *line;
	size_t n;

	while ((n = text_next_line(&text, &line)) > 0) {
		ck_assert_ptr_nonnull(*lines);
		ck_assert_uint_eq(n, strlen(*lines));
		ck_assert_mem_eq(line, *lines, n);
		lines++;
	}
	ck_assert_ptr_null(*lines);
	ck_assert_uint_eq(text_next_line(&text, &line), 0); /* and 0 again */
}

START_TEST(each_line_comes_once)
{
	expect_lines("one\ntwo two\n", (const char *const[]){"one", "two two", NULL});
}
END_TEST

START_TEST(the_last_line_needs_no_line_feed)
{
	expect_lines("one\ntwo", (const char *const[]){"one", "two", NULL});
}
END_TEST

START_TEST(empty_lines_are_passed_over)
{
	expect_lines("\n\none\n\n\ntwo\n\n", (const char *const[]){"one", "two", NULL});
	expect_lines("\n\n", (const char *const[]){NULL});
	expect_lines("", (const char *const[]){NULL});
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tc = tcase_create("text");

	tcase_add_test(tc, each_line_comes_once);
	tcase_add_test(tc, the_last_line_needs_no_line_feed);
	tcase_add_test(tc, empty_lines_are_passed_over);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
