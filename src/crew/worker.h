/* SPDX-License-Identifier: ISC */
/*
 * A worker: a thread with a loop and its part of the proxy. It does what it is ordered (order.h);
 * what can be ordered is in orders.h.
 */
#ifndef WEIR_CREW_WORKER_H
#define WEIR_CREW_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buckets.h"
#include "proxy/proxy.h"

struct order_part;

struct worker_opts {
	size_t index;
	struct proxy_shared *shared;
	/** On the worker's thread. It drains, and has no listener and no session left; maybe more
	 * than once. */
	void (*quiet)(void *owner);
	/** On the worker's thread: a UNIX socket lets nobody new in any more. */
	void (*refuses)(void *owner);
	void *owner;
};

struct worker {
	struct worker_opts opts;
	pthread_t thread;
	bool running;
	struct loop *loop;
	struct proxy proxy;
	struct list parts;            /* struct order_part::link: of the orders under way here */
	struct order_part *switching; /**< answered when the proxy has switched; or NULL */
	struct task stop;
	struct buckets delays; /**< of its loop, each second the longest one; the main thread's */
	struct buckets slices; /**< the processor time of what is listed at a time */
	sem_t halted;          /**< its loop does not turn any more */
	sem_t released;        /**< nobody posts to its loop any more */
	atomic_bool accepts;   /**< it has listeners or sessions, or has not been shut */
};

/**
 * Starts the thread and waits until its loop is up; the worker is zeroed at first. 0 or a negative
 * errno. The main thread.
 */
int worker_start(struct worker *worker, const struct worker_opts *opts);

/**
 * Ends the turning of its loop, and waits until it has; its sessions must have ended. The orders
 * that it has not answered are answered with -ECANCELED. Others may post to the loop still: they
 * are not heard. Fine when it was never started. The main thread, as below.
 */
void worker_halt(struct worker *worker);

/** Ends the thread, and its loop with it, once all workers were halted: one worker posts to another
 * until then. Fine when it was never started. */
void worker_stop(struct worker *worker);

#endif
