/* SPDX-License-Identifier: ISC */
/* A reader of the tape gets what its writer wrote, or an error, wherever the writer has stopped. */
#include "conf/tape.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "fault.h"
#include "suite.h"

static char *bytes;
static size_t len;
static size_t used; /* how many of the bytes were read */

/** a = 7; b = ( "x", { } ); */
static void setup(void)
{
	static const struct setting root = {.type = SETTING_GROUP};
	static const struct setting a = {
		.type = SETTING_INTEGER, .line = 1, .name = "a", .text = "7"};
	static const struct setting b = {.type = SETTING_LIST, .line = 2, .name = "b"};
	static const struct setting x = {.type = SETTING_STRING, .line = 3, .text = "x"};
	static const struct setting group = {.type = SETTING_GROUP, .line = 4};
	FILE *out = open_memstream(&bytes, &len);

	ck_assert_ptr_nonnull(out);
	tape_write(out, &root, 2);
	tape_write(out, &a, 1);
	tape_write(out, &b, 2);
	tape_write(out, &x, 1);
	tape_write(out, &group, 0);
	ck_assert_int_eq(fclose(out), 0);
}

static void teardown(void)
{
	free(bytes);
}

START_TEST(a_whole_tape_makes_the_tree_that_was_written)
{
	const struct setting *b;
	struct tree tree;

	ck_assert_int_eq(tape_read(bytes, len, &tree, &used), 0);
	ck_assert_uint_eq(used, len);
	ck_assert_uint_eq(tree.root.n, 2);
	ck_assert_str_eq(setting_member(&tree.root, "a")->text, "7");
	ck_assert_uint_eq(setting_member(&tree.root, "a")->line, 1);
	b = setting_member(&tree.root, "b");
	ck_assert_uint_eq(b->n, 2);
	ck_assert_str_eq(setting_string(b->elements[0]), "x");
	ck_assert_int_eq(b->elements[1]->type, SETTING_GROUP);
	ck_assert_uint_eq(b->elements[1]->line, 4);
	tree_fini(&tree);
}
END_TEST

START_TEST(a_tape_that_ends_anywhere_before_its_end_is_none)
{
	for (size_t n = 0; n < len; n++) {
		char *part = malloc(n == 0 ? 1 : n); /* so that ASan sees a read beyond the end */
		struct tree tree;

		ck_assert_ptr_nonnull(part);
		memcpy(part, bytes, n);
		ck_assert_int_eq(tape_read(part, n, &tree, &used), -EBADMSG);
		tree_fini(&tree);
		free(part);
	}
}
END_TEST

START_TEST(whatever_byte_is_wrong_it_is_read_or_refused)
{
	for (size_t i = 0; i < len; i++) {
		for (int flip = 1; flip < 256; flip++) {
			struct tree tree;
			int r;

			bytes[i] = (char)(bytes[i] ^ flip);
			r = tape_read(bytes, len, &tree, &used);
			ck_assert(r == 0 || r == -EBADMSG);
			tree_fini(&tree);
			bytes[i] = (char)(bytes[i] ^ flip);
		}
	}
}
END_TEST

START_TEST(brackets_that_nest_too_deep_are_refused)
{
	static const struct setting root = {.type = SETTING_GROUP};
	static const struct setting first = {.type = SETTING_LIST, .name = "a"};
	static const struct setting list = {.type = SETTING_LIST};
	char *deep = NULL;
	size_t n;
	FILE *out = open_memstream(&deep, &n);
	struct tree tree;

	ck_assert_ptr_nonnull(out);
	tape_write(out, &root, 1);
	tape_write(out, &first, 1);
	for (int i = 1; i < TAPE_DEPTH_MAX + _i; i++) {
		tape_write(out, &list, i + 1 < TAPE_DEPTH_MAX + _i);
	}
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(tape_read(deep, n, &tree, &used), _i == 0 ? 0 : -EBADMSG);
	tree_fini(&tree);
	free(deep);
}
END_TEST

START_TEST(each_allocation_may_fail)
{
	for (unsigned n = 1;; n++) {
		struct tree tree;
		bool met;
		int r;

		fault_only(FAULT_MEMORY);
		fault_arm(n);
		r = tape_read(bytes, len, &tree, &used);
		met = fault_disarm();
		tree_fini(&tree);
		ck_assert_int_eq(r, met ? -ENOMEM : 0);
		if (!met) {
			ck_assert_uint_gt(n, 1);
			return;
		}
	}
}
END_TEST

/** weir's own child never writes this, as libconfig refuses a key that is written twice. */
START_TEST(a_name_that_is_there_twice_is_refused)
{
	static const struct setting root = {.type = SETTING_GROUP};
	static const struct setting listeners = {.type = SETTING_LIST, .name = "listeners"};
	static const struct setting group = {.type = SETTING_GROUP};
	static const struct setting name = {.type = SETTING_STRING, .name = "name", .text = "web"};
	struct conf_tape tape;
	struct conf_errors errors;
	const struct conf *conf = NULL;
	char *text;
	size_t text_len;
	FILE *out = open_memstream(&tape.bytes, &tape.len);

	ck_assert_ptr_nonnull(out);
	tape_write(out, &root, 1);
	tape_write(out, &listeners, 1);
	tape_write(out, &group, 2);
	tape_write(out, &name, strlen(name.text));
	tape_write(out, &name, strlen(name.text));
	ck_assert_int_eq(fclose(out), 0);
	conf_errors_init(&errors);
	ck_assert_int_lt(conf_take("weir.conf", &tape, &errors, &conf), 0);
	ck_assert_ptr_null(conf);
	out = open_memstream(&text, &text_len);
	ck_assert_ptr_nonnull(out);
	conf_errors_print(&errors, "", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_nonnull(
		strstr(text, "listeners[0].name: \"web\": is a second one; write it once\n"));
	free(text);
	conf_errors_fini(&errors);
	free(tape.bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_tape");
	TCase *tc = tcase_create("conf_tape");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_whole_tape_makes_the_tree_that_was_written);
	tcase_add_test(tc, a_tape_that_ends_anywhere_before_its_end_is_none);
	tcase_add_test(tc, whatever_byte_is_wrong_it_is_read_or_refused);
	tcase_add_loop_test(tc, brackets_that_nest_too_deep_are_refused, 0, 2);
	tcase_add_test(tc, each_allocation_may_fail);
	tcase_add_test(tc, a_name_that_is_there_twice_is_refused);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
