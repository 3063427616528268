/* SPDX-License-Identifier: ISC */
/* Routes of a config that no client can reach, and routes that some clients can reach. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf_case.h"
#include "suite.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/** Writes weir.conf with these routes, and an upstream for each. */
static void write_routes(const char *const routes[], size_t n)
{
	FILE *file = fopen("weir.conf", "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_gt(
		fprintf(file, "listeners = ({ name = \"web\"; listen = \"*:80\"; routes = (\n"), 0);
	for (size_t r = 0; r < n; r++) {
		ck_assert_int_gt(fprintf(file, "{ %s upstream = \"app\"; }%s\n", routes[r],
					 r + 1 < n ? "," : ""),
			0);
	}
	ck_assert_int_gt(fprintf(file, "); });\n%s", CONF_UPSTREAMS), 0);
	ck_assert_int_eq(fclose(file), 0);
}

#define TAKEN(by) "is never reached: " by " all that it would take; write it before, or take it out"
#define ALL                                                                                        \
	"takes everybody, so the routes after it are never reached; write it last, or write a "    \
	"condition"

/* Up to four routes, the error, and the index of its route. */
static const struct {
	const char *routes[4];
	const char *error; /* NULL: no error */
	size_t of;
} cases[] = {
	/* conditions of one kind */
	{{"sni = [ \"a.test\" ];", "sni = [ \"b.test\" ];"}, NULL, 0},
	{{"sni = [ \"a.test\" ];", "sni = [ \"A.TEST\" ];"}, TAKEN("routes[0] takes"), 1},
	{{"sni = [ \"a.test\", \"b.test\" ];", "sni = [ \"b.test\" ];"}, TAKEN("routes[0] takes"),
		1},
	{{"sni = [ \"a.test\" ];", "sni = [ \"b.test\" ];", "sni = [ \"a.test\", \"b.test\" ];"},
		TAKEN("the routes before it take"), 2},
	{{"alpn = [ \"h2\" ];", "alpn = [ \"H2\" ];"}, NULL, 0},
	{{"alpn = [ \"h2\", \"h3\" ];", "alpn = [ \"h3\" ];"}, TAKEN("routes[0] takes"), 1},
	{{"from = [ \"10.0.0.0/8\" ];", "from = [ \"10.1.0.0/16\", \"10.2.3.4\" ];"},
		TAKEN("routes[0] takes"), 1},
	{{"from = [ \"10.1.0.0/16\" ];", "from = [ \"10.0.0.0/8\" ];"}, NULL, 0},
	{{"from = [ \"10.0.0.0/8\" ];", "from = [ \"unix\" ];"}, NULL, 0},
	{{"from = [ \"unix\" ];", "from = [ \"unix\" ];"}, TAKEN("routes[0] takes"), 1},
	{{"from = [ \"0.0.0.0/0\" ];", "from = [ \"::/0\" ];"}, NULL, 0},
	/* names and wildcards */
	{{"sni = [ \"*.a.test\" ];", "sni = [ \"x.y.a.test\" ];"}, TAKEN("routes[0] takes"), 1},
	{{"sni = [ \"*.a.test\" ];", "sni = [ \"*.b.a.test\" ];"}, TAKEN("routes[0] takes"), 1},
	{{"sni = [ \"*.a.test\" ];", "sni = [ \"a.test\" ];"}, NULL, 0},
	{{"sni = [ \"*.a.test\" ];", "sni = [ \"ba.test\" ];"}, NULL, 0},
	{{"sni = [ \"*.b.a.test\" ];", "sni = [ \"*.a.test\" ];"}, NULL, 0},
	{{"sni = [ \"x.a.test\" ];", "sni = [ \"*.a.test\" ];"}, NULL, 0},
	{{"sni = [ \"*.test\" ];", "sni = [ \"test\" ];"}, NULL, 0},
	/* a condition that is missing matches everything */
	{{"from = [ \"10.0.0.0/8\" ];", "from = [ \"10.0.0.0/8\" ]; sni = [ \"a.test\" ];"},
		TAKEN("routes[0] takes"), 1},
	{{"sni = [ \"a.test\" ];", "sni = [ \"a.test\" ]; alpn = [ \"h2\" ];"},
		TAKEN("routes[0] takes"), 1},
	{{"alpn = [ \"h2\" ];", "sni = [ \"a.test\" ]; alpn = [ \"h2\" ];"},
		TAKEN("routes[0] takes"), 1},
	{{"sni = [ \"a.test\" ]; alpn = [ \"h2\" ];", "sni = [ \"a.test\" ];"}, NULL, 0},
	{{"sni = [ \"a.test\" ]; alpn = [ \"h2\" ];", "alpn = [ \"h2\" ];"}, NULL, 0},
	{{"sni = [ \"a.test\" ]; from = [ \"10.0.0.0/8\" ];", "sni = [ \"a.test\" ];"}, NULL, 0},
	/* two routes cover a third if their conditions differ in one kind, not if in two */
	{{"sni = [ \"a.test\" ]; alpn = [ \"h2\" ];", "sni = [ \"b.test\" ]; alpn = [ \"h2\" ];",
		 "sni = [ \"a.test\", \"b.test\" ]; alpn = [ \"h2\" ];"},
		TAKEN("the routes before it take"), 2},
	{{"sni = [ \"a.test\" ]; alpn = [ \"h2\" ];", "sni = [ \"b.test\" ]; alpn = [ \"h3\" ];",
		 "sni = [ \"a.test\", \"b.test\" ]; alpn = [ \"h2\", \"h3\" ];"},
		NULL, 0},
	/* addresses that several routes cover together */
	{{"from = [ \"10.0.0.0/9\" ];", "from = [ \"10.128.0.0/9\" ];",
		 "from = [ \"10.0.0.0/8\" ];"},
		TAKEN("the routes before it take"), 2},
	{{"from = [ \"10.0.0.0/9\" ];", "from = [ \"10.128.0.0/10\" ];",
		 "from = [ \"10.0.0.0/8\" ];"},
		NULL, 0},
	{{"from = [ \"0.0.0.0/0\", \"::/0\" ];", "from = [ \"unix\" ];", "sni = [ \"a.test\" ];"},
		TAKEN("the routes before it take"), 2},
	{{"sni = [ \"*.test\" ]; from = [ \"2001:db8::/33\" ];",
		 "sni = [ \"a.test\" ]; from = [ \"2001:db8:8000::/33\" ];",
		 "sni = [ \"a.test\" ]; alpn = [ \"h2\" ]; from = [ \"2001:db8::/32\" ];"},
		TAKEN("the routes before it take"), 2},
	/* lists that match nobody, or everybody */
	{{"from = [ ];"}, "is never reached: nobody is in its from; write somebody, or take it out",
		0},
	{{"sni = [ \"a.test\" ];", ""}, NULL, 0},
	{{"", "sni = [ \"a.test\" ];", "sni = [ \"a.test\" ];"}, ALL, 0},
	{{"sni = [ \"a.test\" ];", "from = [ \"any\" ];", "alpn = [ \"h2\" ];"}, ALL, 1},
};

