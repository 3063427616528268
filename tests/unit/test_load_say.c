/* SPDX-License-Identifier: ISC */
/* Lines and columns for people with hostile text in them. */
#include "load/say.h"

#include <stdlib.h>
#include <string.h>

#include "base/character.h"
#include "suite.h"

static char *said;
static size_t n_said;
static FILE *out;

static void setup(void)
{
	out = open_memstream(&said, &n_said);
}

static void teardown(void)
{
	(void)fclose(out);
	free(said);
}

static const struct {
	const char *text;
	const char *shown;
} rows[] = {
	{"", ""},
	{"B\xc3\xbcro \xe2\x82\xac, \\ and 'quotes'", "B\xc3\xbcro \xe2\x82\xac, \\ and 'quotes'"},
	{"\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"},
	{"one\nB is better\r\t\b", "one\\x0aB is better\\x0d\\x09\\x08"},
	{"\xc2\x9b"
	 "2J",
		"\\x9b2J"}, /* CSI as one character */
	{"\xe2\x80\xae\xe2\x81\xa6", "\\u202e\\u2066"},
	{"\xff\xc3", "\\xff\\xc3"},
	{"%s%n", "%s%n"},
};

START_TEST(whatever_it_is_made_of_it_is_one_line)
{
	char expected[128];

	(void)snprintf(expected, sizeof(expected), "<%s>\n", rows[_i].shown);
	say_line(out, "<%s>", rows[_i].text);
	(void)fflush(out);
	ck_assert_str_eq(said, expected);
	ck_assert(
		character_are_plain(rows[_i].text) == (strcmp(rows[_i].text, rows[_i].shown) == 0));
}
END_TEST

START_TEST(what_is_too_long_is_cut_off)
{
	char text[SAY_LINE_MAX + 1];

	memset(text, 'a', sizeof(text));
	text[SAY_LINE_MAX - 1] = '\0';
	say_line(out, "%s", text);
	(void)fflush(out);
	ck_assert_uint_eq(n_said, SAY_LINE_MAX);
	ck_assert_str_eq(said + SAY_LINE_MAX - 3, "aa\n");
	text[SAY_LINE_MAX - 1] = 'a';
	text[SAY_LINE_MAX] = '\0';
	say_line(out, "%s", text);
	(void)fflush(out);
	ck_assert_uint_eq(n_said, 2 * SAY_LINE_MAX + 3);
	ck_assert_str_eq(said + n_said - 5, "a...\n");
}
END_TEST

START_TEST(a_column_counts_characters)
{
	int len;

	ck_assert_int_eq(character_fit("", 5, &len), 0);
	ck_assert_int_eq(len, 0);
	ck_assert_int_eq(character_fit("B\xc3\xbcro", 5, &len), 4);
	ck_assert_int_eq(len, 5);
	ck_assert_int_eq(character_fit("B\xc3\xbcro", 2, &len), 2);
	ck_assert_int_eq(len, 3);
	ck_assert_int_eq(character_fit("\xff\xc3", 5, &len), 2);
	ck_assert_int_eq(len, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_say");
	TCase *tc = tcase_create("load_say");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, whatever_it_is_made_of_it_is_one_line, 0,
		(int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tc, what_is_too_long_is_cut_off);
	tcase_add_test(tc, a_column_counts_characters);
	return suite_run(suite);
}
