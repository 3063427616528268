/* SPDX-License-Identifier: ISC */
/*
 * An order is something that the main thread has every worker do, each on its own thread and loop.
 *
 *	main				each worker
 *	crew_ask_all() ──── post ────▶ run(part): answers at once, in slices, or later
 *	    done(order, status) ◀─ post ── the last one to answer
 *
 * The asker owns the memory. It embeds the order in a struct of its own, which holds what the order
 * is about and, where workers return results, a place for each worker by its index. The workers
 * read that struct while the order is under way. So giving an order allocates nothing, and cannot
 * fail.
 *
 * An order is under way from when it is given until the last worker has answered or, if done() is
 * to be called, until done() begins. It must not be given again while it is under way. Several
 * orders may be under way at a time; each worker begins them in the sequence in which they were
 * given. A crew that stops gives up the orders under way: for each worker that has not answered by
 * then, the answer is -ECANCELED.
 */
#ifndef WEIR_CREW_ORDER_H
#define WEIR_CREW_ORDER_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "stream/loop.h"

struct crew;
struct order;
struct worker;

/** What run() returns if it has not answered; 0 and negative errnos are answers. */
enum order_goes_on {
	ORDER_AGAIN = 1, /**< run() is called again soon for the next slice, after other tasks */
	/** order_answer() follows, or was called already; so run()'s caller does not touch `part`
	 * any more. */
	ORDER_LATER = 2,
};

/** One worker's part of an order. */
struct order_part {
	struct task task; /* of the worker's loop */
	struct list link; /* struct worker::parts: while it is under way there */
	struct order *order;
	struct worker *worker; /**< whose thread runs it; set when the order is given */
	size_t at;             /**< for run(): how far it has come; 0 at first */
	atomic_bool open;      /**< given, and not answered */
};

/** What happens when the last worker has answered. */
enum order_way {
	ORDER_POSTED,     /**< nothing */
	ORDER_ASKED,      /**< done() is called, on the main thread's loop */
	ORDER_WAITED_FOR, /**< the main thread, which waits for it, is woken */
};

struct order {
	struct crew *crew; /**< whose workers run it */
	struct loop *loop; /**< the main thread's */
	/** Called on each worker's thread. Returns the answer, which is 0 or a negative errno, or
	 * else a value of enum order_goes_on. */
	int (*run)(struct order_part *part);
	/** Called once on the main thread's loop when all workers have answered, and never from
	 * inside crew_ask_all(). `status` is 0 or the first failure. May give the order again, or
	 * close it. NULL is fine for an order that crew_ask_all() never gives. */
	void (*done)(struct order *order, int status);
	struct order_part *parts; /**< one for each worker, by its index */
	size_t n_parts;
	enum order_way way;
	sem_t *waiter;         /**< with ORDER_WAITED_FOR: the main thread waits for it */
	bool asked;            /**< done() is still to be called */
	_Atomic size_t n_open; /**< how many have not answered yet */
	_Atomic int failed;    /**< the first failure: a negative errno */
	struct task answered;  /**< posted to the main thread by the last one to answer */
};

/** Frees what the order holds. No worker may have it under way; done() is not called any more.
 * Idempotent, also on zeroed memory. */
void order_close(struct order *order);

/** Gives the answer for a run() that returned ORDER_LATER; once, on the worker's thread. */
void order_answer(struct order_part *part, int status);

/** Whether the order is under way, so that it must not be given now. Main thread only. */
bool order_is_under_way(const struct order *order);

/** Whether this worker has not answered yet. Main thread only. */
bool order_is_open(const struct order *order, size_t worker);

/* ---- for the crew and its workers ---- */

/** Allocates the parts of a zeroed order whose run() and done() are set. 0 or -ENOMEM. */
int order_init(struct order *order, size_t n_parts);

/** Opens all parts, before the order is given. */
void order_begin(struct order *order, enum order_way way);

/** Answers for all workers while none of them runs: done() is called later with `status`. */
void order_give_up(struct order *order, int status);

#endif
