/* SPDX-License-Identifier: ISC */
/*
 * The queue of a group: asks wait here while each usable server that they have not tried is full,
 * or while none was found yet. There is one for all workers, in the order of arrival.
 *
 *	who comes		queue_enter(): a last look, and it waits if there is no place
 *	who leaves a server	server_give(), queue_serve(): those who wait look
 *	the main thread		queue_change(), to another set: those who wait look
 *
 * They look in their order, and a waiter that has an answer gets it by a post to its loop.
 *
 * There is one lock, which is taken only while somebody waits or comes to wait. A waiter that comes
 * notes that (n_waiting) before its last look at the servers; a thread that gives a place back
 * looks at the note afterwards. All of it is sequentially consistent, so one of the two sees the
 * other: nobody waits for ever beside a free place.
 *
 * A thread that looks takes the place under the lock, for the first waiter on the list that has not
 * tried that server, and the place stays taken until that waiter gets its answer. While somebody
 * waits, every look is under the lock, so a waiter that comes later never takes a place that is
 * freed. Private to upstream/, except struct group_waiter.
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
	_Atomic uint32_t n_waiting; /**< on the list, or about to be; written under the lock */
	_Atomic uint64_t n_waited;  /**< how many have ever waited */
	_Atomic uint64_t n_full;    /**< how many have ever found too many waiting */
	_Atomic uint64_t n_late;    /**< how many have ever waited too long */
	pthread_mutex_t lock;
	/* under the lock: */
	struct list waiters;         /* struct group_waiter::link, the first to come first */
	const struct group_set *set; /**< in force; borrowed */
	uint32_t max;                /**< an ask that finds so many waiting does not wait */
};

/** An entry of the queue: an ask that may have to wait; embedded in its owner. */
struct group_waiter {
	struct group_ask ask;
	struct loop *loop; /**< its own */
	/** The answer after GROUP_FULL; `member` is set as by group_next(). It waits no longer. */
	void (*told)(struct group_waiter *waiter, enum group_answer said, struct member *member);
	struct list link; /**< struct group_queue::waiters */
	struct task task; /**< posted when it is to be told */
	/* What it is told, or is to be: */
	enum group_answer said;
	struct member *member;
	bool is_entering; /**< it is in queue_enter(): no post tells it */
};

/** Empty, without a set. Cannot fail. */
void queue_init(struct group_queue *queue);

/** Nobody may wait. */
void queue_fini(struct group_queue *queue);

/** Whether nobody waits, or is about to. Any thread. */
static inline bool queue_is_empty(const struct group_queue *queue)
{
	return atomic_load(&queue->n_waiting) == 0;
}

/**
 * Puts this set in force, which it borrows, and lets at most `max` wait. Then all waiters look.
 * When it returns, nobody looks at the earlier set any more. The main thread.
 */
void queue_change(struct group_queue *queue, const struct group_set *set, uint32_t max);

/**
 * An answer as of group_next(), or GROUP_QUEUE_FULL; with GROUP_FULL it waits, is told later, and
 * what its ask points to stays as it is until then. Its loop's thread.
 */
enum group_answer queue_enter(
	struct group_queue *queue, struct group_waiter *waiter, struct member **ret_member);

/**
 * Takes the waiter out, if it waits; it is not told. A place that it was about to be told of goes
 * to the next one. Its loop's thread.
 */
void queue_leave(struct group_queue *queue, struct group_waiter *waiter);

/** A place was given back: the first waiter that wants it gets it. Any thread. */
void queue_serve(struct group_queue *queue);

/** Sets up a waiter that does not wait yet. */
void group_waiter_init(struct group_waiter *waiter, struct loop *loop,
	void (*told)(struct group_waiter *waiter, enum group_answer said, struct member *member));

#endif
