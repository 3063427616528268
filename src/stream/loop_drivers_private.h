/* SPDX-License-Identifier: ISC */
/*
 * The inside of a loop, shared by loop.c (turns, tasks, readiness) and loop_drivers.c (who turns
 * it, birth and end); for no other file.
 */
#ifndef WEIR_STREAM_LOOP_DRIVERS_PRIVATE_H
#define WEIR_STREAM_LOOP_DRIVERS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "stream/loop_private.h"

struct loop {
	pthread_t thread;
	int epoll_fd;
	bool running; /**< a turn is under way */
	bool in_line; /**< in the turn, the tasks of `next` run */
	bool stopped;
	bool is_hosted;
	bool rouses;   /**< hosted, between two turns: what is put on a list must rouse the host */
	size_t n_held; /**< watched fds, armed timers, holds */
	uint64_t turns;
	uint64_t turned_ns;             /**< the end of the last one */
	_Atomic uint64_t waiting_bytes; /**< written by this thread alone */
	_Atomic uint64_t delay_ns;      /**< the worst since it was taken */
	struct list next;               /* struct task::link */
	struct list deferred;           /* struct task::link */
	struct timers timers;
	struct pipe_pool pipes;
	pthread_mutex_t lock; /**< posted */
	struct list posted;   /* struct task::link */
	uv_async_t wake;      /**< loop_post() */
	union {
		struct {
			uv_loop_t uv;         /**< for `wake` alone */
			struct watcher ready; /**< of libuv's epoll set */
		} own;
		struct {
			uv_poll_t poll;     /**< of our epoll set; referenced while n_held > 0 */
			uv_idle_t idle;     /**< active while a turn is due at once */
			unsigned n_handles; /**< `wake` among them; once closing: still to be */
		} host;
	};
	char buffer[LOOP_BUFFER_BYTES];
};

/* ---- loop.c ---- */

/** Whether something is to be done that no fd will tell. */
static inline bool loop_is_awake(const struct loop *loop)
{
	return loop->timers.due || !list_empty(&loop->next) || !list_empty(&loop->deferred);
}

/** One turn whose polling sleeps for at most `timeout_ms`; -1: until something happens. */
void loop_turn_polling(struct loop *loop, int timeout_ms);

/** One turn with what was posted in the place of the polling. */
void loop_turn_posted(struct loop *loop);

/** Runs what was posted. */
void loop_run_posted(struct loop *loop);

/** Runs deferred tasks, in a bounded number of rounds. */
void loop_run_deferred(struct loop *loop);

/* ---- loop_drivers.c ---- */

/** `n_held` came from 0, or went there: a host's loop is kept alive by it, or is not. */
void loop_held_changed(struct loop *loop);

/** Only while loop::rouses: lets the host come back at once, if a turn is due, or else sleep. */
void loop_rouse(struct loop *loop);

#endif
