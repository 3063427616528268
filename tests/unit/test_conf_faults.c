/* SPDX-License-Identifier: ISC */
/* Loading a config while memory or the disk fails: an error each time, no leak, no half-loaded
 * config. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf_case.h"
#include "fault.h"
#include "suite.h"

enum { FAULTS_MAX = 1000 };

/* Loads weir.conf while each call fails in turn, at last without a fault: that returns
 * `r_whole`. */
static void fail_each(unsigned classes, const char *call, int r_whole)
{
	unsigned n_met = 0;

	for (unsigned n = 1; n < FAULTS_MAX; n++) {
		struct conf_errors errors;
		struct conf_tape tape = {0};
		const struct conf *conf = NULL;
		bool met;
		int r;

		conf_errors_init(&errors);
		fault_only(classes);
		if (call != NULL) {
			fault_only_call(call);
		}
		fault_arm(n);
		r = conf_load("weir.conf", &errors, &tape, &conf);
		met = fault_disarm();
		ck_assert_int_eq(r == 0, conf != NULL);
		ck_assert_int_eq(r == 0, tape.bytes != NULL);
		free(tape.bytes);
		/* There may be warnings without an error. */
		ck_assert(r == 0 || errors.n_errors + errors.n_dropped > 0);
		ck_assert_msg(met || r == r_whole, "%d", r);
		conf_errors_fini(&errors);
		(void)conf_unref(conf);
		if (!met) {
			ck_assert_uint_gt(n_met, 0);
			return;
		}
		n_met++;
	}
	ck_abort_msg("there is no end to the faults");
}

START_TEST(each_allocation_may_fail_in_a_right_config)
{
	conf_case_write(
		"list", "{name = \"web\"; listen = [\"*:80\", \"*:81\"]; upstream = \"app\";}");
	conf_case_write(
		"weir.conf", "workers = 1;\nlisteners = (\n@include \"list\"\n);\n" CONF_UPSTREAMS);
	fail_each(FAULT_MEMORY, NULL, 0);
}
END_TEST

START_TEST(each_allocation_may_fail_in_a_right_short_config)
{
	ck_assert_int_eq(mkdir("d", 0755), 0);
	conf_case_write(
		"d/a", "listeners = ({name = \"a\"; listen = \"*:80-81\"; server = \"h:1-2\";});");
	conf_case_write("d/b",
		"listeners = ({name = \"b\"; listen = [\"*:90\"]; upstream = \"b\";});\n"
		"upstreams = ({name = \"b\"; servers = (\"h:1\");},\n"
		"{name = \"c\"; servers = (\"h:1\");});\n");
	conf_case_write("weir.conf",
		"include = [\"d/*\", \"d/a\"];\n"
		"listeners = ({name = \"own\"; listen = \"*:70\"; server = \"h:1\";\n"
		"routes = ({from = \"any\"; sni = \"a\"; upstream = \"c\";});});\n");
	fail_each(FAULT_MEMORY, NULL, 0);
}
END_TEST

START_TEST(each_allocation_may_fail_in_a_right_upstream)
{
	conf_case_write("weir.conf",
		"resolver = { servers = [ \"127.0.0.1:53\" ]; };\n" CONF_LISTENERS
		"upstreams = ({ name = \"app\"; discover = \"srv:app\"; check = { send = \"a\"; "
		"expect = \"b\"; };\n"
		"servers = ( \"h:1\", { address = \"h:2\"; name = \"a\"; check = { send = \"c\"; "
		"}; } ); });");
	fail_each(FAULT_MEMORY, NULL, 0);
}
END_TEST

START_TEST(each_allocation_may_fail_in_a_right_edge)
{
	conf_case_write("prefixes", "10.0.0.0/8\n::1\n10.0.0.1\n");
	conf_case_write("weir.conf",
		"listeners = ({ name = \"web\"; listen = \"*:80\"; allow = [ \"unix\", "
		"\"file:prefixes\" ];\n"
		"deny = [ \"10.0.0.1\", \"10.0.0.2\" ]; accept_proxy = \"10.0.0.2\";\n"
		"routes = ( { sni = [ \"a.test\", \"*.b.test\" ]; alpn = [ \"h2\", \"h3\" ]; "
		"upstream = \"app\"; },\n"
		"  { sni = [ \"a.test\" ]; from = \"file:prefixes\"; upstream = \"app\"; } ); "
		"});\n" CONF_UPSTREAMS);
	fail_each(FAULT_MEMORY, NULL, 0);
}
END_TEST

