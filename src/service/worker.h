/* SPDX-License-Identifier: ISC */
/*
 * A worker: a thread with a loop and its share of the proxy.
 *
 *	main				worker
 *	worker_start() ──────────────▶ makes its loop and proxy
 *	worker_accept() ─── post ────▶ starts to accept
 *	worker_drain() ──── post ────▶ stops accepting, lets the drain end its pairs
 *	worker_end() ────── post ────▶ ends them now
 *	    on_quiet() ◀─── post ───── nothing is left here
 *	worker_stop() ───── post ────▶ leaves its loop; joined
 *
 * Every function is the main thread's.
 */
#ifndef WEIR_SERVICE_WORKER_H
#define WEIR_SERVICE_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/proxy.h"
#include "service/sockets.h"

struct worker {
	pthread_t thread;
	bool running;
	size_t index;
	struct proxy_shared *shared;
	struct sockets *sockets; /**< until worker_accept() has returned */
	struct loop *loop;       /**< the worker's */
	struct proxy proxy;
	sem_t answered; /**< the worker has done what it was asked at start */
	int status;     /**< and how it went: 0 or a negative errno */
	struct task accept;
	struct task drain;
	struct task end;
	struct task stop;
	struct deadline_drain plan; /**< of the drain; written before the task is posted */
	uint64_t end_ns;            /**< as well, of the end */
	struct loop *control;       /**< the main thread's loop */
	struct task quiet;          /**< posted to control */
	atomic_bool quiet_posted;
	atomic_bool accepts; /**< it has listeners */
	void (*on_quiet)(struct worker *worker);
};

/** Starts the thread and waits until its loop is up. 0 or a negative errno. */
int worker_start(struct worker *worker, size_t index, struct proxy_shared *shared,
	struct loop *control, void (*on_quiet)(struct worker *worker));

/** Lets it accept from those of `sockets` that are its own; waits for the answer. */
int worker_accept(struct worker *worker, struct sockets *sockets);

/** Stops accepting and drains; once. */
void worker_drain(struct worker *worker, const struct deadline_drain *drain);

/** Ends everything now; once, drained or not. */
void worker_end(struct worker *worker, uint64_t now_ns);

/** Ends the thread; its sessions must have ended. Fine when it was never started. */
void worker_stop(struct worker *worker);

#endif
