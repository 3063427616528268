/* SPDX-License-Identifier: ISC */
/*
 * Starts child processes from a thread that has a table of fds for itself, with nothing in it.
 *
 * A child has a copy of its parent's fds until its exec. A worker that closes one meanwhile has not
 * closed the socket: no FIN goes out, and the socket stays in the worker's epoll set although its
 * watcher is gone. So children must come from where the pairs' fds are not: from a thread that was
 * made before them, and that does not share the table. Where the kernel or a seccomp profile
 * refuses that, the streams are told to live with copies (fds_have_copies()).
 *
 *	main				the thread
 *	spawner_run() ── order, fd ──▶ posix_spawn(3), which may hang with a file system
 *	      it has begun ◀────────── waits for the end of the child, but leaves it
 *	      it has ended ◀──────────
 *	      waitpid(2): until then its pid is nobody else's ──▶ ended()
 *
 * The main thread waits for nothing: an order that is given up is killed as soon as it can be, and
 * the next one begins when it is gone.
 */
#ifndef WEIR_SERVICE_SPAWNER_H
#define WEIR_SERVICE_SPAWNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "stream/loop.h"

enum {
	SPAWNER_WORDS_MAX = 7,   /**< of a command line */
	SPAWNER_CLOSE_MS = 1000, /**< a child that was killed has so long to be gone */
	SPAWNER_AGAIN_MS = 10,   /**< without memory for a message, the thread tries again */
};

struct spawner_order;

struct spawner {
	pthread_t thread;
	bool running;
	int error;     /**< why it does not run, a negative errno */
	int fd;        /**< to the thread; copies of each child's output go through it */
	int thread_fd; /**< the other end, in the thread's table */
	struct loop *loop;
	struct watcher watcher;              /**< while there is an order */
	struct spawner_order *_Atomic order; /**< what the thread is at */
	struct spawner_order *next;          /**< waits for its end */
	/** Counted before each report, read after it: what came before it is seen, which no socket
	 * promises to the memory model. */
	atomic_uint n_reports;
};

struct spawner_opts {
	const char *program;
	char *const *argv; /**< at most SPAWNER_WORDS_MAX; copied, as `program` is */
	int output_fd;     /**< its stdout; a copy is taken, as of the next one */
	int error_fd;      /**< its stderr */
	/**
	 * Once, on the loop's thread, not from inside spawner_run(): the child has ended with this
	 * status of waitpid(2); or `err` says why there was none. The order is gone.
	 */
	void (*ended)(void *owner, int err, int status);
	void *owner;
};

/**
 * Starts the thread; before sockets are opened that shall not be in it. 0 or a negative errno,
 * which spawner_run() then returns.
 */
int spawner_open(struct spawner *spawner);

/**
 * Kills the child and ends the thread. False: the thread hangs in the start of a child, or the
 * child cannot be killed; it is left behind. Idempotent, also on zeroed memory.
 */
bool spawner_close(struct spawner *spawner);

/** Orders a child, with the signals of signals_of_child(). 0 or a negative errno. */
int spawner_run(struct spawner *spawner, struct loop *loop, const struct spawner_opts *opts,
	struct spawner_order **ret_order);

/** Whether its child has begun: else it waits for another one, or its start hangs. */
bool spawner_has_begun(const struct spawner_order *order);

/** Nobody wants to hear of it any more; kills the child. */
void spawner_give_up(struct spawner *spawner, struct spawner_order *order);

/** Whether some child of the process may be the spawner's. */
bool spawner_is_busy(const struct spawner *spawner);

#endif
