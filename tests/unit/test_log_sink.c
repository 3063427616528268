/* SPDX-License-Identifier: ISC */
/*
 * The queues and the log thread. Wrapped calls (calloc, write, sem_post, clock_nanosleep) control
 * the log thread, so no test waits for a guess: a gate can hold a write or the pause in which lines
 * gather, and a write can be cut short or refused.
 */
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "memory_file.h"
#include "suite.h"

/* Long enough even on the busiest machine: only a hang takes that long. */
#define PATIENCE (UINT64_C(50) * NS_PER_S)

enum { N_THREADS = 4 };

static struct {
	atomic_int fd; /* the fd whose writes are wrapped; -1: none */
	atomic_bool write_held;
	atomic_bool pause_held;
	sem_t at_gate;
	sem_t open_gate;
	atomic_bool choppy; /* writes take a few bytes, and sometimes none */
	atomic_uint n_writes;
	atomic_uint n_posts;
	atomic_bool no_memory;
} meddle = {.fd = -1};

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_sem_post(sem_t *sem);
int __real_clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *time, struct timespec *left);
int __wrap_clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *time, struct timespec *left);
int __wrap_sem_post(sem_t *sem);

void *__wrap_calloc(size_t n, size_t size)
{
	return atomic_load(&meddle.no_memory) ? NULL : __real_calloc(n, size);
}

int __wrap_sem_post(sem_t *sem)
{
	atomic_fetch_add(&meddle.n_posts, 1);
	return __real_sem_post(sem);
}

/* Waits at the gate, once for each time that it is held. */
static void pass_gate(atomic_bool *held)
{
	if (atomic_exchange(held, false)) {
		(void)__real_sem_post(&meddle.at_gate);
		thread_wait(&meddle.open_gate);
	}
}

int __wrap_clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	pass_gate(&meddle.pause_held);
	return __real_clock_nanosleep(clock, flags, time, left);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
	unsigned int n;

	if (fd != atomic_load(&meddle.fd)) {
		return __real_write(fd, bytes, len);
	}
	n = atomic_fetch_add(&meddle.n_writes, 1);
	pass_gate(&meddle.write_held);
	if (atomic_load(&meddle.choppy)) {
		if (n % 3 != 2) {
			errno = n % 3 == 0 ? EINTR : EAGAIN;
			return -1;
		}
		len = len < 11 ? len : 11;
	}
	return __real_write(fd, bytes, len);
}

static void meddle_with(int fd)
{
	ck_assert_int_eq(sem_init(&meddle.at_gate, 0, 0), 0);
	ck_assert_int_eq(sem_init(&meddle.open_gate, 0, 0), 0);
	atomic_store(&meddle.n_writes, 0);
	atomic_store(&meddle.fd, fd);
}

static void set_up(void)
{
	atomic_store(&meddle.fd, -1);
	atomic_store(&meddle.write_held, false);
	atomic_store(&meddle.pause_held, false);
	atomic_store(&meddle.choppy, false);
	atomic_store(&meddle.no_memory, false);
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
}

static void put_number_line(unsigned int thread, unsigned int n)
{
	struct log_line line;

	/* ck_assert() would write to a file each time, and this is called very often. */
	if (!log_begin(&line, LOG_LEVEL_INFO, "number")) {
		ck_abort_msg("the level is not wanted");
	}
	log_u64(&line, "thread", thread);
	log_u64(&line, "n", n);
	log_end(&line);
}

/* What all lines of a log add up to. */
struct tally {
	uint64_t written;
	uint64_t dropped;
	unsigned int next[N_THREADS]; /* the least number that a thread's next line may have */
};

static void count_line(struct tally *tally, const char *line)
{
	unsigned int thread;
	unsigned int n;
	uint64_t lines;
	char stamp[64];

	if (sscanf(line, "time=%63s level=info event=number thread=%u n=%u", stamp, &thread, &n) ==
		3) {
		if (thread >= N_THREADS || n < tally->next[thread]) {
			ck_abort_msg("not in order: \"%s\"", line);
		}
		tally->next[thread] = n + 1;
		tally->written++;
		return;
	}
	ck_assert_msg(sscanf(line, "time=%63s level=warn event=log_dropped lines=%" SCNu64, stamp,
			      &lines) == 2,
		"a line that nobody wrote: \"%s\"", line);
	ck_assert_uint_gt(lines, 0);
	tally->dropped += lines;
}

/* Consumes the text. */
static struct tally count_lines(char *text)
{
	struct tally tally = {0};
	char *line = text;
	char *text_end = text + strlen(text);

