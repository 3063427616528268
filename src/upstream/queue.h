/* SPDX-License-Identifier: ISC */
/*
 * The queue of a group. Requests wait here while every usable server that they have not tried is
 * full, or while DNS has found none yet. There is one queue for all workers, in the order of
 * arrival.
 *
 *	a new request		queue_enter(): looks for a place once more, then waits
 *	a place is given back	server_give(), queue_serve(): the waiters look for a place
 *	a new set		queue_change(), on the main thread: the waiters look for a place
 *
 * "The waiters look for a place" means: in their order, each is matched with the servers that it
 * has not tried. A waiter that has an answer gets it by a post to its loop.
 *
 * There is one lock. It is taken for each new set, by a request that begins to wait or gives up,
 * and, while somebody waits, by each thread that gives a place back. A new waiter first sets
 * n_waiting and then looks at the servers a last time. A thread that gives a place back does so
 * first and then reads n_waiting. All of this is sequentially consistent, so at least one of the
 * two sees the other, and nobody waits for ever while a place is free.
 *
 * A thread that looks on behalf of the waiters takes a free place under the lock, for the first
 * waiter on the list that has not tried that server, and the place stays taken until that waiter
 * gets its answer. Only a place that a waiter finds in its own plan (group_ask::is_own) is for that
 * waiter itself. While somebody waits, every look is under the lock, so a later waiter never takes
 * a place that was freed for an earlier one. Private to upstream/, except struct group_waiter,
 * group_waiter_init(), and the atomic numbers, which any thread may read.
 */
#ifndef WEIR_UPSTREAM_QUEUE_H
#define WEIR_UPSTREAM_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "stream/loop.h"
#include "upstream/ask.h"

struct group_set;

struct group_queue {
	_Atomic uint32_t n_waiting; /**< on the list or about to be; written under the lock */
	_Atomic uint64_t n_waited;  /**< how many requests have ever waited */
	_Atomic uint64_t n_full;    /**< how many were ever refused because too many waited */
	_Atomic uint64_t n_late;    /**< how many have ever waited until timeouts.queue was over */
	pthread_mutex_t lock;
	/* Under the lock: */
	struct list waiters;         /* struct group_waiter::link, the first to come first */
	const struct group_set *set; /**< in force; borrowed */
	uint32_t max;                /**< a request that finds this many waiting does not wait */
};

/** An entry of the queue: a request that may have to wait, embedded in its owner. */
struct group_waiter {
	struct group_ask ask;
	struct loop *loop; /**< the loop of its owner */
	/** Called once by the loop, with the answer after GROUP_FULL: the waiter waits no longer,
	 * and may be freed. `member` is that of GROUP_SERVER, as from group_next(); else NULL. */
	void (*told)(struct group_waiter *waiter, enum group_answer said, struct member *member);
	struct list link; /**< struct group_queue::waiters */
	struct task task; /**< posted to deliver the answer */
	/* The answer, delivered or to be delivered: */
	enum group_answer said;
	struct member *member;
	bool is_entering; /**< it is in queue_enter(): the answer is returned, not posted */
};

/** Makes an empty queue without a set. Cannot fail. */
void queue_init(struct group_queue *queue);

/** Destroys the queue; nobody may be waiting. */
void queue_fini(struct group_queue *queue);

/** Whether nobody waits or is about to wait. Any thread. */
static inline bool queue_is_empty(const struct group_queue *queue)
{
	return atomic_load(&queue->n_waiting) == 0;
}

/**
 * Puts this set in force, which is borrowed, and sets the maximum of waiters. Then all waiters look
 * for a place. After the return the queue does not use the earlier set any more; readers of the
 * group (readers.h) may. The main thread.
 */
void queue_change(struct group_queue *queue, const struct group_set *set, uint32_t max);

/**
 * Returns an answer as group_next() does, or GROUP_QUEUE_FULL. After GROUP_FULL the request waits
 * and gets the answer later; all that its ask points to must stay until then. On its loop's thread.
 */
enum group_answer queue_enter(
	struct group_queue *queue, struct group_waiter *waiter, struct member **ret_member);

/**
 * Removes the waiter if it waits; told() is not called. If it has an answer with a place that was
 * not delivered yet, the place goes to the next waiter. On its loop's thread.
 */
void queue_leave(struct group_queue *queue, struct group_waiter *waiter);

/** A place was given back: gives it to the first waiter that can use it. Any thread. */
void queue_serve(struct group_queue *queue);

/** Initialises a waiter that does not wait yet. */
void group_waiter_init(struct group_waiter *waiter, struct loop *loop,
	void (*told)(struct group_waiter *waiter, enum group_answer said, struct member *member));

#endif
