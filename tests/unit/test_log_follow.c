/* SPDX-License-Identifier: ISC */
/* A follower of the log gets each line once, in order, and delays no other thread. */
#include "log/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "log/log.h"
#include "memory_file.h"
#include "suite.h"

/* Long enough even on the busiest machine. */
#define PATIENCE (UINT64_C(50) * NS_PER_S)

static sem_t woken;
static atomic_bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return atomic_load(&no_memory) ? NULL : __real_calloc(n, size);
}

static void on_wake(void *owner)
{
	ck_assert_ptr_eq(owner, &woken);
	(void)sem_post(&woken);
}

static void set_up(void)
{
	atomic_store(&no_memory, false);
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	ck_assert_int_eq(sem_init(&woken, 0, 0), 0);
	log_set_level(LOG_LEVEL_WARN);
}

static void put(enum log_level level, uint64_t n)
{
	struct log_line line;

	if (log_begin(&line, level, "number")) {
		log_u64(&line, "n", n);
		log_end(&line);
	}
}

/* Reads the next line, which must have that number. */
static void expect_number(enum log_level level, bool is_wanted, uint64_t n)
{
	struct log_record record;
	char text[LOG_LINE_MAX];
	char expected[64];

	while (!log_follow_take(&record, text)) {
		thread_wait(&woken);
	}
	(void)snprintf(expected, sizeof(expected), " event=number n=%" PRIu64, n);
	ck_assert_uint_eq(record.len, strlen(expected));
	ck_assert_mem_eq(text, expected, record.len);
	ck_assert_uint_eq(record.level, level);
	ck_assert(record.is_wanted == is_wanted);
}

START_TEST(a_follower_gets_what_the_log_does_not_want_too)
{
	int fd = memory_open();
	uint64_t met;
	char *text;

	ck_assert_int_eq(log_open(fd), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	put(LOG_LEVEL_INFO, 0); /* no follower, so this line is not built */
	ck_assert_int_eq(log_follow(on_wake, &woken, &met), 0);
	ck_assert_uint_eq(met, 0);
	put(LOG_LEVEL_WARN, 1);
	put(LOG_LEVEL_INFO, 2);
	put(LOG_LEVEL_DEBUG, 3);
	put(LOG_LEVEL_ERROR, 4);
	expect_number(LOG_LEVEL_WARN, true, 1);
	expect_number(LOG_LEVEL_INFO, false, 2);
	expect_number(LOG_LEVEL_ERROR, true, 4);
	ck_assert_uint_eq(log_follow_take_dropped(), 0);
	log_unfollow();
	put(LOG_LEVEL_INFO, 5);
	put(LOG_LEVEL_WARN, 6);
	ck_assert_int_eq(log_follow(on_wake, &woken, &met), 0);
	ck_assert_uint_le(met, 4);
	log_unfollow();
	ck_assert(log_close(PATIENCE));
	text = memory_close(fd);
	ck_assert_ptr_nonnull(strstr(text, "n=1\n"));
	ck_assert_ptr_nonnull(strstr(text, "n=4\n"));
	ck_assert_ptr_nonnull(strstr(text, "n=6\n"));
	ck_assert_ptr_null(strstr(text, "level=info"));
	free(text);
}
END_TEST

START_TEST(what_finds_no_room_is_counted_and_written_all_the_same)
{
	enum { LINES = 3 * LOG_QUEUE_BYTES / 32 };
	int fd = memory_open();
	struct log_record record;
	char line[LOG_LINE_MAX];
	uint64_t n_taken = 0;
	uint64_t met;
	char *text;
	size_t len;
	uint64_t n_written = 0;

	ck_assert_int_eq(log_open(fd), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	ck_assert_int_eq(log_follow(on_wake, &woken, &met), 0);
	for (uint64_t i = 0; i < LINES; i++) {
		bool waits = i % 1000 == 0; /* so that the thread's own queue has room */

		while (waits && sem_trywait(&woken) == 0) {
		}
		put(LOG_LEVEL_WARN, i);
		if (waits) {
			thread_wait(&woken);
		}
	}
	ck_assert_uint_eq(log_dropped(), 0);
	ck_assert(log_close(PATIENCE));
	while (log_follow_take(&record, line)) {
		n_taken++;
	}
	ck_assert_uint_gt(n_taken, 0);
	ck_assert_uint_lt(n_taken, LINES);
	ck_assert_uint_eq(n_taken + log_follow_take_dropped(), LINES);
	log_unfollow();
	text = memory_close(fd);
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		n_written += text[i] == '\n';
	}
	ck_assert_uint_eq(n_written, LINES);
	free(text);
}
END_TEST

START_TEST(without_memory_nobody_follows)
{
	struct log_line line;
	uint64_t met;

	atomic_store(&no_memory, true);
	ck_assert_int_eq(log_follow(on_wake, &woken, &met), -ENOMEM);
	ck_assert(!log_begin(&line, LOG_LEVEL_INFO, "x"));
	log_unfollow();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_follow");
	TCase *tc = tcase_create("log_follow");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, a_follower_gets_what_the_log_does_not_want_too);
	tcase_add_test(tc, what_finds_no_room_is_counted_and_written_all_the_same);
	tcase_add_test(tc, without_memory_nobody_follows);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
