/* SPDX-License-Identifier: ISC */
/*
 * A worker: a thread with a loop and its share of the proxy.
 *
 *	main				worker
 *	worker_start() ──────────────▶ makes its loop and proxy
 *	worker_accept() ─── post ────▶ starts to accept
 *	worker_accept_on() ─ post ───▶ starts to accept from new sockets
 *	worker_turn() ───── post ────▶ turns to the next generation
 *	    on_answer() ◀── post ───── both done
 *	worker_drain() ──── post ────▶ stops accepting, lets the drain end its pairs
 *	worker_end() ────── post ────▶ ends them now
 *	    on_refuses() ◀─ post ───── a UNIX socket lets nobody new in
 *	    on_quiet() ◀─── post ───── nothing is left here
 *	worker_stop() ───── post ────▶ leaves its loop; joined
 *
 * Every function is the main thread's.
 */
#ifndef WEIR_CREW_WORKER_H
#define WEIR_CREW_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crew/sockets.h"
#include "proxy/proxy.h"

struct worker {
	pthread_t thread;
	bool running;
	size_t index;
	struct proxy_shared *shared;
	struct sockets *sockets;       /**< while it is asked to accept */
	size_t next_socket;            /**< the first that it has not looked at yet */
	struct generation *generation; /**< while it is asked to accept or to turn */
	size_t n_pipes;                /**< while it is asked to turn */
	struct loop *loop;             /**< the worker's */
	struct proxy proxy;
	sem_t answered; /**< the worker has done what it was asked at start */
	int status;     /**< and how it went: 0 or a negative errno */
	struct task accept;
	struct task turn;
	struct task answer; /**< posted to control: it has done what it was asked later */
	atomic_bool answer_posted;
	/** At the end of worker_accept_on() and worker_turn(); the main thread. */
	void (*on_answer)(struct worker *worker, int status);
	void *asker; /**< for on_answer() */
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
	struct task refuses; /**< posted to control */
	atomic_bool refuses_posted;
	void (*on_refuses)(struct worker *worker); /**< set it before there are listeners */
};

/** Starts the thread and waits until its loop is up. 0 or a negative errno. */
int worker_start(struct worker *worker, size_t index, struct proxy_shared *shared,
	struct loop *control, void (*on_quiet)(struct worker *worker));

/** Lets it accept from those of `sockets` that are its own; waits for the answer. */
int worker_accept(struct worker *worker, struct sockets *sockets);

/**
 * Lets it accept from those of `sockets` that no acceptor has taken yet, on the terms of the next
 * generation. on_answer() tells how it went; until then both are borrowed, and nothing else is
 * asked.
 */
void worker_accept_on(
	struct worker *worker, struct sockets *sockets, struct generation *generation);

/** Lets it turn to a generation (proxy_turn()), with so many pipes; as worker_accept_on(). */
void worker_turn(struct worker *worker, struct generation *generation, size_t n_pipes);

/** Stops accepting and drains; once. */
void worker_drain(struct worker *worker, const struct deadline_drain *drain);

/** Ends everything now; once, drained or not. */
void worker_end(struct worker *worker, uint64_t now_ns);

/** Ends the thread; its sessions must have ended. Fine when it was never started. */
void worker_stop(struct worker *worker);

#endif
