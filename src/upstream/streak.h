/* SPDX-License-Identifier: ISC */
/*
 * Streaks: how many failures in a row each server has, over all workers together. When a server
 * has so many within a time, the main thread decides what becomes of it (eject.h).
 *
 *	worker:	streak_add() ── it is full ──▶ streaks_tell() ──▶ a post to the main thread's loop
 *	worker:	streak_clear(), when the server has answered: the count begins anew at that moment
 *	main:	streaks_take(), decides, streak_listen() to each
 *
 * The count is exact: one lock, held for a few dozen instructions and never across a call, puts the
 * failures and answers of all workers into one order, and the times of the last failures are kept,
 * so that "3 within 10 s" means any three in a row. Only failures take it, each of which has cost a
 * connection, and answers while there is something to clear: the usual answer is one load.
 *
 * A streak that is full begins anew, whatever is decided. While the main thread has not heard of it
 * yet, it is not told again.
 */
#ifndef WEIR_UPSTREAM_STREAK_H
#define WEIR_UPSTREAM_STREAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct loop;
struct task;

/** The streaks of all servers. */
struct streaks {
	pthread_mutex_t lock;
	struct list full;   /* struct streak::link: to be taken */
	bool is_posted;     /**< `taker` is on its way */
	struct loop *loop;  /**< the main thread's; NULL: nobody takes, and nothing is counted */
	struct task *taker; /**< borrowed */
};

/** The streak of one server. Zeroed: it counts nothing. All but `n` is under the lock. */
struct streak {
	_Atomic uint32_t n; /**< failures in a row, at most `room` */
	uint32_t needed;    /**< to be full; 0: nothing is counted */
	uint64_t within_ns;
	uint64_t *times; /**< of the last ones: a ring */
	uint32_t room;
	uint32_t next;    /**< where the next one goes */
	bool is_told;     /**< it was full, and streak_listen() is to come */
	struct list link; /**< struct streaks::full */
};

void streaks_init(struct streaks *streaks);

/** From now on full streaks are taken by `taker`, a task that is posted to the main thread's loop.
 * The main thread, while no worker runs. */
void streaks_open(struct streaks *streaks, struct loop *loop, struct task *taker);

/** Ends that: takes back a post that is under way. Nobody may count meanwhile, or afterwards. The
 * main thread. */
void streaks_close(struct streaks *streaks);

/** Moves those that are full and were told to an initialised list. The main thread. */
void streaks_take(struct streaks *streaks, struct list *ret_full);

/** Room for `needed` failures. 0 or -ENOMEM. The main thread. */
int streak_reserve(struct streaks *streaks, struct streak *streak, uint32_t needed);

/**
 * What makes it full from now on: `needed` failures in a row, for which there is room, of which the
 * last is at most `within_ns` after the first. 0: nothing does, and nothing is counted. The main
 * thread.
 */
void streak_set(
	struct streaks *streaks, struct streak *streak, uint32_t needed, uint64_t within_ns);

/** It was taken: it may be told again. The main thread. */
void streak_listen(struct streaks *streaks, struct streak *streak);

/** Nobody may use it any more. */
void streak_fini(struct streak *streak);

/** Counts one more failure, now. True: the streak is full, and this caller must tell. Any
 * thread. */
bool streak_add(struct streaks *streaks, struct streak *streak);

/** Tells the main thread. What it needs to know must be there by now. Any thread. */
void streaks_tell(struct streaks *streaks, struct streak *streak);

void streak_clear_some(struct streaks *streaks, struct streak *streak);

/** Ends the row of failures. Any thread. */
static inline void streak_clear(struct streaks *streaks, struct streak *streak)
{
	if (atomic_load(&streak->n) != 0) {
		streak_clear_some(streaks, streak);
	}
}

#endif
