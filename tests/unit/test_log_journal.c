/* SPDX-License-Identifier: ISC */
/*
 * Lines for the journal: entries of its own protocol, which the wrapped sd_journal_sendv() catches,
 * or lines that begin with a priority if its socket cannot be reached (the wrapped access()).
 */
#include "log/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/journal.h"
#include "memory_file.h"
#include "suite.h"

/* Long enough even on the busiest machine: only a hang takes that long. */
#define PATIENCE    (UINT64_C(50) * NS_PER_S)

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const priorities[] = {
	"<3>event=x\n", "<4>event=x\n", "<6>event=x\n", "<7>event=x\n"};

enum { ENTRIES_MAX = 16, TEXT_MAX = 8192 };

/* What came to journald: the fields of each entry as "NAME=value\n". */
static struct {
	bool is_there;
	int n_refused; /* how many entries are refused from now on */
	unsigned int n;
	char entries[ENTRIES_MAX][TEXT_MAX];
} journal;

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_sd_journal_sendv(const struct iovec *fields, int n);

int __wrap_access(const char *path, int mode)
{
	if (strcmp(path, "/run/systemd/journal/socket") == 0) {
		errno = ENOENT;
		return journal.is_there ? 0 : -1;
	}
	return __real_access(path, mode);
}

int __wrap_sd_journal_sendv(const struct iovec *fields, int n)
{
	char *to;

	if (journal.n_refused > 0) {
		journal.n_refused--;
		return -ENOBUFS;
	}
	ck_assert_uint_lt(journal.n, ENTRIES_MAX);
	to = journal.entries[journal.n++];
	for (int i = 0; i < n; i++) {
		ck_assert_uint_lt(fields[i].iov_len, (size_t)(journal.entries[journal.n] - to) - 2);
		to = mempcpy(to, fields[i].iov_base, fields[i].iov_len);
		to = stpcpy(to, "\n");
	}
	return 0;
}

/* Stops the log thread between the end of its pause and its look at the queues. */
static struct {
	atomic_bool is_set; /* to be set before log_open() */
	atomic_bool has_gathered;
	sem_t reached;
	sem_t go_on;
} halt;

int __real_clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *until, struct timespec *left);
int __wrap_clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *until, struct timespec *left);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

int __wrap_clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
	int r = __real_clock_nanosleep(clock, flags, until, left);

	atomic_store(&halt.has_gathered, true);
	return r;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (atomic_load(&halt.is_set) && atomic_exchange(&halt.has_gathered, false)) {
		ck_assert_int_eq(sem_post(&halt.reached), 0);
		ck_assert_int_eq(sem_wait(&halt.go_on), 0);
	}
	return __real_pthread_mutex_lock(mutex);
}

static void name_journal(int fd, int off_by)
{
	struct stat st;
	char name[64];

	ck_assert_int_eq(fstat(fd, &st), 0);
	(void)snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino + (uintmax_t)off_by);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", name, 1), 0);
}

static void set_up(void)
{
	journal.is_there = false;
	journal.n_refused = 0;
	journal.n = 0;
	atomic_store(&halt.is_set, false);
	log_set_level(LOG_LEVEL_INFO);
}

static void put_line(enum log_level level)
{
	struct log_line line;

	ck_assert(log_begin(&line, level, "x"));
	log_end(&line);
}

START_TEST(without_journalds_socket_a_line_begins_with_its_priority)
{
	int memory = memory_open();
	enum log_level level = (enum log_level)_i;
	char *text;

	name_journal(memory, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_open(memory), 0);
	/* First this thread writes it itself, then the log thread does. */
	put_line(level);
	ck_assert_int_eq(log_thread_open(), 0);
	put_line(level);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_uint_eq(strlen(text), 2 * strlen(priorities[_i]));
	ck_assert_int_eq(strncmp(text, priorities[_i], strlen(priorities[_i])), 0);
	expect_end(text, priorities[_i]);
	free(text);
}
END_TEST

START_TEST(a_stderr_that_left_the_journal_has_time_and_level)
{
	int memory = memory_open();
	char *text;

	name_journal(memory, 1);
	ck_assert_int_eq(log_open(memory), 0);
	put_line(LOG_LEVEL_INFO);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_int_eq(strncmp(text, "time=", strlen("time=")), 0);
	expect_end(text, "Z level=info event=x\n");
	free(text);
}
END_TEST

/* Logs by `put` and the log thread, to a journal that can be reached. */
static void log_to_journal(void (*put)(struct log_line *line))
{
	int memory = memory_open();
	struct log_line line;
	char *text;

	name_journal(memory, 0);
	journal.is_there = true;
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	log_settle();
	put(&line);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_str_eq(text, "");
	free(text);
}

