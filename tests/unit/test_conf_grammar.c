/* SPDX-License-Identifier: ISC */
/* What libconfig accepts, the grammar reads in the same way; what libconfig refuses, the grammar
 * explains. */
#include <check.h>
#include <stdint.h>

#include "conf_reference.h"
#include "suite.h"

static const char *const right[] = {
	"",
	"\n# x\n// y\n/* z\n*/",
	"a = 1; b: 2, c = 0x1F d = -7L e = 8LL;",
	"a = 1.5; b = .5 c = 5.; d = 1e3, e = -1.5E-3 f = +2;",
	"a = true; b = FALSE; c = tRuE;",
	"a = \"\"; b = \"x\" \"y\"\n\"z\"; c = \"\\\"\\\\\\n\\r\\t\\f\\x41\\x7a\";",
	"a = \"\\a\\b\\v\\q\\x\\x4\\xg0\\'\";",
	"a = \"over\ntwo lines\";",
	"a = {}; b = { c = 1 d = 2 }, e = { f = 1 } ;",
	"a = (); b = (1, \"x\", { c = 1; }, [1, 2], (1, (2)));",
	"a = []; b = [1, 2, 0x3]; c = [\"x\" \"y\", \"z\"]; d = [1.0, 2.0]; e = [true, false];",
	"*a-b_c = 1; A = 2; a = 3;",
	"a=1b=2",
	"a = .",
};

static const char *const wrong[] = {
	"a",
	"a =",
	"= 1",
	"a = 1;;",
	"a = ;",
	"{",
	"}",
	"a = {",
	"a = { b = 1; ",
	"a = (1",
	"a = (1,)",
	"a = [1,]",
	"a = [1 2]",
	"a = (1 2)",
	"a = (,)",
	"a = [{}]",
	"a = [()]",
	"a = [[]]",
	"a = [1, \"x\"]",
	"a = [1, 1.0]",
	"a = [1, 2L];",
	"a = [true, 1]",
	"a = { 1 }",
	"a = (b = 1)",
	"a = (b)",
	"a = b",
	"a = 1; a = 2;",
	"a = { b = 1; b = { } }",
	"a = 1 }",
	"a = (1}",
	"a = 'x'",
	"a.b = 1",
	"a = \"x\" y",
	"1 = 2",
	"\"a\" = 1",
	"a = 10k",
	"a == 1",
	"a = \x80",
	"a = (1;)",
	"a = (1; 2)",
	"a = 1 = 2",
	"a = 1e",

	"a = -",
	"_a = 1",
	"a = {;}",
	"a = (1) (2)",
	"\f\v",
};

START_TEST(what_libconfig_takes_makes_the_same_tree)
{
	ck_assert(reference_compare_text(right[_i]));
}
END_TEST

START_TEST(what_libconfig_refuses_is_refused)
{
	ck_assert(!reference_compare_text(wrong[_i]));
}
END_TEST

static uint32_t state;

static uint32_t draw(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 16) % n;
}

/* Most of these texts of random tokens are nearly right. */
START_TEST(random_texts_mean_the_same_to_both)
{
	static const char *const tokens[] = {"a", "b", "c", "k1", "=", "=", "=", ":", "1", "2L",
		"0x1", "1.5", "true", "\"x\"", "\"\\n\\\\\"", "(", ")", "{", "}", "[", "]", ",",
		",", ";", ";", "\n", "# c\n", "/* */", "-", "."};
	static const char *const pieces[] = {"a = 1;", "b = { c = \"x\"; };",
		"d = ( { e = [ \"x\", \"y\" ]; } );", "f = (1, 2)", "{", "}", "(", ")", ",", ";",
		"g", "h = "};
	char text[512];
	unsigned n_right = 0;

	state = (uint32_t)_i + 1;
	for (unsigned i = 0; i < 400; i++) {
		unsigned n = draw(14);

		*text = '\0';
		for (unsigned k = 0; k < n; k++) {
			const char *one =
				i % 2 == 0 ? tokens[draw(sizeof(tokens) / sizeof(tokens[0]))]
					   : pieces[draw(sizeof(pieces) / sizeof(pieces[0]))];

			strcat(text, one);
			strcat(text, draw(3) == 0 ? "" : " ");
		}
		n_right += reference_compare_text(text);
	}
	ck_assert_uint_gt(n_right, 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_grammar");
	TCase *tc = tcase_create("conf_grammar");

	tcase_add_loop_test(tc, what_libconfig_takes_makes_the_same_tree, 0,
		(int)(sizeof(right) / sizeof(right[0])));
	tcase_add_loop_test(
		tc, what_libconfig_refuses_is_refused, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_loop_test(tc, random_texts_mean_the_same_to_both, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
