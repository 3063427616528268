/* SPDX-License-Identifier: ISC */
/*
 * The crew is all workers together. It starts and stops them, gives them the same orders, and adds
 * up what they count. No other module calls all workers or posts to all of them, except that
 * proxy/places.h wakes them when there is room for a pair.
 *
 *	crew_open() ──▶ crew_start() ──▶ orders ──▶ quiet() ──▶ crew_stop() ──▶ crew_close()
 *
 * Only the main thread may call these functions.
 */
#ifndef WEIR_CREW_CREW_H
#define WEIR_CREW_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buckets.h"
#include "crew/order.h"

struct proxy_shared;
struct worker;

/** A message from the workers to the main thread without data: one post is enough, however many
 * workers send it. */
struct notice {
	struct task task; /**< posted to the main thread's loop */
	atomic_bool posted;
};

struct crew_opts {
	struct loop *loop; /**< the main thread's */
	size_t n_workers;
	struct proxy_shared *shared; /**< made for n_workers; the crew sets its `parts` */
	/** All workers are shut, and each has reported that it has no listener and no session left.
	 * A worker may have got a session from another one since; if so, quiet() is called again
	 * when that session has ended. */
	void (*quiet)(void *owner);
	/** A UNIX socket has stopped letting new clients in. */
	void (*refuses)(void *owner);
	void *owner;
};

struct crew {
	struct crew_opts opts;
	struct worker *workers;
	struct buckets delays; /**< of the main thread's loop: the longest delay of each second */
	bool running;          /**< from crew_start(), even if that failed, to crew_stop() */
	struct notice quiet;
	struct notice refuses;
};

/** Allocates the workers, and starts none. 0 or -ENOMEM. */
int crew_open(struct crew *crew, const struct crew_opts *opts);

/** The workers must have stopped, and all orders must be closed. Idempotent, also on zeroed
 * memory. */
void crew_close(struct crew *crew);

/**
 * Starts all workers and waits until tasks can be posted to their loops; from then on a worker may
 * hand a connection to any other. 0 or a negative errno; after an error the caller calls
 * crew_stop(), which stops the workers that run.
 */
int crew_start(struct crew *crew);

/**
 * Ends all threads and waits for them; their sessions must have ended. Orders under way are given
 * up: a worker that has not answered answers -ECANCELED. Then done() is called later, unless the
 * order is closed before. Idempotent.
 */
void crew_stop(struct crew *crew);

/* ---- orders; order.h ---- */

/** Sets up an order for this crew; order_close() frees what it holds. The crew must have been
 * opened. 0 or -ENOMEM. */
int crew_open_order(struct crew *crew, struct order *order, int (*run)(struct order_part *part),
	void (*done)(struct order *order, int status));

/** Gives an order to all workers without calling done(). Does nothing if the crew has stopped. */
void crew_post_all(struct order *order);

/** Gives an order to all workers; done() is called later. If the crew has stopped, its status is
 * -ECANCELED. */
void crew_ask_all(struct order *order);

/** Gives an order to all workers, waits, and returns the answer: for the start, when the main
 * thread's loop does not run yet. */
int crew_wait_all(struct order *order);

/* ---- what the workers count; `counter` is an offset in struct counters (proxy/counters.h) ---- */

uint64_t crew_sum(const struct crew *crew, size_t counter);
uint64_t crew_max(const struct crew *crew, size_t counter);

/** How many bytes wait to be written to the workers' streams, and how many of these are in our
 * memory (the others are in pipes). The workers must be running. */
uint64_t crew_waiting_bytes(const struct crew *crew);
uint64_t crew_queued_bytes(const struct crew *crew);

#endif
