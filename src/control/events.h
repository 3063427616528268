/* SPDX-License-Identifier: ISC */
/*
 * GET /v1/events: what happens, as it happens, as server-sent events. Each line of the log is one,
 * and once a second the state of weir is one. Private to events*.c.
 *
 *	log thread ─▶ log/follow.h ─▶ events_record.c: frames ─┐ events.c: a round, one follower
 *	a second  ─▶ events_stats.c, in slices: a frame ───────┴──▶ after the other
 *
 * Nobody waits for a follower. While one does not read, the events for it are counted, and it is
 * told the number when it reads again; of the states of weir it gets only the newest. While nobody
 * follows nothing here runs, and no line is built for it.
 */
#ifndef WEIR_CONTROL_EVENTS_H
#define WEIR_CONTROL_EVENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"
#include "stream/loop.h"
#include "stream/timer.h"

struct control;
struct events_stats;
struct log_record;

enum {
	EVENTS_LINES = 16,   /**< that become frames in one round */
	EVENTS_QUIET_S = 10, /**< without a byte; then a comment keeps the connection */
};

/** An event as it is sent, and what it is chosen by. */
struct events_frame {
	char *text; /**< malloc'd; NULL: none */
	size_t n;
	char *event;    /**< malloc'd; NULL of "stats" */
	char *listener; /**< malloc'd; NULL: it has none */
};

/** There while somebody follows. */
struct events {
	struct control *control;
	struct list followers;
	struct list unserved; /**< of them: those who are to get the frames of this round */
	struct events_frame frames[EVENTS_LINES + 1];
	size_t n_frames;
	uint64_t met; /**< the number of the last line */
	struct task woken;
	atomic_bool posted;
	struct task slice;
	struct timer tick;
	uint64_t due_ns;            /**< of the tick */
	struct events_stats *stats; /**< being gathered; NULL: none */
	char *stats_text;           /**< the last one, and whether it is to be sent */
	bool has_stats;
	bool has_ended; /**< the last line of all has come */
};

/* ---- events_record.c ---- */

enum { EVENTS_TIME_MAX = 32 };

/** A time of CLOCK_REALTIME as the log has it. */
const char *events_time(uint64_t time_ns, char text[EVENTS_TIME_MAX]);
uint64_t events_now_ns(void);

/** A line as a frame with this number; false: no memory. */
bool events_record_frame(const struct log_record *record, const char *text, time_t opened_at,
	uint64_t number, struct events_frame *ret_frame);

void events_frame_free(struct events_frame *frame);

/* ---- events_stats.c ---- */

/**
 * Gathers how weir is, and calls done() with a frame, which it takes, or with NULL for lack of
 * memory; not from inside. NULL: no memory.
 */
struct events_stats *events_stats_new(struct control *control, uint64_t delay_ns,
	void (*done)(struct control *control, char *text));

/** NULL is fine; returns NULL. */
struct events_stats *events_stats_free(struct events_stats *stats);

#endif
