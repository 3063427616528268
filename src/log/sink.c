/* SPDX-License-Identifier: ISC */
/*
 * The log thread: the only one that may block on the log.
 *
 * The usual way: a thread pushes into its queue, finds the log thread asleep and posts `wakeup`.
 * The log thread lets lines gather for GATHER_NS, during which no other thread has to wake it, then
 * moves the lines of all queues into one batch and writes that with one call. At high rates this
 * repeats without a sleep or a post in between: some hundred writes a second, whatever the number
 * of lines.
 *
 *	ASLEEP ──a line, a drop, the end of a queue──▶ GATHERING ──5 ms──▶ WRITING
 *	   ▲                                              ▲                    │
 *	   └──────── no queue has work ───────────────────┴── more came in ◀───┘
 *
 * No line is missed: a producer first stores `pushed`, then loads `asleep`; the log thread first
 * stores `asleep`, then loads `pushed`. All four are sequentially consistent, so at least one sees
 * the other. (Fences would do too, but ThreadSanitizer does not understand them.)
 *
 * After log_settle(), lines for the journal are entries of its own protocol (journal.c), sent one
 * by one. Before that, and for lines that a thread writes itself, they go through the stream to
 * journald. The reason: when journald reads an entry, it asks the kernel which unit the sender
 * belongs to. If the process is gone by then, the entry is not found among those of its unit, and a
 * failed start would be unexplained. For the stream, journald knows the unit from the beginning.
 *
 * What can fail: the reader does not read, so write() blocks and the queues fill up and drop lines;
 * or the reader is gone (EPIPE) or the disk is full, so the batch is dropped. In both cases the
 * lines are counted, and one line says how many when writing succeeds again. Of N lines produced,
 * exactly N are written or counted.
 */
#include "log/sink.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/thread.h"
#include "log/follow.h"
#include "log/journal.h"
#include "log/level.h"
#include "log/queue.h"

enum {
	BATCH_BYTES = 64 * 1024, /* as much as a pipe accepts at once */
	PREFIX_MAX = 64,
	OUTPUT_MAX = PREFIX_MAX + LOG_LINE_MAX + 1, /* a line with its prefix and newline */
	GATHER_NS = 5 * NS_PER_MS,
};

enum sink_state {
	SINK_CLOSED,
	SINK_OPEN,
	SINK_ABANDONED, /* log_close() gave up on a log thread that is stuck in write() */
};

/* The second of the last time stamp, as text. */
struct stamp {
	time_t second;
	char text[32]; /* "" or "2026-01-31T12:00:00" */
};

static struct {
	_Atomic(enum sink_state) state;
	int fd; /* borrowed; constant while open */
	log_sink_dropped_text *dropped_text;
	enum log_form settled_form; /* constant while open */
	atomic_bool settled;
	pthread_t thread;

	/* The log thread waits for `wakeup`; the thread that clears this posts it. */
	atomic_bool asleep;
	sem_t wakeup;
	atomic_bool closing; /* set by log_close(): write all lines, then end */
	sem_t ended;         /* the log thread is about to return */

	pthread_mutex_t arrivals_lock; /* held for a few instructions, never across a call */
	struct list arrivals;          /* struct log_queue::link, not yet seen by the log thread */
	atomic_uint_fast64_t dropped;  /* lines ever lost; written by the log thread */
	atomic_uint_fast64_t homeless; /* lines dropped by threads that have no queue */

	/* Only for the log thread: */
	struct list queues; /* struct log_queue::link */
	uint64_t said;      /* dropped lines that were reported */
	uint64_t unsaid;    /* dropped lines that were not reported yet */
	enum log_form form; /* of this round, so that a batch has lines of one form only */
	bool flows;         /* the journal accepted a line in this round */
	struct stamp stamp;
	size_t batch_len;
	char batch[BATCH_BYTES];
} sink = {
	.arrivals_lock = PTHREAD_MUTEX_INITIALIZER,
	.arrivals = {&sink.arrivals, &sink.arrivals},
	.queues = {&sink.queues, &sink.queues},
};

/* Writes the prefix of the text, which begins with a blank; returns its length. */
static size_t format_prefix(const struct log_record *record, enum log_form form,
	struct stamp *stamp, char prefix[PREFIX_MAX])
{
	time_t second = (time_t)(record->time_ns / NS_PER_S);
	struct tm utc;
	int n;

	if (form == LOG_FORM_PREFIXED) {
		/* journald has its own clock, and would keep a blank after the priority. */
		n = snprintf(prefix, PREFIX_MAX, "<%d>", log_journal_priority(record->level));
	} else {
		if (stamp->text[0] == '\0' || stamp->second != second) {
			stamp->second = second;
			if (gmtime_r(&second, &utc) == NULL ||
				strftime(stamp->text, sizeof(stamp->text), "%Y-%m-%dT%H:%M:%S",
					&utc) == 0) {
				stamp->text[0] = '\0';
			}
		}
		n = snprintf(prefix, PREFIX_MAX, "time=%s.%03uZ level=%s", stamp->text,
			(unsigned int)(record->time_ns % NS_PER_S / NS_PER_MS),
			log_level_name((enum log_level)record->level));
	}
	assert(n > 0 && n < PREFIX_MAX);
	return (size_t)n;
}

