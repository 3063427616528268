/* SPDX-License-Identifier: ISC */
/*
 * An order: what the main thread lets every worker do, each on its own thread and loop.
 *
 *	main				each worker
 *	crew_ask_all() ──── post ────▶ run(part): answers at once, in slices, or later
 *	    done(order, status) ◀─ post ── the last one to answer
 *
 * Its memory is the asker's: what the order is about stands in the struct around it, which the
 * workers read while it is under way; what one worker has to say goes into a place of its own
 * there, by its index. So giving an order needs no memory, and cannot fail.
 *
 * An order is under way from when it is given until the last worker has answered, and until done()
 * begins where there is one; meanwhile it is not given again. Several orders may be under way at a
 * time: each worker begins them in the order in which they were given. A crew that stops gives up
 * what is under way: what has not answered then answers -ECANCELED.
 */
#ifndef WEIR_CREW_ORDER_H
#define WEIR_CREW_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "stream/loop.h"

struct crew;
struct order;
struct worker;

/** What a run() returns that has not answered: 0 and negative errnos are answers. */
enum order_goes_on {
	ORDER_AGAIN = 1, /**< the next slice: it is run again, soon, behind everybody else */
	ORDER_LATER =
		2, /**< order_answer() follows, or was called already: `part` is not touched */
};

/** One worker's part of an order. */
struct order_part {
	struct task task; /* of the worker's loop */
	struct list link; /* struct worker::parts: while it is under way there */
	struct order *order;
	struct worker *worker; /**< whose thread runs it */
	size_t at;             /**< for run(): how far it has come; 0 at first */
	atomic_bool open;      /**< given, and not answered */
};

/** What the last answer wakes or calls. */
enum order_way {
	ORDER_POSTED,     /**< nobody */
	ORDER_ASKED,      /**< done(), on the main thread's loop */
	ORDER_WAITED_FOR, /**< the main thread, which waits */
};

struct order {
	struct crew *crew;
	/** On each worker's thread: 0 or a negative errno answers; or enum order_goes_on. */
	int (*run)(struct order_part *part);
	/** On the main thread, once, not from inside what asks: all have answered, with 0 or the
	 * first failure. May give the order again, or close it. NULL: it is never asked. */
	void (*done)(struct order *order, int status);
	struct order_part *parts; /**< one for each worker, by its index */
	enum order_way way;
	bool asked;            /**< done() is to come */
	_Atomic size_t n_open; /**< how many have not answered yet */
	_Atomic int failed;    /**< the first failure: a negative errno */
	struct task answered;  /**< posted to the main thread by the last one to answer */
};

/** Sets it up for this crew, whose size must be known. 0 or -ENOMEM. The main thread. */
int order_open(struct order *order, struct crew *crew, int (*run)(struct order_part *part),
	void (*done)(struct order *order, int status));

/** No worker may have it under way; done() does not come any more. Idempotent, also on zeroes. */
void order_close(struct order *order);

/** The answer of a run() that returned ORDER_LATER, once; on the worker's thread. */
void order_answer(struct order_part *part, int status);

/** Whether it may not be given now; the main thread. */
bool order_is_under_way(const struct order *order);

/** Whether this worker has not answered yet; the main thread. */
bool order_is_open(const struct order *order, size_t worker);

/* ---- for the crew and its workers ---- */

/** Gives it to all workers, which must run. */
void order_give(struct order *order, enum order_way way);

/** In the place of all workers, where none runs: done() will come with `status`. */
void order_give_up(struct order *order, int status);

#endif
