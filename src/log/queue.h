/* SPDX-License-Identifier: ISC */
/*
 * A queue of log lines from one thread to the log thread: a ring of bytes, no lock. (follow.h has
 * one from the log thread to who follows it.)
 *
 * The thread that owns the queue pushes and closes; the log thread takes, and frees it once it is
 * closed and empty. A line that does not fit is not queued but counted, and the owner goes on.
 * Private to src/base/log*.c.
 */
#ifndef WEIR_LOG_QUEUE_H
#define WEIR_LOG_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum {
	LOG_QUEUE_BYTES = 256 * 1024, /**< of one thread; a power of two */
	LOG_QUEUE_APART = 64,         /**< keeps what two threads write on two cache lines */
};

/** What goes before each line's text in the ring. */
struct log_record {
	uint64_t time_ns; /**< CLOCK_REALTIME: when the line was ended */
	uint16_t level;   /**< enum log_level */
	bool is_wanted;   /**< for the log, and not only for who follows it */
	uint32_t len;     /**< of the text, at most LOG_LINE_MAX */
};

struct log_queue {
	struct list link;      /**< the log thread's */
	atomic_size_t taken;   /**< bytes ever taken; written by the log thread */
	uint64_t dropped_seen; /**< of `dropped`: what the log thread has counted */
	size_t round_end;      /**< how far the log thread goes in this round */
	bool ending;           /**< closed before this round: nothing follows */
	char apart[LOG_QUEUE_APART];
	atomic_size_t pushed;         /**< bytes ever pushed; written by the owner */
	atomic_uint_fast64_t dropped; /**< lines ever dropped; written by the owner */
	atomic_bool closed;           /**< the owner will not touch the queue again */
	char bytes[LOG_QUEUE_BYTES];
};

/** An empty queue, or NULL. The bytes are not touched before they are used. */
struct log_queue *log_queue_new(void);
/** Any thread, but the last one that uses the queue. Returns NULL. */
struct log_queue *log_queue_free(struct log_queue *queue);

/** Queues a line, or counts it as dropped: false. The owner only. */
bool log_queue_push(struct log_queue *queue, const struct log_record *record, const char *text);

/** Where the queue ends now; the log thread takes up to there, however fast lines come in. */
size_t log_queue_end(const struct log_queue *queue);

/** The next line's record; false at `end`. The log thread only, as all below. */
bool log_queue_peek(const struct log_queue *queue, size_t end, struct log_record *ret_record);
/** Copies the text of the line just peeked, record->len bytes, and gives its room back. */
void log_queue_take(struct log_queue *queue, const struct log_record *record, char *text);
/** Lines dropped since the last call. */
uint64_t log_queue_take_dropped(struct log_queue *queue);
/** Whether there is anything to do: a line, a dropped one, the end. */
bool log_queue_wants(const struct log_queue *queue);

#endif