static void put_close(struct log_line *line)
{
	ck_assert(log_begin(line, LOG_LEVEL_WARN, "close"));
	log_u64(line, "pair", 17);
	log_str(line, "client", "unix:");
	log_str(line, "server", "");
	log_u64(line, "late_us", 180);
	log_u64(line, "_us", 1);
	log_ms(line, "connect_ms", 214000);
	log_errno(line, -ENOENT);
	log_end(line);
}

START_TEST(a_line_becomes_an_entry_with_a_field_for_each_key)
{
	log_to_journal(put_close);
	ck_assert_uint_eq(journal.n, 1);
	ck_assert_str_eq(journal.entries[0],
		"MESSAGE=event=close pair=17 client=unix: server=\"\" late_us=180 _us=1 "
		"connect_ms=0.214 errno=ENOENT error=\"No such file or directory\"\n"
		"PRIORITY=4\nSYSLOG_IDENTIFIER=weir\nWEIR_EVENT=close\n"
		"WEIR_PAIR=17\nWEIR_CLIENT=unix:\nWEIR_SERVER=\nWEIR_LATE_USEC=180\n"
		"WEIR__US=1\nWEIR_CONNECT_MS=0.214\nWEIR_ERRNO=ENOENT\n"
		"WEIR_ERROR=No such file or directory\n");
}
END_TEST

static void put_reloads(struct log_line *line)
{
	ck_assert(log_begin(line, LOG_LEVEL_ERROR, "reload_failed"));
	log_end(line);
	ck_assert(log_begin(line, LOG_LEVEL_ERROR, "reload"));
	log_str(line, "reason", "idle");
	log_end(line);
	ck_assert(log_begin(line, LOG_LEVEL_ERROR, "closed"));
	log_str(line, "reason", "idle");
	log_end(line);
}

START_TEST(only_what_has_a_message_id_is_given_one)
{
	log_to_journal(put_reloads);
	ck_assert_uint_eq(journal.n, 3);
	expect_end(journal.entries[0], "\nMESSAGE_ID=" LOG_MESSAGE_RELOAD_FAILED "\n");
	ck_assert_ptr_null(strstr(journal.entries[1], "MESSAGE_ID"));
	ck_assert_ptr_null(strstr(journal.entries[2], "MESSAGE_ID"));
}
END_TEST

static void put_closes(struct log_line *line)
{
	static const char *const reasons[] = {
		"idle", "connect_failed", "eof", "reset", "idl", "idle2"};

	for (size_t i = 0; i < N_OF(reasons); i++) {
		ck_assert(log_begin(line, LOG_LEVEL_INFO, "close"));
		log_str(line, "client", "unix:/x reason=drain\nWEIR_REASON=drain");
		log_str(line, "reason", reasons[i]);
		log_end(line);
	}
}

START_TEST(a_close_has_the_message_id_of_its_reason)
{
	log_to_journal(put_closes);
	ck_assert_uint_eq(journal.n, 6);
	expect_end(journal.entries[0], "\nMESSAGE_ID=" LOG_MESSAGE_CLOSE_IDLE "\n");
	expect_end(journal.entries[1], "\nMESSAGE_ID=" LOG_MESSAGE_CLOSE_CONNECT_FAILED "\n");
	for (unsigned int i = 2; i < journal.n; i++) {
		ck_assert_ptr_null(strstr(journal.entries[i], "MESSAGE_ID"));
	}
}
END_TEST

static const char *every_byte(void)
{
	static char text[UINT8_MAX + 1];

	for (size_t i = 0; i < UINT8_MAX; i++) {
		text[i] = (char)(i + 1);
	}
	return text;
}

static void put_hostile(struct log_line *line)
{
	ck_assert(log_begin(line, LOG_LEVEL_INFO, "x"));
	log_str(line, "client", every_byte());
	log_str(line, "server", "a\" MESSAGE_ID=b\\x41\nPRIORITY=0");
	log_str(line, "error", "\\\"\\\\\"\"\\");
	log_str(line, "by", "weir");
	log_end(line);
}

START_TEST(hostile_bytes_arrive_exactly)
{
	char wanted[TEXT_MAX];

	log_to_journal(put_hostile);
	(void)snprintf(wanted, sizeof(wanted),
		"\nWEIR_EVENT=x\nWEIR_CLIENT=%s\n"
		"WEIR_SERVER=a\" MESSAGE_ID=b\\x41\nPRIORITY=0\n"
		"WEIR_ERROR=\\\"\\\\\"\"\\\nWEIR_BY=weir\n",
		every_byte());
	ck_assert_uint_eq(journal.n, 1);
	expect_end(journal.entries[0], wanted);
}
END_TEST

