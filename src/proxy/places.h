/* SPDX-License-Identifier: ISC */
/*
 * Places for pairs under the limits, and the listeners that wait for a place.
 *
 * A pair has two places: one under the limit of its listener, and one under that of all pairs. Both
 * are taken before the client's connection is accepted (places_admit()), and given back when the
 * session has ended (places_leave()), possibly on another worker's thread.
 *
 * A listener that gets no place is put on its worker's list (waiting_add()). A thread that makes
 * room, by giving a place back or by raising a maximum, reads whether a listener waits for that
 * limit (limit::waited). If so, it posts a task to each worker. The task looks at the listeners on
 * the worker's list, beginning with the one that has waited longest.
 */
#ifndef WEIR_PROXY_PLACES_H
#define WEIR_PROXY_PLACES_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/list.h"
#include "proxy/limit.h"
#include "stream/loop.h"

struct places;

/** An object that waits for a place. Used only on its worker's thread. */
struct waiter {
	struct list link; /**< struct waiting::waiters or ::retrying, or on no list */
	/** The limit of its listener. Its owner may change it during the wait: see
	 * waiting_look(). */
	struct limit *own;
	/** Called when there may be a place, so that places_admit() is worth another call. The
	 * waiter has been removed from the list. */
	void (*resume)(struct waiter *waiter);
};

/** The waiters of one worker. */
struct waiting {
	struct places *places;
	struct loop *loop;
	struct list waiters;  /* struct waiter::link */
	struct list retrying; /* struct waiter::link: to be looked at again soon */
	struct task wake;     /**< posted by the thread that makes room */
	struct task retry;    /**< the next slice of `retrying` */
	atomic_bool is_woken; /**< `wake` is posted and has not begun */
};

struct places {
	struct limit pairs;      /**< the limit for all listeners together */
	struct waiting *waiting; /**< one for each worker */
	size_t n_workers;
};

/** Sets it up for this number of workers, without waiters. Does not change the limit of all pairs.
 * 0 or -ENOMEM. */
int places_init(struct places *places, size_t n_workers);

/** The lists of all workers must have been closed. Also on zeroed memory. */
void places_fini(struct places *places);

/**
 * Takes a place under the listener's own limit and one under that of all pairs. NULL: both are
 * taken. Otherwise returns the limit that is full: no place is taken, and the caller has to wait.
 * Any thread.
 */
struct limit *places_admit(struct places *places, struct limit *own);

/** Gives both places back, and wakes those that wait for one. Any thread. */
void places_leave(struct places *places, struct limit *own);

/** Opens the limit of all pairs, which was closed until everything was set up: the last step of a
 * start. */
void places_open(struct places *places);

/** Wakes those that wait, after limit_set() or limit_open() has returned that there is room. Any
 * thread. */
void places_wake(struct places *places);

/** Opens the list of a worker, on that worker's thread. Cannot fail. */
struct waiting *waiting_open(struct places *places, size_t worker, struct loop *loop);

/** Closes the list, which must be empty. */
void waiting_close(struct waiting *waiting);

/** Adds a waiter that got no place. resume() is called when there may be one. */
void waiting_add(struct waiting *waiting, struct waiter *waiter);

/** Looks whether there is room, after the `own` limit of some waiters was changed. */
void waiting_look(struct waiting *waiting);

/** Sets up a waiter that is not waiting. */
static inline void waiter_init(
	struct waiter *waiter, struct limit *own, void (*resume)(struct waiter *waiter))
{
	*waiter = (struct waiter){.own = own, .resume = resume};
	list_init(&waiter->link);
}

/** Ends the wait. Harmless if it is not waiting. */
static inline void waiter_remove(struct waiter *waiter)
{
	list_remove(&waiter->link);
}

#endif
