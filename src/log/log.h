/* SPDX-License-Identifier: ISC */
/*
 * The log: logfmt lines to stderr. One thread, the log thread, writes them; only it may block.
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
 * or, if the fd leads to the journal, an entry with a field for each key (journal.h), from
 * log_settle() on.
 *
 * A line is built on the caller's stack and then put as a whole into the calling thread's own queue
 * (one producer, one consumer, LOG_QUEUE_BYTES, in queue.h). The log thread empties the queues and
 * writes many lines with one call; the order of lines is kept within each queue. If a queue is
 * full, the line is dropped and counted; the count is logged ("event=log_dropped lines=N") when
 * there is room again. So a log that nobody reads never blocks another thread. The flags of the
 * inherited stderr are never changed.
 *
 * A thread that never called log_thread_open(), and every thread before log_open(), writes its
 * lines itself and may block: that is for start-up and for unit tests.
 *
 * A value is quoted and escaped, as base/text.h says, if it is empty or contains a space, '=' or a
 * byte that needs an escape. A text that looks like a number is quoted too, so every unquoted value
 * that looks like a number is one (fields.h). A line that is longer than LOG_LINE_MAX without its
 * time and level is cut at the end of a field and ends with "cut=true".
 */
#ifndef WEIR_LOG_LOG_H
#define WEIR_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/level.h"

struct log_line {
	enum log_level level;
	bool is_wanted; /* false: only followers get it, by its level or by the caller's choice */
	bool cut;
	size_t len;
	char text[LOG_LINE_MAX]; /* " event=close pair=17 ...": without time, level, newline */
};

/**
 * Lines above this level are not written. Those up to LOG_LEVEL_INFO are built all the same while
 * somebody follows the log (follow.h). Default: LOG_LEVEL_INFO. Any thread.
 */
void log_set_level(enum log_level level);
enum log_level log_wanted_level(void);

/**
 * Sets the value of "node=", which each line from now on has after its event; NULL: no such field.
 * The name is copied; if there is no memory, nothing changes. The main thread.
 */
void log_set_node(const char *name);

/**
 * The prefix of an error that is printed to stderr without the log: "<3>" if stderr leads to the
 * journal, so that it is an error there too, else "".
 */
const char *log_error_prefix(void);

/**
 * Starts the log thread, which writes to `fd` (borrowed; stderr in the daemon). 0, -EBUSY if it
 * runs already, or another errno.
 */
int log_open(int fd);

/**
 * Call it when the process will not end at once: from now on lines for the journal are entries with
 * fields. Earlier lines go to `fd` with a priority, since journald can then tell for sure which
 * process they come from, even if that ends at once. Call it after log_open().
 */
void log_settle(void);

/**
 * Gives the calling thread a queue, after log_open(). -ENOMEM: no queue; the thread's lines are
 * then dropped and counted. Call log_thread_close() before the thread ends; its queued lines are
 * still written.
 */
int log_thread_open(void);
void log_thread_close(void);

/**
 * Writes the queued lines, for at most `budget_ns`, and ends the log thread if it is not stuck.
 * Call it when all other threads have called log_thread_close(); it closes the caller's own queue.
 * False: lines are left, since the reader does not read. The thread is then left running, further
 * lines are dropped, and the process should leave by _exit(); another call waits again. After true,
 * lines go to stderr as before log_open(), which may be called again.
 */
bool log_close(uint64_t budget_ns);

/** Lines lost since the start; the newest may not be counted yet. Any thread. */
uint64_t log_dropped(void);

/** Begins a line "event=EVENT"; false: the level is not wanted, and nothing is to be done. */
bool log_begin(struct log_line *line, enum log_level level, const char *event);

/**
 * These append a field. Keys are constants of the program, [a-z_]+. A NULL value appends nothing.
 */
void log_str(struct log_line *line, const char *key, const char *value);
void log_bytes(struct log_line *line, const char *key, const void *bytes, size_t len);
void log_u64(struct log_line *line, const char *key, uint64_t value);
void log_i64(struct log_line *line, const char *key, int64_t value);
/** Nanoseconds, as milliseconds with three decimals: "12.345". */
void log_ms(struct log_line *line, const char *key, uint64_t ns);
/**
 * errno=NAME error="text" for a negative errno; only errno=-3008 if libc has no name for it
 * (UV_EAI_*).
 */
void log_errno(struct log_line *line, int err);

/** Ends the line and queues it. */
void log_end(struct log_line *line);

#endif
