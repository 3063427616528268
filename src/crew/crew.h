/* SPDX-License-Identifier: ISC */
/*
 * All workers as one: they are started and stopped together, are given the same orders, and what
 * they count is added up. Nobody else goes through them one by one.
 *
 *	crew_open() ──▶ crew_start() ──▶ orders ──▶ quiet() ──▶ crew_stop() ──▶ crew_close()
 *
 * Every function is the main thread's.
 */
#ifndef WEIR_CREW_CREW_H
#define WEIR_CREW_CREW_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buckets.h"
#include "crew/order.h"

struct proxy_shared;
struct worker;

/** What workers tell the main thread: one post is enough, however many of them have it to say. */
struct notice {
	struct task task; /**< posted to the main thread's loop */
	atomic_bool posted;
};

struct crew_opts {
	struct loop *loop; /**< the main thread's */
	size_t n_workers;
	struct proxy_shared *shared; /**< made for n_workers; is told where their parts are */
	/** All are shut, and no worker has a listener or a session. Again when one came late. */
	void (*quiet)(void *owner);
	/** A UNIX socket lets nobody new in any more. */
	void (*refuses)(void *owner);
	void *owner;
};

struct crew {
	struct crew_opts opts;
	struct worker *workers;
	struct buckets delays; /**< of the main thread's loop, each second the longest one */
	bool running;          /**< from crew_start(), also where that failed, to crew_stop() */
	sem_t answered;        /**< the last worker has answered; crew_wait_all() waits for it */
	struct notice quiet;
	struct notice refuses;
};

/** Makes room for the workers, of which none runs yet. 0 or -ENOMEM. */
int crew_open(struct crew *crew, const struct crew_opts *opts);

/** Idempotent, also on zeroed memory. The workers must have stopped, and all orders be closed. */
void crew_close(struct crew *crew);

/**
 * Starts all, and waits until their loops are up: from now on, one may hand a connection to any
 * other. 0 or a negative errno: then crew_stop() stops those that run.
 */
int crew_start(struct crew *crew);

/**
 * Ends all threads and waits for them; their sessions must have ended. Orders that are under way
 * are given up: done() comes with -ECANCELED, unless the order is closed. Idempotent.
 */
void crew_stop(struct crew *crew);

/* ---- orders; order.h ---- */

/** Gives all an order, of whose end nobody hears. A crew that has stopped does nothing. */
void crew_post_all(struct order *order);

/** Gives all an order, and calls done(). A crew that has stopped answers -ECANCELED. */
void crew_ask_all(struct order *order);

/** As crew_ask_all(), but waits, and returns the answer: for the start, when no loop turns yet. */
int crew_wait_all(struct order *order);

/* ---- what the workers count; `counter` is an offset in struct counters ---- */

uint64_t crew_sum(const struct crew *crew, size_t counter);
uint64_t crew_max(const struct crew *crew, size_t counter);

/** Bytes that wait in the queues of all streams; the workers must run. */
uint64_t crew_waiting_bytes(const struct crew *crew);

#endif
