/* SPDX-License-Identifier: ISC */
/*
 * A worker is a thread with an event loop and its part of the proxy. It runs the orders that the
 * main thread gives (order.h): those of orders.h, pairs.h and watchdog.h.
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
	/** Called on the worker's thread when it has been shut and no listener and no session is
	 * left here; maybe more than once. */
	void (*quiet)(void *owner);
	/** Called on the worker's thread when a UNIX socket has stopped letting new clients in. */
	void (*refuses)(void *owner);
	void *owner;
};

struct worker {
	struct worker_opts opts;
	pthread_t thread;
	bool running;
	struct loop *loop;
	struct proxy proxy;
	struct list parts; /* struct order_part::link: its parts of the orders under way */
	/** The part that is answered when the proxy has switched; or NULL. */
	struct order_part *switching;
	struct task stop;
	/** Of its loop: the longest delay of each second. Written by the main thread. */
	struct buckets delays;
	struct buckets slices; /**< the processor time of each slice (base/slice.h) */
	sem_t halted;          /**< its loop has stopped */
	sem_t released;        /**< no thread posts to its loop any more */
	atomic_bool accepts;   /**< false from the first quiet() until an accept_order reopens */
};

/**
 * Starts the thread and waits until tasks can be posted to its loop. The caller has zeroed the
 * worker. 0 or a negative errno; worker_halt() and worker_stop() must follow also after an error.
 * Main thread only.
 */
int worker_start(struct worker *worker, const struct worker_opts *opts);

/** Gives the worker its part of an order, which it begins after those that it has. It must be
 * running. Main thread only. */
void worker_give(struct worker *worker, struct order_part *part);

/**
 * Stops its loop, and waits until it has stopped; its sessions must have ended. The orders that it
 * has not answered are answered with -ECANCELED. Other threads may still post tasks to the loop,
 * but these are not run. Harmless if the worker was never started. Main thread only, like the next
 * function.
 */
void worker_halt(struct worker *worker);

/** Ends the thread and frees its loop. All workers must have been halted before, because a running
 * worker may post to any other. Harmless if the worker was never started. */
void worker_stop(struct worker *worker);

#endif
