/* SPDX-License-Identifier: ISC */
/* Files of prefixes in a config: how lists use them, and how the tape has them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/prefix_files.h"
#include "conf_case.h"
#include "suite.h"

#define W "weir.conf:"

/** Writes weir.conf with one listener that has these members. */
static void write_members(const char *members)
{
	char *text;

	ck_assert_int_gt(asprintf(&text,
				 "listeners = ({ name = \"web\"; listen = \"*:80\"; upstream = "
				 "\"app\";\n%s });\n" CONF_UPSTREAMS,
				 members),
		0);
	conf_case_write("weir.conf", text);
	free(text);
}

static void expect_prefix(const struct conf_prefixes *list, size_t i, const char *expected)
{
	char text[PREFIX_TEXT_MAX];

	ck_assert_uint_lt(i, list->n);
	ck_assert_str_eq(prefix_text(&list->prefixes[i], text), expected);
}

/** Loads the tape of weir.conf and removes the files, so that no one reads them again. */
static struct conf_tape load_tape(const char *file)
{
	struct conf_tape tape;
	struct conf_errors errors;
	const struct conf *conf;

	conf_errors_init(&errors);
	ck_assert_int_eq(conf_load("weir.conf", &errors, &tape, &conf), 0);
	conf_errors_fini(&errors);
	(void)conf_unref(conf);
	ck_assert_int_eq(remove(file), 0);
	ck_assert_int_eq(remove("weir.conf"), 0);
	return tape;
}

static int take(const struct conf_tape *tape, const struct conf **ret_conf)
{
	struct conf_errors errors;
	int r;

	conf_errors_init(&errors);
	r = conf_take("weir.conf", tape, &errors, ret_conf);
	ck_assert(r == 0 || errors.n_errors > 0);
	conf_errors_fini(&errors);
	return r;
}

/* ---- reading ---- */