	while (line < text_end) {
		/* For strchr(), a sanitizer would read the whole rest for each line. */
		char *end = memchr(line, '\n', (size_t)(text_end - line));

		if (end == NULL) {
			ck_abort_msg("the last line has no end: \"%s\"", line);
		}
		*end = '\0';
		count_line(&tally, line);
		line = end + 1;
	}
	free(text);
	return tally;
}

/* Moves all of a pipe to memory, in a thread, until the other end is closed. */
struct reader {
	pthread_t thread;
	int from;
	int memory;
};

static void *reader_thread(void *arg)
{
	struct reader *reader = arg;
	char buffer[4096];
	ssize_t n;

	while ((n = read(reader->from, buffer, sizeof(buffer))) > 0) {
		if (__real_write(reader->memory, buffer, (size_t)n) != n) {
			ck_abort_msg("memory is short");
		}
	}
	ck_assert_int_eq(n, 0);
	return NULL;
}

static void reader_start(struct reader *reader, int from)
{
	reader->from = from;
	reader->memory = memory_open();
	ck_assert_int_eq(pthread_create(&reader->thread, NULL, reader_thread, reader), 0);
}

static char *reader_finish(struct reader *reader)
{
	ck_assert_int_eq(pthread_join(reader->thread, NULL), 0);
	(void)close(reader->from);
	return memory_close(reader->memory);
}

static void open_narrow_pipe(int fds[2], int flags)
{
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_ge(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, flags), 0);
}

START_TEST(a_thread_without_a_queue_writes_its_lines_at_once)
{
	int memory = memory_open();
	struct stat st;

	ck_assert_int_eq(log_open(memory), 0);
	put_number_line(0, 0);
	ck_assert_int_eq(fstat(memory, &st), 0);
	ck_assert_int_gt(st.st_size, 0);
	ck_assert(log_close(PATIENCE));
	ck_assert_uint_eq(count_lines(memory_close(memory)).written, 1);
}
END_TEST

START_TEST(a_second_log_thread_is_refused)
{
	int memory = memory_open();

	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_open(memory), -EBUSY);
	ck_assert(log_close(PATIENCE));
	ck_assert(log_close(PATIENCE));
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert(log_close(PATIENCE));
	ck_assert_uint_eq(count_lines(memory_close(memory)).written, 0);
}
END_TEST

struct producer {
	pthread_t thread;
	unsigned int number;
	unsigned int n_lines;
};

static void *producer_thread(void *arg)
{
	const struct producer *producer = arg;

	ck_assert_int_eq(log_thread_open(), 0);
	for (unsigned int n = 0; n < producer->n_lines; n++) {
		put_number_line(producer->number, n);
	}
	log_thread_close();
	return NULL;
}

static void produce(unsigned int n_lines)
{
	struct producer producers[N_THREADS];

	for (unsigned int i = 0; i < N_THREADS; i++) {
		producers[i].number = i;
		producers[i].n_lines = n_lines;
		ck_assert_int_eq(
			pthread_create(&producers[i].thread, NULL, producer_thread, &producers[i]),
			0);
	}
	for (unsigned int i = 0; i < N_THREADS; i++) {
		ck_assert_int_eq(pthread_join(producers[i].thread, NULL), 0);
	}
}

START_TEST(no_line_is_lost_while_the_queues_have_room)
{
	/* A line has at most 64 bytes with its record, so all fit into 256 KiB. */
	enum { N_LINES = 2500 };
	int memory = memory_open();
	struct tally tally;

	ck_assert_int_eq(log_open(memory), 0);
	produce(N_LINES);
	ck_assert(log_close(PATIENCE));
	tally = count_lines(memory_close(memory));
	ck_assert_uint_eq(tally.written, (uint64_t)N_THREADS * N_LINES);
	ck_assert_uint_eq(tally.dropped, 0);
}
END_TEST

START_TEST(many_times_a_queue_is_written_or_counted)
{
	enum { N_LINES = 20000 }; /* each queue wraps three times */
	int memory = memory_open();
	struct tally tally;

	ck_assert_int_eq(log_open(memory), 0);
	produce(N_LINES);
	ck_assert(log_close(PATIENCE));
	tally = count_lines(memory_close(memory));
	ck_assert_uint_eq(tally.written + tally.dropped, (uint64_t)N_THREADS * N_LINES);
	ck_assert_uint_eq(log_dropped(), tally.dropped);
}
END_TEST

