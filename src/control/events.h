/* SPDX-License-Identifier: ISC */
/*
 * GET /v1/events: server-sent events. There is one for each line of the log. Every second there is
 * also one with the state of weir ("stats"). A client of this path is called a follower. Private to
 * events*.c.
 *
 *	log thread ──▶ log/follow.h ─▶ events_record.c: frames ─┐ events.c: sends a round of
 *	every second ─▶ events_stats.c, in slices: a frame ─────┴─▶ frames to each follower
 *
 * A slow follower delays nothing. While it does not read, the events for it are dropped and
 * counted, and it gets their number when it reads again. Stats are dropped without being counted.
 * While there are no followers, no code here runs, and no log line is built for them.
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
	EVENTS_LINES = 16,   /**< log lines that become frames in one round */
	EVENTS_QUIET_S = 10, /**< after this time without a byte a comment is sent */
};

/** An event in the form in which it is sent, and the fields by which followers filter. */
struct events_frame {
	char *text; /**< malloc'd; NULL: none */
	size_t n;
	char *event;    /**< malloc'd; NULL for "stats" */
	char *listener; /**< malloc'd; NULL: it has none */
};

/** Exists while there are followers. */
struct events {
	struct control *control;
	struct list followers;
	struct list unserved; /**< the followers that have not yet got the frames of this round */
	struct events_frame frames[EVENTS_LINES + 1];
	size_t n_frames;
	uint64_t met; /**< the number of the last log line that was read */
	struct task woken;
	atomic_bool posted;
	struct task slice;
	struct timer tick;
	uint64_t due_ns;            /**< when the next tick is due */
	struct events_stats *stats; /**< the stats that are being gathered; NULL: none */
	char *stats_text;           /**< the newest stats; has_stats: they are still to be sent */
	bool has_stats;
	bool has_ended; /**< the last line of the log was read */
};

/* ---- events_record.c ---- */

enum { EVENTS_TIME_MAX = 32 };

/** A time of CLOCK_REALTIME in the format of the log. Returns `text`. */
const char *events_time(uint64_t time_ns, char text[EVENTS_TIME_MAX]);
uint64_t events_now_ns(void);

/** Makes a frame from a log line; control::opened_at and `number` are its id. False: no memory. */
bool events_record_frame(const struct log_record *record, const char *text, time_t opened_at,
	uint64_t number, struct events_frame *ret_frame);

void events_frame_free(struct events_frame *frame);

/* ---- events_stats.c ---- */

/**
 * Gathers the stats, with `delay_ns` (how late the tick was), frees the struct, and then calls
 * done() with the text of a frame, malloc'd, which done() takes, or with NULL if there is no
 * memory. Never calls it from inside this function. NULL: no memory.
 */
struct events_stats *events_stats_new(struct control *control, uint64_t delay_ns,
	void (*done)(struct control *control, char *text));

/** Gives the stats up: done() is not called any more. NULL is fine; returns NULL. */
struct events_stats *events_stats_free(struct events_stats *stats);

#endif
