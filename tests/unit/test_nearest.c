/* SPDX-License-Identifier: ISC */
/* The edit distance of two names, and which known name a misspelt one most resembles. */
#include "base/nearest.h"

#include "suite.h"

START_TEST(edits_are_counted)
{
	ck_assert_uint_eq(nearest_edits("", ""), 0);
	ck_assert_uint_eq(nearest_edits("idle", "idle"), 0);
	ck_assert_uint_eq(nearest_edits("idle", "idel"), 2);
	ck_assert_uint_eq(nearest_edits("idle", "idl"), 1);
	ck_assert_uint_eq(nearest_edits("", "abc"), 3);
	ck_assert_uint_eq(nearest_edits("kitten", "sitting"), 3);
}
END_TEST

static const char *of(struct nearest nearest)
{
	nearest_try(&nearest, "kitten");
	nearest_try(&nearest, NULL);
	nearest_try(&nearest, "mitten");
	nearest_try(&nearest, "connection");
	return nearest.known;
}

START_TEST(the_first_of_the_nearest_names_is_meant)
{
	ck_assert_str_eq(of(nearest_begin("sitten")), "kitten");
	ck_assert_str_eq(of(nearest_begin("mittens")), "mitten");
	ck_assert_str_eq(of(nearest_begin("confection")), "connection");
	ck_assert_str_eq(of(nearest_begin_any("sat")), "kitten");
}
END_TEST

START_TEST(none_is_meant_by_what_is_far_from_all)
{
	ck_assert_ptr_null(of(nearest_begin("sat")));
	ck_assert_ptr_null(of(nearest_begin("conflagration-of-all")));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nearest");
	TCase *tc = tcase_create("nearest");

	tcase_add_test(tc, edits_are_counted);
	tcase_add_test(tc, the_first_of_the_nearest_names_is_meant);
	tcase_add_test(tc, none_is_meant_by_what_is_far_from_all);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
