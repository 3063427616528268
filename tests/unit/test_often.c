/* SPDX-License-Identifier: ISC */
/*
 * Tests of lines that come often: the log gets a few of them, and then the number of the others,
 * from all threads.
 */
#include "log/often.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "memory_file.h"
#include "suite.h"

enum { THREADS = 4, EACH = 5000 };

static struct often_list list;
static struct often some[2];
static int memory;

static void set_up(void)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	log_set_level(LOG_LEVEL_WARN);
	often_list_init(&list, "failed_more", "upstream", "pairs", LOG_LEVEL_WARN);
	often_init(&some[0], &list, "a", NULL);
	often_init(&some[1], &list, "b", "denied");
	memory = memory_open();
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
}

static void drop(void)
{
	for (size_t i = 0; i < 2; i++) {
		often_fini(&some[i]);
	}
	ck_assert(list_empty(&list.all));
}

/** The log has `first`, then `second`, and ends there. "" stands for nothing. */
static void expect_told(const char *first, const char *second)
{
	char *text;
	char *end;

	drop();
	ck_assert(log_close(NS_NEVER));
	text = memory_close(memory);
	end = text;
	for (int i = 0; i < 2; i++) {
		const char *wanted = i == 0 ? first : second;

		if (*wanted != '\0') {
			end = strstr(end, wanted);
			ck_assert_msg(end != NULL, "no '%s' in: %s", wanted, text);
			end += strlen(wanted);
		}
	}
	ck_assert_str_eq(end, "");
	free(text);
}

static unsigned lines(unsigned n, struct often *often)
{
	unsigned n_lines_now = 0;

	while (n-- > 0) {
		n_lines_now += often_count(often);
	}
	return n_lines_now;
}

START_TEST(a_few_have_lines_and_nothing_more_is_told)
{
	ck_assert_uint_eq(lines(OFTEN_LINES, &some[0]), OFTEN_LINES);
	often_tell(&list);
	ck_assert_uint_eq(lines(OFTEN_LINES, &some[0]), OFTEN_LINES);
	often_tell(&list);
	often_tell(&list);
	expect_told("", "");
}
END_TEST

START_TEST(the_others_are_a_number_and_then_it_begins_anew)
{
	ck_assert_uint_eq(lines(OFTEN_LINES + 37, &some[0]), OFTEN_LINES);
	often_tell(&list);
	ck_assert_uint_eq(lines(OFTEN_LINES + 1, &some[0]), OFTEN_LINES);
	often_tell(&list);
	expect_told(" level=warn event=failed_more upstream=a pairs=37\n",
		" level=warn event=failed_more upstream=a pairs=1\n");
}
END_TEST

START_TEST(each_is_counted_for_itself)
{
	ck_assert_uint_eq(lines(OFTEN_LINES + 1, &some[0]), OFTEN_LINES);
	ck_assert_uint_eq(lines(OFTEN_LINES + 2, &some[1]), OFTEN_LINES);
	often_tell(&list);
	expect_told(" event=failed_more upstream=a pairs=1\n",
		" event=failed_more upstream=b reason=denied pairs=2\n");
}
END_TEST

START_TEST(what_is_untold_when_it_goes_is_told_then)
{
	ck_assert_uint_eq(lines(OFTEN_LINES + 3, &some[1]), OFTEN_LINES);
	expect_told(" event=failed_more upstream=b reason=denied pairs=3\n", "");
}
END_TEST

static atomic_uint n_lines;

static void *count_many(void *arg)
{
	atomic_fetch_add(&n_lines, lines(EACH, arg));
	return NULL;
}

/** Returns the sum of all "pairs=". */
static unsigned long sum_told(const char *text)
{
	unsigned long sum = 0;

	while ((text = strstr(text, " pairs=")) != NULL) {
		text += strlen(" pairs=");
		sum += strtoul(text, NULL, 10);
	}
	return sum;
}

START_TEST(workers_and_looks_lose_none)
{
	pthread_t threads[THREADS];
	char *text;

	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, &some[i % 2]), 0);
	}
	for (size_t i = 0; i < 100; i++) {
		often_tell(&list);
	}
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
	drop();
	ck_assert(log_close(NS_NEVER));
	text = memory_close(memory);
	ck_assert_uint_eq(sum_told(text) + atomic_load(&n_lines), THREADS * EACH);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("often");
	TCase *tc = tcase_create("often");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, a_few_have_lines_and_nothing_more_is_told);
	tcase_add_test(tc, the_others_are_a_number_and_then_it_begins_anew);
	tcase_add_test(tc, each_is_counted_for_itself);
	tcase_add_test(tc, what_is_untold_when_it_goes_is_told_then);
	tcase_add_test(tc, workers_and_looks_lose_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