START_TEST(a_file_has_a_prefix_a_line_blanks_and_comments)
{
	const struct conf *conf;
	const struct conf_prefixes *allow;

	conf_case_write("list", "# partners\n\n10.0.0.0/8\t# all of ten\r\n  2001:db8::1  \r\n"
				"unix\n#\n192.0.2.1\n10.0.0.0/8");
	write_members("allow = [ \"10.9.0.0/16\", \"file:list\", \"10.8.0.0/16\" ];");
	conf = conf_case_load("weir.conf");
	allow = conf->listeners[0].allow;
	ck_assert_uint_eq(allow->n, 5);
	expect_prefix(allow, 0, "10.9.0.0/16");
	expect_prefix(allow, 1, "10.0.0.0/8");
	expect_prefix(allow, 2, "192.0.2.1");
	expect_prefix(allow, 3, "2001:db8::1");
	expect_prefix(allow, 4, "10.8.0.0/16");
	ck_assert(allow->unix_peers && !allow->any);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_file_may_be_empty)
{
	const struct conf *conf;

	conf_case_write("list", "");
	write_members("deny = \"file:list\";");
	conf = conf_case_load("weir.conf");
	ck_assert_uint_eq(conf->listeners[0].deny->n, 0);
	ck_assert(!conf->listeners[0].deny->any && !conf->listeners[0].deny->unix_peers);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(files_come_from_the_folder_of_the_main_file)
{
	const struct conf *conf;
	char *members;

	ck_assert_int_eq(mkdir("d", 0700), 0);
	conf_case_write("d/list", "10.0.0.0/8\n");
	conf_case_write("other", "10.1.0.0/16\n");
	ck_assert_int_gt(asprintf(&members, "allow = \"file:list\"; deny = \"file:%s/other\";",
				 conf_case_folder),
		0);
	write_members(members);
	free(members);
	ck_assert_int_eq(rename("weir.conf", "d/weir.conf"), 0);
	conf = conf_case_load("d/weir.conf");
	expect_prefix(conf->listeners[0].allow, 0, "10.0.0.0/8");
	expect_prefix(conf->listeners[0].deny, 0, "10.1.0.0/16");
	(void)conf_unref(conf);
}
END_TEST

START_TEST(each_bad_line_is_said_with_its_file_and_line)
{
	conf_case_write("list", "10.0.0.0/8\n10.0.0.1/8\n\nfile:other\n10.0.0.0/33 # too long\n");
	write_members("allow = [ \"unix\", \"file:list\" ]; deny = \"file:list\";");
	conf_case_expect("weir.conf",
		"list:2: listeners[0].allow[1]: \"10.0.0.1/8\": it has bits after its length; "
		"write \"10.0.0.0/8\", or another length\n"
		"list:4: listeners[0].allow[1]: \"file:other\": it is not an IP prefix; write one "
		"like \"10.0.0.0/8\", \"192.0.2.7\" or \"2001:db8::/32\"\n"
		"list:5: listeners[0].allow[1]: \"10.0.0.0/33\": after the / of an IPv4 prefix "
		"comes a number from 0 to 32\n");
}
END_TEST

START_TEST(a_file_that_is_no_text_is_said)
{
	FILE *file = fopen("nul", "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite("10.0.0.1\n\0\n", 1, 11, file), 11);
	ck_assert_int_eq(fclose(file), 0);
	conf_case_write("mark", "\xef\xbb\xbf"
				"10.0.0.1\n");
	write_members("allow = \"file:nul\"; deny = \"file:mark\";");
	conf_case_expect("weir.conf",
		"nul:2: listeners[0].allow: holds a NUL byte; write it as plain text\n"
		"mark:1: listeners[0].deny: the file begins with a byte order mark; save it as "
		"UTF-8 without it\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_said_where_it_is_named)
{
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	write_members("accept_proxy = \"file:none\";\nallow = [ \"file:pipe\", \"file:.\" ];\n"
		      "deny = \"file:\";");
	conf_case_expect("weir.conf", W
		"2: listeners[0].accept_proxy: \"none\" cannot be read: No such file or directory; "
		"name a file that exists\n" W
		"3: listeners[0].allow[0]: \"pipe\" cannot be read: Not a regular file; name a "
		"regular file that can be read\n" W
		"3: listeners[0].allow[1]: \".\" cannot be read: Is a directory; name a file in "
		"it\n" W "4: listeners[0].deny: \"file:\" names no file; write one after it, like "
		"\"file:partners\"\n");
}
END_TEST

START_TEST(a_file_that_is_too_large_is_said)
{
	conf_case_write("list", "");
	ck_assert_int_eq(truncate("list", PREFIX_FILE_BYTES_MAX + 1), 0);
	write_members("allow = \"file:list\";");
	conf_case_expect("weir.conf", W
		"2: listeners[0].allow: \"list\" cannot be read: It holds more than 32 MiB; write "
		"each prefix once, and without comments\n");
}
END_TEST

START_TEST(more_prefixes_than_a_config_may_have_are_said)
{
	FILE *file = fopen("list", "w");

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < 1000001; i++) {
		(void)fprintf(file, "10.%zu.%zu.%zu\n", i >> 16, i >> 8 & 255, i & 255);
	}
	ck_assert_int_eq(ferror(file), 0);
	ck_assert_int_eq(fclose(file), 0);
	write_members("allow = \"file:list\";");
	conf_case_expect("weir.conf", W
		"2: listeners[0].allow: \"list\" is too large: the files of prefixes together hold "
		"more than 1000000; write wider ones in place of many\n");
}
END_TEST

/* ---- the tape ---- */

START_TEST(who_takes_a_tape_opens_no_file)
{
	struct conf_tape tape;
	const struct conf *conf = NULL;

	conf_case_write("list", "10.0.0.0/8\nany\n::1\n");
	write_members("allow = \"file:list\"; deny = [ \"file:list\", \"10.0.0.1\" ];");
	tape = load_tape("list");
	ck_assert_int_eq(take(&tape, &conf), 0);
	ck_assert_uint_eq(conf->listeners[0].allow->n, 2);
	ck_assert(conf->listeners[0].allow->any);
	expect_prefix(conf->listeners[0].allow, 0, "10.0.0.0/8");
	expect_prefix(conf->listeners[0].allow, 1, "::1");
	ck_assert_uint_eq(conf->listeners[0].deny->n, 3);
	expect_prefix(conf->listeners[0].deny, 2, "10.0.0.1");
	free(tape.bytes);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_tape_without_the_file_is_not_whole)
{
	struct conf_tape tape;
	const struct conf *conf = NULL;

	conf_case_write("list", "10.0.0.0/8\n");
	write_members("allow = \"file:list\";");
	tape = load_tape("list");
	for (size_t n = tape.len; n > tape.len - 40; n--) {
		struct conf_tape part = {.bytes = malloc(n), .len = n};

		ck_assert_ptr_nonnull(part.bytes);
		memcpy(part.bytes, tape.bytes, n);
		ck_assert_int_eq(take(&part, &conf) == 0, n == tape.len);
		free(part.bytes);
		conf = conf_unref(conf);
	}
	free(tape.bytes);
}
END_TEST

START_TEST(whatever_byte_of_a_file_is_wrong_it_is_taken_or_refused)
{
	struct conf_tape tape;

	conf_case_write("list", "10.0.0.0/8\n::1\n");
	write_members("allow = \"file:list\";");
	tape = load_tape("list");
	for (size_t i = tape.len - 60; i < tape.len; i++) {
		for (int flip = 1; flip < 256; flip *= 2) {
			const struct conf *conf = NULL;

			tape.bytes[i] = (char)(tape.bytes[i] ^ flip);
			(void)take(&tape, &conf);
			(void)conf_unref(conf);
			tape.bytes[i] = (char)(tape.bytes[i] ^ flip);
		}
	}
	free(tape.bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_prefixes");
	TCase *tc = tcase_create("conf_prefixes");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, a_file_has_a_prefix_a_line_blanks_and_comments);
	tcase_add_test(tc, a_file_may_be_empty);
	tcase_add_test(tc, files_come_from_the_folder_of_the_main_file);
	tcase_add_test(tc, each_bad_line_is_said_with_its_file_and_line);
	tcase_add_test(tc, a_file_that_is_no_text_is_said);
	tcase_add_test(tc, a_file_that_cannot_be_read_is_said_where_it_is_named);
	tcase_add_test(tc, a_file_that_is_too_large_is_said);
	tcase_add_test(tc, more_prefixes_than_a_config_may_have_are_said);
	tcase_add_test(tc, who_takes_a_tape_opens_no_file);
	tcase_add_test(tc, a_tape_without_the_file_is_not_whole);
	tcase_add_test(tc, whatever_byte_of_a_file_is_wrong_it_is_taken_or_refused);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