/* Writes all bytes, and blocks whatever the flags of the fd are. Returns how many it has written:
 * fewer than `len` only if the fd fails. */
static size_t write_all(int fd, const char *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n >= 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd writable = {.fd = fd, .events = POLLOUT};

			/* If poll() fails, the next write() fails too. */
			(void)poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			break;
		}
	}
	return done;
}

/* Formats the line for the fd; returns its length. */
static size_t format_line(const struct log_record *record, enum log_form form, struct stamp *stamp,
	const char *text, char line[OUTPUT_MAX])
{
	size_t skip = form == LOG_FORM_PREFIXED ? 1 : 0;
	size_t len = format_prefix(record, form, stamp, line);

	memcpy(line + len, text + skip, record->len - skip);
	len += record->len - skip;
	line[len++] = '\n';
	return len;
}

/* The form of lines that are written to the fd itself. */
static enum log_form form_of_stream(enum log_form form)
{
	return form == LOG_FORM_ENTRY ? LOG_FORM_PREFIXED : form;
}

void log_sink_write(const struct log_record *record, const char *text)
{
	enum sink_state state = atomic_load(&sink.state);
	int fd = state == SINK_CLOSED ? STDERR_FILENO : sink.fd;
	enum log_form form = state == SINK_CLOSED ? log_journal_form(fd) : sink.settled_form;
	struct stamp stamp = {.text = ""};
	char line[OUTPUT_MAX];

	if (state == SINK_ABANDONED) {
		/* The fd is stuck and the process is about to exit, so nobody needs the count. */
		return;
	}
	(void)write_all(fd, line, format_line(record, form_of_stream(form), &stamp, text, line));
}

bool log_sink_is_open(void)
{
	return atomic_load(&sink.state) == SINK_OPEN;
}

void log_sink_wake(void)
{
	int r;

	if (atomic_load(&sink.asleep) && atomic_exchange(&sink.asleep, false)) {
		r = sem_post(&sink.wakeup);
		assert(r == 0);
		(void)r;
	}
}

void log_sink_drop(void)
{
	atomic_fetch_add(&sink.homeless, 1);
	log_sink_wake();
}

void log_sink_add(struct log_queue *queue)
{
	(void)pthread_mutex_lock(&sink.arrivals_lock);
	list_append(&sink.arrivals, &queue->link);
	(void)pthread_mutex_unlock(&sink.arrivals_lock);
}

static void adopt_arrivals(void)
{
	(void)pthread_mutex_lock(&sink.arrivals_lock);
	list_move_all(&sink.queues, &sink.arrivals);
	(void)pthread_mutex_unlock(&sink.arrivals_lock);
}

static bool has_work(void)
{
	adopt_arrivals();
	list_for_each (link, &sink.queues) {
		if (log_queue_wants(container_of(link, struct log_queue, link))) {
			return true;
		}
	}
	return atomic_load(&sink.homeless) != 0 || atomic_load(&sink.closing);
}

static void sleep_until_work(void)
{
	while (!has_work()) {
		atomic_store(&sink.asleep, true);
		if (has_work() && atomic_exchange(&sink.asleep, false)) {
			return;
		}
		/* No work, or another thread took the flag and posts. */
		thread_wait(&sink.wakeup);
	}
}

