/* SPDX-License-Identifier: ISC */
/*
 * Starts child processes from a thread that has a table of fds for itself, with nothing in it.
 *
 * A child has a copy of its parent's fds until its exec. A worker that closes one meanwhile has not
 * closed the socket: no FIN goes out, and the socket stays in the worker's epoll set although its
 * watcher is gone. So children must come from where the pairs' fds are not: from a thread that was
 * made before them, and that does not share the table (CLOSE_RANGE_UNSHARE). Where that cannot be,
 * FDS_HAVE_COPIES (base/fds.h) is 1.
 */
#ifndef WEIR_SERVICE_SPAWNER_H
#define WEIR_SERVICE_SPAWNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct spawner_order;

struct spawner {
	pthread_t thread;
	bool running;
	int fd;        /**< to the thread; a copy of each child's output goes through it */
	int thread_fd; /**< the other end, in the thread's table */
	struct spawner_order *_Atomic order; /**< what the thread is to do */
	atomic_int result;                   /**< how it went */
};

/** Starts the thread; before sockets are opened that shall not be in it. 0 or a negative errno. */
int spawner_open(struct spawner *spawner);

/** Ends the thread. Idempotent, also on zeroed memory. */
void spawner_close(struct spawner *spawner);

/**
 * Starts `argv[0]` from `program`, with its stdout and stderr at `output_fd`, and the signals of
 * signals_of_child(). Blocks until the child has begun. 0 or a negative errno.
 */
int spawner_run(struct spawner *spawner, const char *program, char *const argv[], int output_fd,
	pid_t *ret_pid);

#endif
