/* SPDX-License-Identifier: ISC */
/*
 * Where log lines go: to the log thread by a queue, or straight to the fd. Private to
 * src/base/log*.c.
 */
#ifndef WEIR_LOG_SINK_H
#define WEIR_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_queue;
struct log_record;

/** The line that tells of so many dropped lines, as the text of a record, and its length. Any
 * thread. */
typedef size_t log_sink_dropped_text(uint64_t lines, char text[]);

/** Whether the log thread runs. */
bool log_sink_is_open(void);

/** What log_open(), log_settle() and log_close() do, but for the caller's own queue (log.h). */
int log_sink_open(int fd, log_sink_dropped_text *dropped_text);
void log_sink_settle(void);
bool log_sink_close(uint64_t budget_ns);

/** Hands a queue over; the log thread frees it once it is closed and empty. Takes `queue`. */
void log_sink_add(struct log_queue *queue);

/** Tells the log thread that a queue wants it. A load and no more, unless it sleeps. */
void log_sink_wake(void);

/** Counts a line that had no queue to go to. */
void log_sink_drop(void);

/** How many lines were lost, as log_dropped(). */
uint64_t log_sink_dropped(void);

/** Writes a line at once, on the calling thread, which may block. `text` begins with a blank. */
void log_sink_write(const struct log_record *record, const char *text);

#endif
