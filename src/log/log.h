/* SPDX-License-Identifier: ISC */
/*
 * The log: logfmt lines to stderr, written by one thread that alone may block.
 *
 *	struct log_line line;
 *
 *	if (log_begin(&line, LOG_LEVEL_INFO, "close")) {
 *		log_u64(&line, "pair", id);
 *		log_str(&line, "client", text);
 *		log_end(&line);
 *	}
 *
 * gives
 *
 *	time=2026-01-31T12:00:00.123Z level=info event=close pair=17 client=127.0.0.1:40000
 *
 * or, where the fd leads to the journal, an entry with a field for each key (log_journal.h), from
 * log_settle() on.
 *
 * A line is built on the caller's stack and put whole into the calling thread's own queue (one
 * producer, one consumer, LOG_QUEUE_BYTES, in log_queue.h). The log thread collects the queues, in
 * the order of the lines within one queue, and writes many lines with one call. A queue that is
 * full drops the line and counts it; the count is logged ("event=log_dropped lines=N") when lines
 * flow again. So a log that nobody reads never stops anybody. The flags of the inherited stderr are
 * never changed.
 *
 * A thread that never called log_thread_open(), and every thread before log_open(), writes its
 * lines itself, blocking: that is for start-up and for unit tests.
 *
 * A value that has a space, '=' or nothing in it, or a byte that needs an escape, is quoted and
 * escaped as base/text.h says; a text that reads as a number is quoted too, so that what is not
 * quoted and reads as a number is one (fields.h).
 * A line that would pass LOG_LINE_MAX is cut at a field's border and ends with "cut=true".
 */
#ifndef WEIR_LOG_LOG_H
#define WEIR_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/level.h"

struct log_line {
	enum log_level level;
	bool is_wanted; /* by the level, unless who builds it says no: else for followers alone */
	bool cut;
	size_t len;
	char text[LOG_LINE_MAX]; /* " event=close pair=17 ...": without time, level, newline */
};

/** Lines above this level are not written, and not built, but for who follows the log (follow.h).
 * Default: LOG_LEVEL_INFO. Any thread. */
void log_set_level(enum log_level level);
enum log_level log_wanted_level(void);

/**
 * Each line from now on has this as "node=", behind its event; NULL: none has. Copies it; without
 * memory all stays as it is. The main thread.
 */
void log_set_node(const char *name);

/** What goes before an error that is printed to stderr beside the log: "<3>" where that leads to
 * the journal, so that it is an error there too, else "". */
const char *log_error_prefix(void);

/** Starts the log thread, writing to `fd` (borrowed; stderr in the daemon). 0, -EBUSY when it runs,
 * or another errno. */
int log_open(int fd);

/**
 * The process is here to stay: from now on lines for the journal are entries with fields. Before,
 * they go to `fd` with a priority, by which journald knows for sure whose they are, even if the
 * process ends at once. After log_open().
 */
void log_settle(void);

/**
 * Gives the calling thread its queue; -ENOMEM when there is none to be had (the thread then drops
 * and counts). After log_open(). log_thread_close() before the thread ends; what it queued is still
 * written.
 */
int log_thread_open(void);
void log_thread_close(void);

/**
 * Writes what is queued, for at most `budget_ns`, and ends the log thread if it is not stuck. Call
 * it when all other threads have called log_thread_close(); the caller's own queue is closed by it.
 * False: lines were left (the reader does not read); the thread is then left behind, further lines
 * are dropped, and the process should leave by _exit(). Calling it again waits again. Once it
 * returned true, lines go to stderr as before log_open(), which may be called anew.
 */
bool log_close(uint64_t budget_ns);

/** Lines that were lost since the start, but for those of the last moment. Any thread. */
uint64_t log_dropped(void);

/** Starts a line "event=EVENT"; false (and nothing to do) when the level is not wanted. */
bool log_begin(struct log_line *line, enum log_level level, const char *event);

/** Append a field. Keys are constants of the program, [a-z_]+. A NULL value appends nothing. */
void log_str(struct log_line *line, const char *key, const char *value);
void log_bytes(struct log_line *line, const char *key, const void *bytes, size_t len);
void log_u64(struct log_line *line, const char *key, uint64_t value);
void log_i64(struct log_line *line, const char *key, int64_t value);
/** Nanoseconds as milliseconds with three decimals: "12.345". */
void log_ms(struct log_line *line, const char *key, uint64_t ns);
/** errno=NAME error="text" for a negative errno; errno=-3008 alone for what libc has no name for
 * (UV_EAI_*). */
void log_errno(struct log_line *line, int err);

/** Ends the line and hands it over. */
void log_end(struct log_line *line);

#endif