START_TEST(threads_come_and_go_and_leave_their_lines)
{
	enum { N_ROUNDS = 50 };
	int memory = memory_open();
	struct producer producer = {.n_lines = 1};
	struct tally tally = {0};
	char *text;

	ck_assert_int_eq(log_open(memory), 0);
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		ck_assert_int_eq(
			pthread_create(&producer.thread, NULL, producer_thread, &producer), 0);
		ck_assert_int_eq(pthread_join(producer.thread, NULL), 0);
	}
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		/* Lines of different threads may be in any order, and all have the number 0. */
		tally.written++;
		ck_assert_ptr_nonnull(strstr(line, "event=number thread=0 n=0\n"));
	}
	ck_assert_uint_eq(tally.written, N_ROUNDS);
	free(text);
}
END_TEST

/* Threads that write one after the other, while their lines gather. */
START_TEST(lines_of_several_threads_stand_in_the_order_of_time)
{
	enum { N_ROUNDS = 20 };
	int memory = memory_open();
	char *text;
	char *line;

	meddle_with(memory);
	atomic_store(&meddle.pause_held, true);
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	put_number_line(0, 0);
	thread_wait(&meddle.at_gate);
	for (unsigned int i = 1; i < N_ROUNDS; i++) {
		struct producer producer = {.number = i, .n_lines = 1};

		ck_assert_int_eq(
			pthread_create(&producer.thread, NULL, producer_thread, &producer), 0);
		ck_assert_int_eq(pthread_join(producer.thread, NULL), 0);
		put_number_line(N_ROUNDS + i, 0);
	}
	(void)__real_sem_post(&meddle.open_gate);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	line = text;
	for (unsigned int i = 1; i < N_ROUNDS; i++) {
		char wanted[64];

		(void)snprintf(wanted, sizeof(wanted), "event=number thread=%u n=0\n", i);
		line = strstr(line, wanted);
		ck_assert_ptr_nonnull(line);
		(void)snprintf(
			wanted, sizeof(wanted), "event=number thread=%u n=0\n", N_ROUNDS + i);
		line = strstr(line, wanted);
		ck_assert_ptr_nonnull(line);
	}
	free(text);
}
END_TEST

START_TEST(a_busy_log_is_written_in_batches_without_wake_ups)
{
	enum { N_LINES = 500 }; /* less than a batch of 64 KiB */
	atomic_bool *held = _i == 0 ? &meddle.pause_held : &meddle.write_held;
	int memory = memory_open();
	unsigned int n_posts;
	struct tally tally;

	meddle_with(memory);
	atomic_store(held, true);
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	put_number_line(0, 0);
	thread_wait(&meddle.at_gate);
	/* The log thread is in its pause or writes, so no thread may post its semaphore. */
	n_posts = atomic_load(&meddle.n_posts);
	for (unsigned int n = 1; n <= N_LINES; n++) {
		put_number_line(0, n);
	}
	ck_assert_uint_eq(atomic_load(&meddle.n_posts), n_posts);
	(void)__real_sem_post(&meddle.open_gate);
	ck_assert(log_close(PATIENCE));
	/* All lines gathered, or the first was being written and then the others followed. */
	ck_assert_uint_eq(atomic_load(&meddle.n_writes), _i == 0 ? 1 : 2);
	tally = count_lines(memory_close(memory));
	ck_assert_uint_eq(tally.written, 1 + N_LINES);
	ck_assert_uint_eq(tally.dropped, 0);
}
END_TEST

START_TEST(short_and_interrupted_writes_are_continued)
{
	enum { N_LINES = 500 };
	int memory = memory_open();
	struct tally tally;

	meddle_with(memory);
	atomic_store(&meddle.choppy, true);
	ck_assert_int_eq(log_open(memory), 0);
	produce(N_LINES);
	ck_assert(log_close(PATIENCE));
	ck_assert_uint_gt(atomic_load(&meddle.n_writes), N_LINES);
	tally = count_lines(memory_close(memory));
	ck_assert_uint_eq(tally.written, (uint64_t)N_THREADS * N_LINES);
	ck_assert_uint_eq(tally.dropped, 0);
}
END_TEST

