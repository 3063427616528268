/* SPDX-License-Identifier: ISC */
/* Tests of hash tables. */
#include "base/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "suite.h"

enum { N_ITEMS = 20000 };

struct item {
	char name[16];
	unsigned number;
};

static struct item items[N_ITEMS];
static unsigned n_compared;

static bool has_name(const void *item, const void *key)
{
	n_compared++;
	return strcmp(((const struct item *)item)->name, key) == 0;
}

static uint64_t hash_of(const char *name)
{
	return hash_bytes(HASH_BEGIN, name, strlen(name));
}

START_TEST(each_of_many_is_found_at_once_and_no_other_one)
{
	struct table table = {0};

	ck_assert_ptr_null(table_find(&table, hash_of("x"), has_name, "x"));
	for (unsigned i = 0; i < N_ITEMS; i++) {
		(void)snprintf(items[i].name, sizeof(items[i].name), "name%u", i);
		ck_assert_int_eq(table_add(&table, hash_of(items[i].name), &items[i]), 0);
	}
	n_compared = 0;
	for (unsigned i = 0; i < N_ITEMS; i++) {
		char missing[32];

		ck_assert_ptr_eq(
			table_find(&table, hash_of(items[i].name), has_name, items[i].name),
			&items[i]);
		(void)snprintf(missing, sizeof(missing), "none%u", i);
		ck_assert_ptr_null(table_find(&table, hash_of(missing), has_name, missing));
	}
	ck_assert_uint_le(n_compared, N_ITEMS + 10);
	table_fini(&table);
	ck_assert_ptr_null(table_find(&table, hash_of("name0"), has_name, "name0"));
}
END_TEST

START_TEST(of_equal_ones_the_first_is_found_however_it_grows)
{
	struct table table = {0};

	for (unsigned i = 0; i < 1000; i++) {
		items[i] = (struct item){.name = "same", .number = i};
		/* All items hash to one slot at the end, so that searches wrap to the start. */
		ck_assert_int_eq(table_add(&table, 63, &items[i]), 0);
		ck_assert_ptr_eq(table_find(&table, 63, has_name, "same"), &items[0]);
	}
	table_fini(&table);
}
END_TEST

START_TEST(what_is_taken_out_is_gone_and_hides_nothing)
{
	struct table table = {0};

	/* The searches run into each other, also across the end of the table. */
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(items[i].name, sizeof(items[i].name), "name%u", i);
		ck_assert_int_eq(table_add(&table, 2040 + i % 16, &items[i]), 0);
	}
	for (unsigned gone = 0; gone < 1000; gone++) {
		unsigned victim = gone * 389 % 1000;

		table_remove(&table, 2040 + victim % 16, &items[victim]);
		for (unsigned i = 0; i < 1000; i += 1 + gone / 10) {
			bool is_there = i * 509 % 1000 > gone; /* 389 * 509 = 1 modulo 1000 */

			ck_assert_ptr_eq(table_find(&table, 2040 + i % 16, has_name, items[i].name),
				is_there ? &items[i] : NULL);
		}
	}
	ck_assert_ptr_null(table.slots);
}
END_TEST

START_TEST(of_equal_ones_the_next_is_found_when_the_first_is_taken_out)
{
	struct table table = {0};

	for (unsigned i = 0; i < 20; i++) {
		items[i] = (struct item){.name = "same", .number = i};
		ck_assert_int_eq(table_add(&table, 63, &items[i]), 0);
	}
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_ptr_eq(table_find(&table, 63, has_name, "same"), &items[i]);
		table_remove(&table, 63, &items[i]);
	}
	ck_assert_ptr_null(table_find(&table, 63, has_name, "same"));
}
END_TEST

START_TEST(without_memory_it_stays_as_it_was)
{
	static struct item one = {.name = "a"};
	struct table table = {0};

	fault_arm(1);
	ck_assert_int_eq(table_add(&table, hash_of("a"), &one), -ENOMEM);
	ck_assert(fault_disarm());
	ck_assert_int_eq(table_add(&table, hash_of("a"), &one), 0);
	ck_assert_ptr_eq(table_find(&table, hash_of("a"), has_name, "a"), &one);
	table_fini(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = tcase_create("table");

	tcase_add_test(tc, each_of_many_is_found_at_once_and_no_other_one);
	tcase_add_test(tc, of_equal_ones_the_first_is_found_however_it_grows);
	tcase_add_test(tc, what_is_taken_out_is_gone_and_hides_nothing);
	tcase_add_test(tc, of_equal_ones_the_next_is_found_when_the_first_is_taken_out);
	tcase_add_test(tc, without_memory_it_stays_as_it_was);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