START_TEST(a_route_is_refused_when_no_client_can_reach_it)
{
	char expected[512] = "";
	size_t n = 0;

	while (n < 4 && cases[_i].routes[n] != NULL) {
		n++;
	}
	if (cases[_i].error != NULL) {
		(void)snprintf(expected, sizeof(expected),
			"weir.conf:%zu: listeners[0].routes[%zu]: %s\n", cases[_i].of + 2,
			cases[_i].of, cases[_i].error);
	}
	write_routes(cases[_i].routes, n);
	conf_case_expect("weir.conf", expected);
}
END_TEST

START_TEST(a_name_that_never_comes_so_far_is_a_warning)
{
	static const char *const routes[] = {"sni = [ \"*.a.test\", \"b.test\" ];",
		"sni = [ \"c.test\", \"x.a.test\", \"b.test\" ];"};

	write_routes(routes, 2);
	conf_case_expect("weir.conf",
		"weir.conf:3: listeners[0].routes[1].sni[1]: \"x.a.test\" never comes so far: "
		"routes[0] takes it; write this route before, or take the name out\n"
		"weir.conf:3: listeners[0].routes[1].sni[2]: \"b.test\" never comes so far: "
		"routes[0] takes it; write this route before, or take the name out\n");
}
END_TEST

START_TEST(what_was_refused_already_is_not_held_against_others)
{
	static const char *const routes[] = {
		"sni = [ \"a..test\" ];", "sni = [ \"a.test\" ];", "alpn = [ \"\" ];"};

	write_routes(routes, 3);
	conf_case_expect("weir.conf",
		"weir.conf:2: listeners[0].routes[0].sni[0]: \"a..test\": a part of the name is "
		"empty; write a name like \"a.example.com\"\n"
		"weir.conf:4: listeners[0].routes[2].alpn[0]: \"\": a protocol has 1 to 255 bytes; "
		"write one like \"h2\" or \"http/1.1\"\n");
}
END_TEST

/** A first route whose only condition is refused, and the error for it. */
static const struct {
	const char *route;
	const char *error;
} halves[] = {
	{"sni = [ ];", "sni: is empty; write sni = \"a.test\", or an array of such strings"},
	{"alpn = [ ];", "alpn: is empty; write alpn = \"h2\", or an array of such strings"},
	{"from = [ \"ten\" ];",
		"from[0]: \"ten\": it is not an IP prefix; write one like \"10.0.0.0/8\", "
		"\"192.0.2.7\" or \"2001:db8::/32\""},
	{"from = [ \"file:none\" ];",
		"from[0]: \"none\" cannot be read: No such file or directory; name a file that "
		"exists"},
	{"frm = [ \"10.0.0.0/8\" ];", "frm: is not known here; the nearest known key is \"from\""},
};

START_TEST(a_condition_that_was_refused_is_not_taken_for_none)
{
	const char *const routes[] = {
		halves[_i].route, "from = [ \"10.0.0.0/8\" ];", "sni = [ \"a.test\" ];"};
	char expected[512];

	(void)snprintf(expected, sizeof(expected), "weir.conf:2: listeners[0].routes[0].%s\n",
		halves[_i].error);
	write_routes(routes, N_OF(routes));
	conf_case_expect("weir.conf", expected);
}
END_TEST

START_TEST(a_file_that_was_refused_before_is_not_taken_for_nobody)
{
	static const char *const routes[] = {
		"from = [ \"file:none\" ]; sni = [ \"a.test\" ];", "from = [ \"file:none\" ];"};

	write_routes(routes, N_OF(routes));
	conf_case_expect("weir.conf",
		"weir.conf:2: listeners[0].routes[0].from[0]: \"none\" cannot be read: No such "
		"file or directory; name a file that exists\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_routes");
	TCase *tc = tcase_create("conf_routes");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_loop_test(tc, a_route_is_refused_when_no_client_can_reach_it, 0, N_OF(cases));
	tcase_add_test(tc, a_name_that_never_comes_so_far_is_a_warning);
	tcase_add_test(tc, what_was_refused_already_is_not_held_against_others);
	tcase_add_loop_test(
		tc, a_condition_that_was_refused_is_not_taken_for_none, 0, N_OF(halves));
	tcase_add_test(tc, a_file_that_was_refused_before_is_not_taken_for_nobody);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