START_TEST(a_log_that_nobody_reads_stops_nobody)
{
	enum { N_LINES = 20000 }; /* more than the queue, a batch and the pipe hold together */
	struct reader reader;
	struct tally tally;
	int fds[2];

	/* Once with a blocking pipe, once with a non-blocking one. */
	open_narrow_pipe(fds, _i == 0 ? 0 : O_NONBLOCK);
	ck_assert_int_eq(log_open(fds[1]), 0);
	produce(N_LINES);
	reader_start(&reader, fds[0]);
	ck_assert(log_close(PATIENCE));
	ck_assert_int_eq(fcntl(fds[1], F_GETFL) & O_NONBLOCK, _i == 0 ? 0 : O_NONBLOCK);
	(void)close(fds[1]);
	tally = count_lines(reader_finish(&reader));
	ck_assert_uint_gt(tally.dropped, 0);
	ck_assert_uint_eq(tally.written + tally.dropped, (uint64_t)N_THREADS * N_LINES);
	ck_assert_uint_eq(log_dropped(), tally.dropped);
}
END_TEST

START_TEST(closing_a_stuck_log_keeps_to_its_budget)
{
	enum { N_LINES = 1000 };
	struct reader reader;
	struct tally tally;
	int fds[2];

	open_narrow_pipe(fds, 0);
	ck_assert_int_eq(log_open(fds[1]), 0);
	produce(N_LINES);
	/* As there is no reader, only the end of its budget lets log_close() return. */
	ck_assert(!log_close(0));
	ck_assert(!log_close(20 * NS_PER_MS));
	/* This must not block either; the line is lost. */
	put_number_line(0, UINT_MAX);
	reader_start(&reader, fds[0]);
	ck_assert(log_close(PATIENCE));
	(void)close(fds[1]);
	tally = count_lines(reader_finish(&reader));
	ck_assert_uint_eq(tally.written, (uint64_t)N_THREADS * N_LINES);
	ck_assert_uint_eq(tally.dropped, 0);
}
END_TEST

START_TEST(lines_for_a_broken_fd_are_counted_and_told_later)
{
	enum { N_LINES = 100 };
	int memory = memory_open();
	struct tally tally;
	int fds[2];

	/* SIGPIPE would end this process by default; the log thread itself must block it. */
	ck_assert_ptr_ne(signal(SIGPIPE, SIG_DFL), SIG_ERR);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	(void)close(fds[0]);
	ck_assert_int_eq(log_open(fds[1]), 0);
	produce(N_LINES);
	ck_assert(log_close(PATIENCE));
	(void)close(fds[1]);

	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	put_number_line(0, 0);
	ck_assert(log_close(PATIENCE));
	tally = count_lines(memory_close(memory));
	ck_assert_uint_eq(tally.written, 1);
	ck_assert_uint_eq(tally.dropped, (uint64_t)N_THREADS * N_LINES);
	ck_assert_uint_eq(log_dropped(), tally.dropped);
}
END_TEST

START_TEST(a_thread_that_got_no_queue_drops_and_counts)
{
	int memory = memory_open();
	struct tally tally;

	ck_assert_int_eq(log_open(memory), 0);
	atomic_store(&meddle.no_memory, true);
	ck_assert_int_eq(log_thread_open(), -ENOMEM);
	atomic_store(&meddle.no_memory, false);
	put_number_line(0, 0);
	put_number_line(0, 1);
	log_thread_close();
	ck_assert_int_eq(log_thread_open(), 0);
	put_number_line(0, 2);
	ck_assert(log_close(PATIENCE));
	tally = count_lines(memory_close(memory));
	ck_assert_uint_eq(tally.written, 1);
	ck_assert_uint_eq(tally.dropped, 2);
	ck_assert_uint_eq(log_dropped(), tally.dropped);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_sink");
	TCase *tc = tcase_create("log_sink");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, a_thread_without_a_queue_writes_its_lines_at_once);
	tcase_add_test(tc, a_second_log_thread_is_refused);
	tcase_add_test(tc, no_line_is_lost_while_the_queues_have_room);
	tcase_add_test(tc, many_times_a_queue_is_written_or_counted);
	tcase_add_test(tc, threads_come_and_go_and_leave_their_lines);
	tcase_add_test(tc, lines_of_several_threads_stand_in_the_order_of_time);
	tcase_add_loop_test(tc, a_busy_log_is_written_in_batches_without_wake_ups, 0, 2);
	tcase_add_test(tc, short_and_interrupted_writes_are_continued);
	tcase_add_loop_test(tc, a_log_that_nobody_reads_stops_nobody, 0, 2);
	tcase_add_test(tc, closing_a_stuck_log_keeps_to_its_budget);
	tcase_add_test(tc, lines_for_a_broken_fd_are_counted_and_told_later);
	tcase_add_test(tc, a_thread_that_got_no_queue_drops_and_counts);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
