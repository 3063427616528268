/* SPDX-License-Identifier: ISC */
/* Hostile text in XML and HTML. */
#include "load/markup.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const struct {
	const char *text;
	const char *written;
} rows[] = {
	{"", ""},
	{"plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
		"plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
	{"<a b='c'>&\"", "&lt;a b=&#39;c&#39;&gt;&amp;&quot;"},
	{"\t\n\r", "&#9;&#10;\\x0d"},
	{"\x01\x1b\x7f", "\\x01\\x1b\\x7f"},
	{"\xc2\x80\xc2\x9f\xc2\xa0", "\\x80\\x9f\xc2\xa0"},
	{"\xe2\x80\xae", "\\u202e"},                    /* turns the direction of the text */
	{"\xef\xbf\xbe\xef\xbf\xbf", "\\ufffe\\uffff"}, /* these are no characters */
	{"\xef\xbb\xbf", "\\ufeff"},
	{"\xff\xfe", "\\xff\\xfe"},
	{"\xc3", "\\xc3"},                            /* cut off */
	{"\xe2\x82<", "\\xe2\\x82&lt;"},              /* cut off; '<' does not belong to it */
	{"\xc0\xbc", "\\xc0\\xbc"},                   /* '<' in an overlong form */
	{"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
	{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond the last character */
	{"\xf0\x9f\xbf\xbf", "\\u1ffff"},
};

START_TEST(it_is_that_text_and_nothing_else)
{
	char *written = NULL;
	size_t n;
	FILE *out = open_memstream(&written, &n);

	markup_text(out, rows[_i].text);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(written, rows[_i].written);
	free(written);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_markup");
	TCase *tc = tcase_create("load_markup");

	suite_add_tcase(suite, tc);
	tcase_add_loop_test(
		tc, it_is_that_text_and_nothing_else, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	return suite_run(suite);
}