static void gather(void)
{
	struct timespec pause = {.tv_nsec = GATHER_NS};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* Writes the batch. Returns how many of its lines, the last ones, were lost. */
static uint64_t write_batch(void)
{
	size_t done = write_all(sink.fd, sink.batch, sink.batch_len);
	uint64_t lost = 0;

	for (size_t i = done; i < sink.batch_len; i++) {
		lost += sink.batch[i] == '\n';
	}
	sink.batch_len = 0;
	return lost;
}

/* Makes room for one more line of any length. */
static void reserve_line(void)
{
	if (BATCH_BYTES - sink.batch_len < OUTPUT_MAX) {
		sink.unsaid += write_batch();
	}
}

/* The queue whose next line in this round is the oldest; NULL: there is none. */
static struct log_queue *oldest_queue(struct log_record *ret_record)
{
	struct log_queue *oldest = NULL;

	list_for_each (link, &sink.queues) {
		struct log_queue *queue = container_of(link, struct log_queue, link);
		struct log_record record;

		if (log_queue_peek(queue, queue->round_end, &record) &&
			(oldest == NULL || record.time_ns < ret_record->time_ns)) {
			oldest = queue;
			*ret_record = record;
		}
	}
	return oldest;
}

/*
 * Passes one line on to the follower, and puts it into the batch, or sends it to the journal at
 * once.
 */
static void put_line(const struct log_record *record, const char *text)
{
	log_follow_hand(record, text);
	if (!record->is_wanted) {
		return;
	}
	if (sink.form == LOG_FORM_ENTRY) {
		if (log_journal_send(record, text) < 0) {
			sink.unsaid++;
		} else {
			sink.flows = true;
		}
		return;
	}
	reserve_line();
	sink.batch_len +=
		format_line(record, sink.form, &sink.stamp, text, sink.batch + sink.batch_len);
}

/*
 * Moves the lines that are in the queues now into batches, ordered by time. Later lines are for the
 * next round.
 */
static void empty_queues(void)
{
	struct log_queue *queue;
	struct log_record record;
	char text[LOG_LINE_MAX];

	list_for_each (link, &sink.queues) {
		queue = container_of(link, struct log_queue, link);
		/* `closed` is read first: if it is set, no line comes after those that the queue
		 * has now. */
		queue->ending = atomic_load(&queue->closed);
		queue->round_end = log_queue_end(queue);
	}
	/* `settled` is read after the ends of the queues: if the call of log_settle() is not seen
	 * here, all lines of this round are earlier than that call. */
	sink.form =
		atomic_load(&sink.settled) ? sink.settled_form : form_of_stream(sink.settled_form);
	while ((queue = oldest_queue(&record)) != NULL) {
		log_queue_take(queue, &record, text);
		put_line(&record, text);
	}
	log_follow_wake();
}

/* Reports the number of lost lines, in a line at the end. */
static void write_with_count(void)
{
	struct timespec now;
	struct log_record record = {.level = LOG_LEVEL_WARN, .is_wanted = true};
	char text[LOG_LINE_MAX];
	uint64_t told = sink.unsaid;
	uint64_t lost;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	record.time_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	record.len = (uint32_t)sink.dropped_text(told, text);
	sink.unsaid = 0;
	put_line(&record, text);
	log_follow_wake();
	lost = sink.unsaid + write_batch();
	/* Lost lines are the last ones of a batch, so the report is one of them; it does not count
	 * as a lost line. */
	sink.unsaid = lost == 0 ? 0 : told + lost - 1;
	sink.said += lost == 0 ? told : 0;
}

/* One round over all queues. `last`: no other round follows, so everything is reported. */
static void write_queues(bool last)
{
	uint64_t dropped = atomic_exchange(&sink.homeless, 0);

	sink.flows = false;
	adopt_arrivals();
	empty_queues();
	list_for_each (link, &sink.queues) {
		struct log_queue *queue = container_of(link, struct log_queue, link);

		dropped += log_queue_take_dropped(queue);
		if (queue->ending) {
			list_remove(&queue->link);
			log_queue_free(queue);
		}
	}
	sink.unsaid += dropped;
	reserve_line();
	/* If the fd lost lines, the report waits for the next lines, since alone it would fail
	 * again. */
	if (sink.unsaid != 0 && (sink.batch_len != 0 || sink.flows || dropped != 0 || last)) {
		write_with_count();
	} else {
		sink.unsaid += write_batch();
	}
	atomic_store(&sink.dropped, sink.said + sink.unsaid);
}

uint64_t log_sink_dropped(void)
{
	return atomic_load(&sink.dropped);
}

static void *log_thread(void *arg)
{
	bool last;
	int r;

	(void)arg;
	do {
		sleep_until_work();
		last = atomic_load(&sink.closing);
		if (!last) {
			gather();
		}
		write_queues(last);
	} while (!last);
	r = sem_post(&sink.ended);
	assert(r == 0);
	(void)r;
	return NULL;
}

int log_sink_open(int fd, log_sink_dropped_text *dropped_text)
{
	int r;

	if (atomic_load(&sink.state) != SINK_CLOSED) {
		return -EBUSY;
	}
	r = sem_init(&sink.wakeup, 0, 0);
	assert(r == 0);
	r = sem_init(&sink.ended, 0, 0);
	assert(r == 0);
	atomic_store(&sink.closing, false);
	sink.fd = fd;
	sink.dropped_text = dropped_text;
	sink.settled_form = log_journal_form(fd);
	atomic_store(&sink.settled, false);
	r = thread_start(&sink.thread, log_thread, NULL);
	if (r < 0) {
		return r;
	}
	atomic_store(&sink.state, SINK_OPEN);
	return 0;
}

void log_sink_settle(void)
{
	assert(log_sink_is_open());
	atomic_store(&sink.settled, true);
}

bool log_sink_close(uint64_t budget_ns)
{
	uint64_t deadline_ns = clock_after(clock_ns(), budget_ns);
	struct timespec deadline = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};
	int r;

	if (atomic_load(&sink.state) == SINK_CLOSED) {
		return true;
	}
	atomic_store(&sink.closing, true);
	log_sink_wake();
	do {
		r = sem_clockwait(&sink.ended, CLOCK_MONOTONIC, &deadline);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		atomic_store(&sink.state, SINK_ABANDONED);
		return false;
	}
	r = pthread_join(sink.thread, NULL);
	assert(r == 0);
	atomic_store(&sink.state, SINK_CLOSED);
	return true;
}