/* Puts as many fields as fit into a line, and one more. */
static void put_longest(struct log_line *line)
{
	ck_assert(log_begin(line, LOG_LEVEL_INFO, "x"));
	while (!line->cut) {
		log_u64(line, "k", 1);
	}
	log_end(line);
}

START_TEST(the_longest_line_is_an_entry_too)
{
	log_to_journal(put_longest);
	ck_assert_uint_eq(journal.n, 1);
	expect_end(journal.entries[0], "\nWEIR_K=1\nWEIR_CUT=true\n");
}
END_TEST

static void put_three(struct log_line *line)
{
	journal.n_refused = 2;
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert(log_begin(line, LOG_LEVEL_INFO, "x"));
		log_u64(line, "n", i);
		log_end(line);
	}
}

START_TEST(what_the_journal_refuses_is_counted)
{
	log_to_journal(put_three);
	ck_assert_uint_eq(journal.n, 2);
	expect_end(journal.entries[0], "WEIR_N=2\n");
	expect_end(journal.entries[1], "WEIR_EVENT=log_dropped\nWEIR_LINES=2\n");
}
END_TEST

/* journald knows who owns a stream, but may not know who sent an entry if that process has
 * ended. */
START_TEST(lines_of_a_process_that_may_end_at_once_take_the_stream)
{
	int memory = memory_open();
	char *text;

	name_journal(memory, 0);
	journal.is_there = true;
	ck_assert_int_eq(log_open(memory), 0);
	put_line(LOG_LEVEL_WARN);
	ck_assert_int_eq(log_thread_open(), 0);
	put_line(LOG_LEVEL_ERROR);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_str_eq(text, "<4>event=x\n<3>event=x\n");
	ck_assert_uint_eq(journal.n, 0);
	free(text);
}
END_TEST

START_TEST(a_line_of_a_process_that_stays_is_an_entry_whatever_the_log_thread_is_at)
{
	int memory = memory_open();
	char *text;

	name_journal(memory, 0);
	journal.is_there = true;
	atomic_store(&halt.is_set, true);
	ck_assert_int_eq(sem_init(&halt.reached, 0, 0), 0);
	ck_assert_int_eq(sem_init(&halt.go_on, 0, 0), 0);
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	put_line(LOG_LEVEL_INFO);
	ck_assert_int_eq(sem_wait(&halt.reached), 0);
	atomic_store(&halt.is_set, false);
	log_settle();
	put_line(LOG_LEVEL_ERROR);
	ck_assert_int_eq(sem_post(&halt.go_on), 0);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_ptr_null(strstr(text, "<3>"));
	ck_assert_uint_ge(journal.n, 1);
	ck_assert_ptr_nonnull(strstr(journal.entries[journal.n - 1], "PRIORITY=3\n"));
	free(text);
}
END_TEST

START_TEST(a_thread_without_a_queue_takes_the_stream)
{
	int memory = memory_open();
	char *text;

	name_journal(memory, 0);
	journal.is_there = true;
	ck_assert_int_eq(log_open(memory), 0);
	log_settle();
	put_line(LOG_LEVEL_ERROR);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_str_eq(text, "<3>event=x\n");
	ck_assert_uint_eq(journal.n, 0);
	free(text);
}
END_TEST

START_TEST(errors_beside_the_log_have_a_priority_only_in_the_journal)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	ck_assert_str_eq(log_error_prefix(), "");
	for (int i = 0; i < 2; i++) {
		journal.is_there = i == 1;
		name_journal(STDERR_FILENO, 0);
		ck_assert_str_eq(log_error_prefix(), "<3>");
		name_journal(STDERR_FILENO, 1);
		ck_assert_str_eq(log_error_prefix(), "");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_journal");
	TCase *tc = tcase_create("log_journal");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_loop_test(tc, without_journalds_socket_a_line_begins_with_its_priority, 0,
		(int)N_OF(priorities));
	tcase_add_test(tc, a_stderr_that_left_the_journal_has_time_and_level);
	tcase_add_test(tc, a_line_becomes_an_entry_with_a_field_for_each_key);
	tcase_add_test(tc, only_what_has_a_message_id_is_given_one);
	tcase_add_test(tc, a_close_has_the_message_id_of_its_reason);
	tcase_add_test(tc, hostile_bytes_arrive_exactly);
	tcase_add_test(tc, the_longest_line_is_an_entry_too);
	tcase_add_test(tc, what_the_journal_refuses_is_counted);
	tcase_add_test(tc, lines_of_a_process_that_may_end_at_once_take_the_stream);
	tcase_add_test(
		tc, a_line_of_a_process_that_stays_is_an_entry_whatever_the_log_thread_is_at);
	tcase_add_test(tc, a_thread_without_a_queue_takes_the_stream);
	tcase_add_test(tc, errors_beside_the_log_have_a_priority_only_in_the_journal);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
