/* SPDX-License-Identifier: ISC */
/*
 * Places for pairs, and the listeners that wait for one.
 *
 * A pair has two places: one under the limit of its listener, and one under that of all pairs. Both
 * are taken before its connection is accepted (places_admit()) and given back when it has ended
 * (places_leave()), maybe on another worker's thread.
 *
 * A listener that is refused waits on its worker's list (waiting_add()). A thread that makes room,
 * by leaving or by raising a maximum, wakes the lists of all workers if the limit has a note that a
 * listener waits (limit.h): it posts a task to each worker, which looks at the listeners that wait
 * there, beginning with the one that has waited longest.
 */
#ifndef WEIR_PROXY_PLACES_H
#define WEIR_PROXY_PLACES_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/list.h"
#include "proxy/limit.h"
#include "stream/loop.h"

struct places;

/** Who waits for a place; its worker's thread. */
struct waiter {
	struct list link; /**< struct waiting::waiters or ::retrying, or none */
	/** The limit of its listener, which it may change while it waits; see waiting_look(). */
	struct limit *own;
	/** There may be a place: places_admit() may be asked again. It waits no longer. */
	void (*resume)(struct waiter *waiter);
};

/** Those of one worker. */
struct waiting {
	struct places *places;
	struct loop *loop;
	struct list waiters;  /* struct waiter::link */
	struct list retrying; /* struct waiter::link: to be looked at again, soon */
	struct task wake;     /**< posted by whoever makes room */
	struct task retry;    /**< the next slice of `retrying` */
	atomic_bool is_woken; /**< `wake` is on its way */
};

struct places {
	struct limit pairs;      /**< of all listeners together */
	struct waiting *waiting; /**< one for each worker */
	size_t n_workers;
};

/** So many workers, nobody waits; the limit of all pairs stays as it is. 0 or -ENOMEM. */
int places_init(struct places *places, size_t n_workers);

/** All workers' waiting must be closed. Fine on zeroed memory. */
void places_fini(struct places *places);

/**
 * Takes a place under the listener's own limit and under that of all pairs, and returns NULL; or
 * the limit that is full: then none is taken, and whoever asks has to wait. Any thread.
 */
struct limit *places_admit(struct places *places, struct limit *own);

/** Gives both back, and wakes those who wait for one. Any thread. */
void places_leave(struct places *places, struct limit *own);

/** Pairs may begin, where their limit was closed until all is in place; the start's last step. */
void places_open(struct places *places);

/** There may be room: after a limit_set() or limit_open() that said so. Any thread. */
void places_wake(struct places *places);

/** The list of a worker, on its thread. */
struct waiting *waiting_open(struct places *places, size_t worker, struct loop *loop);

/** Nobody may be on it. */
void waiting_close(struct waiting *waiting);

/** Was not admitted: is resumed when it may be. */
void waiting_add(struct waiting *waiting, struct waiter *waiter);

/** Some that wait have another limit now: looks whether there is room. */
void waiting_look(struct waiting *waiting);

/** A waiter that waits for nothing. */
static inline void waiter_init(
	struct waiter *waiter, struct limit *own, void (*resume)(struct waiter *waiter))
{
	*waiter = (struct waiter){.own = own, .resume = resume};
	list_init(&waiter->link);
}

/** Waits no longer, if it does. */
static inline void waiter_remove(struct waiter *waiter)
{
	list_remove(&waiter->link);
}

#endif
