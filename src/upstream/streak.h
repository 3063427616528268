/* SPDX-License-Identifier: ISC */
/*
 * Streaks: how many failures in a row each server has, over all workers together. If a server has
 * enough of them within a time, the main thread decides whether it is ejected (eject.h).
 *
 *	worker:	streak_add() ── it is full ──▶ streaks_tell() ──▶ a post to the main thread's loop
 *	worker:	streak_clear(), when the server has answered: the count starts again from 0
 *	main:	streaks_take(), decides, streak_listen() for each
 *
 * The count is exact. One lock puts the failures and answers of all workers into one order. Workers
 * hold it for a few dozen instructions and a look at the clock; nobody holds it while memory is
 * allocated. The times of the last failures are kept, so that "3 within 10 s" means any three in a
 * row. A worker takes the lock only for a failure, which has cost a connection, and for an answer
 * while there is something to clear. A usual answer costs one atomic load.
 *
 * A full streak starts again from 0, whatever is decided. It is not reported again before the main
 * thread has handled the first report.
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
	struct list full;   /* struct streak::link: full, not handled yet */
	bool is_posted;     /**< `taker` was posted and has not run */
	struct loop *loop;  /**< the main thread's; NULL: nothing is counted */
	struct task *taker; /**< borrowed */
};

/** The streak of one server. Zeroed: it counts nothing. All but `n` is under the lock. */
struct streak {
	_Atomic uint32_t n; /**< failures in a row, at most `room` */
	uint32_t needed;    /**< failures that make it full; 0: nothing is counted */
	uint64_t within_ns;
	uint64_t *times; /**< of the last failures: a ring */
	uint32_t room;
	uint32_t next;    /**< the index of the next entry */
	bool is_told;     /**< it was reported, and streak_listen() is still to come */
	struct list link; /**< struct streaks::full */
};

void streaks_init(struct streaks *streaks);

/**
 * Starts: full streaks post `taker` to the main thread's loop. The main thread, while no worker
 * runs.
 */
void streaks_open(struct streaks *streaks, struct loop *loop, struct task *taker);

/**
 * Undoes streaks_open(), and takes back a post that has not run. Nobody may count from now on. The
 * main thread.
 */
void streaks_close(struct streaks *streaks);

/** Moves the full streaks into *ret_full, which must be an initialised list. The main thread. */
void streaks_take(struct streaks *streaks, struct list *ret_full);

/** Allocates room for `needed` failures. 0 or -ENOMEM. The main thread. */
int streak_reserve(struct streaks *streaks, struct streak *streak, uint32_t needed);

/**
 * Sets what makes the streak full from now on: `needed` failures in a row, the last at most
 * `within_ns` after the first. There must be room for them. 0: nothing is counted. The main thread.
 */
void streak_set(
	struct streaks *streaks, struct streak *streak, uint32_t needed, uint64_t within_ns);

/** The main thread has handled the report: the streak may be reported again. The main thread. */
void streak_listen(struct streaks *streaks, struct streak *streak);

/** Frees its memory. Nobody may use it any more. */
void streak_fini(struct streak *streak);

/**
 * Counts a failure, now. True: the streak is full, and this caller must call streaks_tell(). Any
 * thread.
 */
bool streak_add(struct streaks *streaks, struct streak *streak);

/**
 * Reports it to the main thread. All data that the main thread needs must have been written before.
 * Any thread.
 */
void streaks_tell(struct streaks *streaks, struct streak *streak);

void streak_clear_some(struct streaks *streaks, struct streak *streak);

/** The server has answered: sets the count to 0. Any thread. */
static inline void streak_clear(struct streaks *streaks, struct streak *streak)
{
	if (atomic_load(&streak->n) != 0) {
		streak_clear_some(streaks, streak);
	}
}

#endif
