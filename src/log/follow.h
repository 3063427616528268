/* SPDX-License-Identifier: ISC */
/*
 * One who reads along: each line that the log thread takes out of the queues is handed on to him,
 * while he follows, in the order in which it is written. Nobody waits for him: the lines are copied
 * into a ring of LOG_QUEUE_BYTES, and what does not fit is counted. While nobody follows this costs
 * the log thread a number per line, and everybody else nothing.
 *
 *	log_follow() ── wake() ──▶ log_follow_take(), until there is none ── wake() ──▶ ...
 *	log_unfollow()
 *
 * Lines of LOG_LEVEL_INFO and above are built for him whatever the level of the log is; those that
 * the log does not want are not written, but he gets them (log_record::is_wanted).
 */
#ifndef WEIR_LOG_FOLLOW_H
#define WEIR_LOG_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "log/level.h"
#include "log/queue.h"

/**
 * Begins. `wake(owner)` says that there may be lines: on the log thread, at most once for each of
 * its rounds; it must not block, and not come back here. *ret_met: how many lines the log has met
 * since the start; all that come now are to be taken. 0 or -ENOMEM. One thread follows, and calls
 * all that is here but for what is the log's own.
 */
int log_follow(void (*wake)(void *owner), void *owner, uint64_t *ret_met);

/** wake() is not called any more when it returns. Idempotent. */
void log_unfollow(void);

/** The next line, without an end; false: there is none now. */
bool log_follow_take(struct log_record *ret_record, char ret_text[LOG_LINE_MAX]);

/** Lines that found no room since the last call. */
uint64_t log_follow_take_dropped(void);

/* ---- of the log itself ---- */

/** Whether somebody follows. Any thread. */
bool log_is_followed(void);

/** The log thread has met a line, and a round of lines. */
void log_follow_hand(const struct log_record *record, const char *text);
void log_follow_wake(void);

#endif
