/* SPDX-License-Identifier: ISC */
/*
 * The inside of a loop, for the stream library. loop.c has the turns, the tasks and the readiness;
 * loop_drivers.c makes loops, turns them and ends them. Only these two use the fields of a loop;
 * the modules above use the functions at the end.
 */
#ifndef WEIR_STREAM_LOOP_PRIVATE_H
#define WEIR_STREAM_LOOP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "stream/loop.h"

struct pipe_pool;
struct timers;

struct loop {
	pthread_t thread;
	int epoll_fd;
	bool running; /**< a turn is in progress */
	bool in_line; /**< the turn is running the tasks in `next` */
	bool stopped;
	bool is_hosted;
	/** Hosted: called when `n_held` has become 1, to keep the host's loop alive, or 0, to stop
	 * doing so. Else NULL. */
	void (*held_changed)(struct loop *loop);
	/** Hosted, between two turns: called when a task was put on a list or taken off. Lets the
	 * host run a turn at once if one is due, and sleep if not. Else NULL. */
	void (*rouse)(struct loop *loop);
	size_t n_held; /**< watched fds, armed timers, holds */
	uint64_t turns;
	uint64_t turned_ns;            /**< the end of the last turn */
	_Atomic uint64_t queued_bytes; /**< written by this thread only, as is `piped_bytes` */
	_Atomic uint64_t piped_bytes;
	_Atomic uint64_t delay_ns; /**< the worst since loop_take_delay_ns() */
	struct list next;          /* struct task::link */
	struct list deferred;      /* struct task::link */
	struct list last;          /* struct task::link */
	struct timers *timers;     /**< lives as long as the loop; timer.c uses it */
	struct pipe_pool *pipes;   /**< lives as long as the loop; pipe.c uses it */
	pthread_mutex_t lock;      /**< for `posted` */
	struct list posted;        /* struct task::link */
	uv_async_t wake;           /**< for loop_post() */
	union {
		struct {
			uv_loop_t uv;         /**< only for `wake` */
			struct watcher ready; /**< for libuv's epoll set */
		} own;
		struct {
			uv_poll_t poll; /**< for our epoll set; referenced while n_held > 0 */
			uv_idle_t idle; /**< active while a turn is due at once */
			/** Handles that are still closing, `wake` included; the last one to close
			 * frees the loop. 0 while they are open. */
			unsigned n_handles;
		} host;
	};
	char buffer[LOOP_BUFFER_BYTES];
};

/* ---- for the drivers ---- */

/** Whether there is work that no fd will report. */
static inline bool loop_is_awake(const struct loop *loop)
{
	return !list_empty(&loop->last) || !list_empty(&loop->next) || !list_empty(&loop->deferred);
}

/** Runs one turn whose polling sleeps for at most `timeout_ms`; -1: until an event. */
void loop_turn_polling(struct loop *loop, int timeout_ms);

/** Runs one turn that runs the posted tasks instead of polling. */
void loop_turn_posted(struct loop *loop);

/** Runs the posted tasks. */
void loop_run_posted(struct loop *loop);

/** Runs the deferred tasks, in at most 8 rounds. */
void loop_run_deferred(struct loop *loop);

/* ---- for the modules above ---- */

/** Runs one turn, which sleeps until there is something to do. Not for a hosted loop. */
void loop_turn(struct loop *loop);

/**
 * In a turn: runs `task` at its end, after the tasks in line; if that step has begun, in the next
 * turn. Does nothing if the task is on a list already.
 */
void loop_last(struct loop *loop, struct task *task);

/** Records a delay for loop_take_delay_ns(). */
void loop_note_delay(struct loop *loop, uint64_t from_ns, uint64_t to_ns);

/** Records bytes that wait in a write queue; `bytes` may be negative. */
void loop_add_queued(struct loop *loop, int64_t bytes);

/** Records bytes that wait in a pipe, for pipe.c. */
void loop_add_piped(struct loop *loop, int64_t bytes);

/**
 * When the last turn ended. An event with a later time happened in the turn in progress, or between
 * two turns. 0: no turn yet.
 */
static inline uint64_t loop_turned_ns(const struct loop *loop)
{
	return loop->turned_ns;
}

static inline struct pipe_pool *loop_pipes(const struct loop *loop)
{
	return loop->pipes;
}

static inline struct timers *loop_timers(const struct loop *loop)
{
	return loop->timers;
}

#endif
