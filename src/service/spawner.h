/* SPDX-License-Identifier: ISC */
/*
 * Starts child processes from a thread with an fd table of its own, which has only stdin, stdout,
 * stderr and the socket to the main thread.
 *
 * Between fork and exec a child has copies of its parent's fds. If a worker closes an fd during
 * that time, the socket itself stays open: no FIN is sent, and the socket stays in the worker's
 * epoll set although its watcher is gone. So children must be started by a thread that does not
 * have the fds of the pairs: one that was started before these were opened, and does not share the
 * fd table. If the kernel or a seccomp profile refuses to unshare the table, fds_have_copies()
 * makes the streams take copies into account.
 *
 *	main				the thread
 *	spawner_run() ── order, fd ──▶ posix_spawn(3), which may hang with a file system
 *	      it has begun ◀────────── waits for the end of the child, but does not reap it
 *	      it has ended ◀──────────
 *	      waitpid(2), until which the pid cannot be reused ──▶ ended()
 *
 * The main thread never blocks. If an order is given up, its child is killed as soon as that is
 * possible, and the next order begins when the child has ended.
 */
#ifndef WEIR_SERVICE_SPAWNER_H
#define WEIR_SERVICE_SPAWNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "stream/loop.h"

enum {
	SPAWNER_WORDS_MAX = 7,   /**< words of a command line */
	SPAWNER_CLOSE_MS = 1000, /**< how long to wait for the end of a child that was killed */
	SPAWNER_AGAIN_MS = 10,   /**< the thread tries again after this if a message needs memory */
};

struct spawner_order;

struct spawner {
	pthread_t thread;
	bool running;
	int error;     /**< why the thread does not run: a negative errno */
	int fd;        /**< socket to the thread; carries copies of each child's outputs */
	int thread_fd; /**< the other end of that socket, in the thread's fd table */
	struct loop *loop;
	struct watcher watcher;              /**< while there is an order */
	struct spawner_order *_Atomic order; /**< the order that the thread runs */
	struct spawner_order *next; /**< the next order, which waits for the end of that one */
	/** Written before each report is sent, and read after it is received. This makes earlier
	 * writes visible to the reader; a socket gives no such guarantee in the C memory model. */
	atomic_uint n_reports;
};

struct spawner_opts {
	const char *program;
	char *const *argv; /**< SPAWNER_WORDS_MAX words at most; copied, like `program` */
	int output_fd;     /**< its stdout; duplicated, like the next one */
	int error_fd;      /**< its stderr */
	/**
	 * Called once, on the loop's thread, not from inside spawner_run(). The child has ended
	 * with this status of waitpid(2); or `err`, a negative errno, says why there was no child.
	 * The spawner frees the order afterwards.
	 */
	void (*ended)(void *owner, int err, int status);
	void *owner;
};

/**
 * Starts the thread. Call it before the sockets are opened that must not be in its fd table. 0, or
 * a negative errno, which spawner_run() then returns too.
 */
int spawner_open(struct spawner *spawner);

/**
 * Kills the child and ends the thread. False: the thread is left running, because it hangs in the
 * start of a child, or the child cannot be killed. Idempotent, also on zeroed memory.
 */
bool spawner_close(struct spawner *spawner);

/** Requests a child, with the signal mask of signals_of_child(). One order may run and one more may
 * wait, so call it only if none waits. 0 or a negative errno. */
int spawner_run(struct spawner *spawner, struct loop *loop, const struct spawner_opts *opts,
	struct spawner_order **ret_order);

/** Whether its child was started. If not, the order waits for another one, or the start of the
 * child hangs. */
bool spawner_has_begun(const struct spawner_order *order);

/** Gives the order up: kills the child, and ended() is not called. */
void spawner_give_up(struct spawner *spawner, struct spawner_order *order);

/** Whether the process may have a child that the spawner has started. */
bool spawner_is_busy(const struct spawner *spawner);

#endif
