/* SPDX-License-Identifier: ISC */
/*
 * Brings log lines to their destination: by a queue to the log thread, or directly to the fd.
 * Private to src/log/.
 */
#ifndef WEIR_LOG_SINK_H
#define WEIR_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_queue;
struct log_record;

/** Writes the text of a line that reports so many dropped lines; returns its length. Any thread. */
typedef size_t log_sink_dropped_text(uint64_t lines, char text[]);

/** Whether the log thread is running. */
bool log_sink_is_open(void);

/**
 * Do what log_open(), log_settle() and log_close() do, except for the caller's own queue (log.h).
 */
int log_sink_open(int fd, log_sink_dropped_text *dropped_text);
void log_sink_settle(void);
bool log_sink_close(uint64_t budget_ns);

/** Takes `queue`; the log thread frees it once it is closed and empty. */
void log_sink_add(struct log_queue *queue);

/** Tells the log thread that a queue has work. Costs one atomic load, unless the thread sleeps. */
void log_sink_wake(void);

/** Counts a line whose thread has no queue. */
void log_sink_drop(void);

/** How many lines were lost: log_dropped(). */
uint64_t log_sink_dropped(void);

/** Writes a line at once on the calling thread, which may block. `text` begins with a blank. */
void log_sink_write(const struct log_record *record, const char *text);

#endif