START_TEST(each_allocation_may_fail_in_a_wrong_edge)
{
	conf_case_write("prefixes", "10.0.0.0/8\n::1/12\n");
	conf_case_write("weir.conf",
		"listeners = ({ name = \"web\"; listen = \"*:80\"; allow = [ \"unix\", "
		"\"file:prefixes\" ];\n"
		"deny = [ \"10.0.0.1/1\" ];\n"
		"routes = ( { sni = [ \"a.test.\", \"*.b.test\" ]; alpn = [ \"\" ]; "
		"upstream = \"app\"; },\n"
		"  { sni = [ \"*.b.test\" ]; upstream = \"app\"; } ); "
		"});\n" CONF_UPSTREAMS);
	fail_each(FAULT_MEMORY, NULL, -EINVAL);
}
END_TEST

START_TEST(each_allocation_may_fail_in_a_wrong_upstream)
{
	conf_case_write("weir.conf", CONF_LISTENERS
		"upstreams = ({ name = \"app\"; discover = \"srv:\"; check = { send "
		"= \"\"; expect = \"b\"; };\n"
		"servers = ( \"h:1\", { address = \"h:1\"; name = \"a\"; check = { send = "
		"\"c\"; fall = 0; }; } ); });");
	fail_each(FAULT_MEMORY, NULL, -EINVAL);
}
END_TEST

START_TEST(each_allocation_may_fail_in_a_wrong_config)
{
	conf_case_write("wrong", "x = 1; workers = 0;\nlog = 1;\n");
	conf_case_write("weir.conf", "@include \"wrong\"\ntimeouts = { y = 1; };\n" CONF_REST);
	fail_each(FAULT_MEMORY, NULL, -EINVAL);
}
END_TEST

START_TEST(each_allocation_may_fail_with_a_wrong_include)
{
	conf_case_write("weir.conf", "@include \"none\"\n@include \"/\"\n");
	fail_each(FAULT_MEMORY, NULL, -EINVAL);
}
END_TEST

START_TEST(each_read_may_fail)
{
	conf_case_write("empty", "");
	conf_case_write("weir.conf", "@include \"empty\"\n" CONF_REST);
	fail_each(FAULT_BYTES, "read", 0);
}
END_TEST

START_TEST(a_read_error_of_an_include_is_said_at_its_line)
{
	struct conf_errors errors;
	const struct conf *conf;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	conf_case_write("empty", "");
	conf_case_write("weir.conf", "\n@include \"empty\"\n" CONF_REST);
	conf_errors_init(&errors);
	fault_only_call("read");
	fault_set_errno(EIO);
	fault_arm(3); /* the main file takes two reads */
	ck_assert_int_eq(conf_load("weir.conf", &errors, NULL, &conf), -EINVAL);
	ck_assert(fault_disarm());
	conf_errors_print(&errors, "", out);
	conf_errors_fini(&errors);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text,
		"weir.conf:2: @include: \"empty\" cannot be read: Input/output error; "
		"name a regular file that can be read\n");
	free(text);
}
END_TEST

START_TEST(errors_without_memory_are_counted)
{
	struct conf_errors errors;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	conf_errors_init(&errors);
	fault_only(FAULT_MEMORY);
	fault_arm(1);
	conf_errors_add(&errors, "f", 1, "k", "x; y");
	ck_assert(fault_disarm());
	conf_errors_add(&errors, "f", 2, "k", "x; y");
	conf_errors_print(&errors, "", out);
	conf_errors_fini(&errors);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(
		text, "f:2: k: x; y\nout of memory: 1 errors are not shown; free some memory\n");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_faults");
	TCase *tc = tcase_create("conf_faults");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, each_allocation_may_fail_in_a_right_config);
	tcase_add_test(tc, each_allocation_may_fail_in_a_right_short_config);
	tcase_add_test(tc, each_allocation_may_fail_in_a_right_upstream);
	tcase_add_test(tc, each_allocation_may_fail_in_a_right_edge);
	tcase_add_test(tc, each_allocation_may_fail_in_a_wrong_edge);
	tcase_add_test(tc, each_allocation_may_fail_in_a_wrong_upstream);
	tcase_add_test(tc, each_allocation_may_fail_in_a_wrong_config);
	tcase_add_test(tc, each_allocation_may_fail_with_a_wrong_include);
	tcase_add_test(tc, each_read_may_fail);
	tcase_add_test(tc, a_read_error_of_an_include_is_said_at_its_line);
	tcase_add_test(tc, errors_without_memory_are_counted);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
