/* SPDX-License-Identifier: ISC */
/*
 * The inside of a loop, shared by loop.c (turns, tasks, readiness) and loop_drivers.c (the two
 * drivers, creation and end). Not for other files.
 */
#ifndef WEIR_STREAM_LOOP_DRIVERS_PRIVATE_H
#define WEIR_STREAM_LOOP_DRIVERS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "stream/loop_private.h"

struct loop {
	pthread_t thread;
	int epoll_fd;
	bool running; /**< a turn is in progress */
	bool in_line; /**< the turn is running the tasks in `next` */
	bool stopped;
	bool is_hosted;
	/** Hosted, between two turns: a task or timer that is added must wake the host. */
	bool rouses;
	size_t n_held; /**< watched fds, armed timers, holds */
	uint64_t turns;
	uint64_t turned_ns;             /**< the end of the last turn */
	_Atomic uint64_t waiting_bytes; /**< written by this thread only */
	_Atomic uint64_t delay_ns;      /**< the worst since loop_take_delay_ns() */
	struct list next;               /* struct task::link */
	struct list deferred;           /* struct task::link */
	struct timers timers;
	struct pipe_pool pipes;
	pthread_mutex_t lock; /**< for `posted` */
	struct list posted;   /* struct task::link */
	uv_async_t wake;      /**< for loop_post() */
	union {
		struct {
			uv_loop_t uv;         /**< only for `wake` */
			struct watcher ready; /**< for libuv's epoll set */
		} own;
		struct {
			uv_poll_t poll; /**< for our epoll set; referenced while n_held > 0 */
			uv_idle_t idle; /**< active while a turn is due at once */
			/** Handles that are open, or still closing; `wake` is one. */
			unsigned n_handles;
		} host;
	};
	char buffer[LOOP_BUFFER_BYTES];
};

/* ---- loop.c ---- */

/** Whether there is work that no fd will report. */
static inline bool loop_is_awake(const struct loop *loop)
{
	return loop->timers.due || !list_empty(&loop->next) || !list_empty(&loop->deferred);
}

/** Runs one turn whose polling sleeps for at most `timeout_ms`; -1: until an event. */
void loop_turn_polling(struct loop *loop, int timeout_ms);

/** Runs one turn that runs the posted tasks instead of polling. */
void loop_turn_posted(struct loop *loop);

/** Runs the posted tasks. */
void loop_run_posted(struct loop *loop);

/** Runs the deferred tasks, in at most 8 rounds. */
void loop_run_deferred(struct loop *loop);

/* ---- loop_drivers.c ---- */

/** Call it when `n_held` has become 0 or 1: keeps a host's loop alive, or no longer does. */
void loop_held_changed(struct loop *loop);

/**
 * Only while loop::rouses: makes the host come back at once if a turn is due, else lets it sleep.
 */
void loop_rouse(struct loop *loop);

#endif
