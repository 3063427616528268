/* SPDX-License-Identifier: ISC */
/*
 * A follower reads the log as it is written: it gets each line that the log thread takes out of the
 * queues, in that order. Nobody waits for it: lines are copied into a ring of LOG_QUEUE_BYTES, and
 * lines that do not fit are counted. While nobody follows, a line costs the log thread one counter
 * and one lock that nobody else holds, and other threads nothing.
 *
 *	log_follow() ── wake() ──▶ log_follow_take(), until there is none ── wake() ──▶ ...
 *	log_unfollow()
 *
 * While somebody follows, all lines of levels error, warn and info are built, whatever the level of
 * the log. Lines above the log's level are not written; only the follower gets them
 * (log_record::is_wanted).
 */
#ifndef WEIR_LOG_FOLLOW_H
#define WEIR_LOG_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "log/level.h"
#include "log/queue.h"

/**
 * Begins to follow. `wake(owner)` tells that there may be lines. It is called on the log thread, at
 * most twice in each of its rounds, must not block, and must not call functions of this header.
 * *ret_met: how many lines the log has handled since the start; all later ones can be taken. 0 or
 * -ENOMEM. There is one follower; only its thread calls the functions here, except those of the log
 * itself.
 */
int log_follow(void (*wake)(void *owner), void *owner, uint64_t *ret_met);

/** Ends following. When it returns, wake() is not called any more. Idempotent. */
void log_unfollow(void);

/**
 * Takes the next line; false: there is none now. Its time, its level and the length of its text are
 * in *ret_record; the text has only the fields, as log_line::text, without a newline or a NUL.
 */
bool log_follow_take(struct log_record *ret_record, char ret_text[LOG_LINE_MAX]);

/** How many lines found no room since the last call. */
uint64_t log_follow_take_dropped(void);

/* ---- for the log itself ---- */

/** Whether somebody follows. Any thread. */
bool log_is_followed(void);

/** Called by the log thread for each line, and after each round of lines. */
void log_follow_hand(const struct log_record *record, const char *text);
void log_follow_wake(void);

#endif
