/* SPDX-License-Identifier: ISC */
/*
 * A queue of log lines from one thread to the log thread: a ring of bytes, without a lock.
 *
 * Its owner, a thread, pushes and closes; the log thread takes, and frees the queue when it is
 * closed and empty. A line that does not fit is counted, and the owner goes on. Private to
 * src/log/.
 *
 * follow.c has such a queue from the log thread to the follower. There the log thread is the owner,
 * and the follower does what is said below of the log thread.
 */
#ifndef WEIR_LOG_QUEUE_H
#define WEIR_LOG_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum {
	LOG_QUEUE_BYTES = 256 * 1024, /**< one thread's queue; a power of two */
	LOG_QUEUE_APART = 64,         /**< puts data of the two threads on different cache lines */
};

/** Precedes the text of each line in the ring. */
struct log_record {
	uint64_t time_ns; /**< CLOCK_REALTIME at the end of the line */
	uint16_t level;   /**< enum log_level */
	bool is_wanted;   /**< for the log; false: only for a follower */
	uint32_t len;     /**< of the text, at most LOG_LINE_MAX */
};

struct log_queue {
	struct list link;      /**< for the log thread */
	atomic_size_t taken;   /**< bytes ever taken; written by the log thread */
	uint64_t dropped_seen; /**< how much of `dropped` the log thread has counted */
	size_t round_end;      /**< where the log thread stops in this round */
	bool ending;           /**< closed before this round: nothing follows */
	char apart[LOG_QUEUE_APART];
	atomic_size_t pushed;         /**< bytes ever pushed; written by the owner */
	atomic_uint_fast64_t dropped; /**< lines ever dropped; written by the owner */
	atomic_bool closed;           /**< the owner does not touch the queue any more */
	char bytes[LOG_QUEUE_BYTES];
};

/** An empty queue; NULL: no memory. Its pages are not touched before they are used. */
struct log_queue *log_queue_new(void);
/** Frees. On any thread, as the last user of the queue. Returns NULL. */
struct log_queue *log_queue_free(struct log_queue *queue);

/** Queues a line. False: it was dropped and counted. The owner only. */
bool log_queue_push(struct log_queue *queue, const struct log_record *record, const char *text);

/** The present end of the queue; the log thread takes up to there, however fast lines come in. */
size_t log_queue_end(const struct log_queue *queue);

/** Reads the next line's record; false at `end`. The log thread only, as all functions below. */
bool log_queue_peek(const struct log_queue *queue, size_t end, struct log_record *ret_record);
/** Copies the text of the line just peeked, record->len bytes, and frees its room. */
void log_queue_take(struct log_queue *queue, const struct log_record *record, char *text);
/** Lines dropped since the last call. */
uint64_t log_queue_take_dropped(struct log_queue *queue);
/** Whether there is anything to do: a line, a dropped line, or the end. */
bool log_queue_wants(const struct log_queue *queue);

#endif
