/* SPDX-License-Identifier: ISC */
/*
 * The event loop: fds, tasks and timers of one thread, served in turns.
 *
 * All fds of a loop are in one epoll set. One turn of the loop is
 *
 *	poll	calls the watchers of up to 256 ready fds, and runs posted tasks (loop_post)
 *	check	1. deferred tasks (loop_defer), the tasks that these defer, and so on: at most
 *		   8 rounds
 *		2. tasks in line (loop_next), each once
 *		3. timers that are due, a limited number (timer.h), each once
 *		4. deferred tasks again, as in 1
 *
 * so a deferred task runs in the turn in which it was deferred, after the polling, and the loop
 * never sleeps while a task waits or a timer is due. Every turn ends, whatever its tasks defer, put
 * in line, post, arm, open and close: what is left over runs in the next turn, after everything
 * that waited before it.
 *
 * A loop has one of two drivers. Streams, timers, connectors and acceptors do not know which.
 *
 *	its own		loop_new(), loop_own(). loop_run() runs the turns and sleeps in the polling.
 *			A turn costs one epoll_wait(2).
 *	a host		loop_open_on(), for an application that has libuv handles of its own. Its
 *			uv_run() runs the turns: when an fd is ready, when a task was posted, and at
 *			once while a task waits or a timer is due, also if a callback of the host
 *			put it there. A turn costs one more epoll_wait(2).
 *
 * A loop has work exactly while an fd is watched, a timer is armed, a hold is taken, a task is
 * deferred or in line, or a lookup is in progress (resolver.h). While it has work, loop_run() does
 * not return and the host's loop is alive. A posted task is not work: it waits until the loop
 * turns.
 *
 * A loop belongs to the thread that made it. Functions that change a loop assert that they are
 * called on this thread, except loop_post(). A callback of a turn must call neither loop_run(),
 * which returns -EBUSY then, nor the host's uv_run(), which libuv forbids in any callback. A turn
 * inside a turn fails an assertion.
 */
#ifndef WEIR_STREAM_LOOP_H
#define WEIR_STREAM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct loop;
struct uv_handle_s; /* uv_handle_t */
struct uv_loop_s;   /* uv_loop_t: without a host you need no <uv.h> */

/** A piece of work for a loop, embedded in its owner. It is on at most one of the loop's lists. */
struct task {
	struct list link; /**< one of the loop's lists */
	void (*run)(struct task *task);
};

/**
 * The callback for an fd, embedded in its owner. `events` are EPOLL* bits. ready() may close, free
 * and watch anything. The memory of a watcher must stay until the deferred tasks of the turn in
 * which its fd was closed have run.
 */
struct watcher {
	void (*ready)(struct watcher *watcher, uint32_t events);
};

enum {
	LOOP_BUFFER_BYTES = 64 * 1024, /**< the shared read buffer */
};

/**
 * A new loop for the calling thread, with a driver of its own; NULL and errno on failure. It
 * changes no signal's disposition; for SIGPIPE see stream.h.
 */
struct loop *loop_new(void);

/**
 * A new loop that is hosted by `host`, which the calling thread runs; NULL and errno on failure. It
 * changes no signal's disposition. After a failure the host's loop is as before, except that an
 * unused handle may still be closing there (if uv_async_init() failed, which cannot happen after a
 * successful uv_loop_init()).
 *
 *	uv_loop_t host;
 *	struct loop *loop;
 *
 *	loop_init_host(&host), loop = loop_open_on(&host);
 *	... handles of libuv, streams of weir ...
 *	uv_run(&host, UV_RUN_DEFAULT);		returns when nobody has work, or after uv_stop()
 *	loop_free(loop);
 *	uv_run(&host, UV_RUN_DEFAULT);		closes the handles of weir
 *	uv_loop_close(&host);			returns 0
 */
struct loop *loop_open_on(struct uv_loop_s *host);

/**
 * As uv_loop_init(), but returns -ENOMEM in cases where that aborts the process for lack of memory.
 * 0 or a negative errno.
 */
int loop_init_host(struct uv_loop_s *host);

/**
 * Whether this handle of the host's loop belongs to `loop`. If you close all handles with
 * uv_walk(), leave these to loop_free(). Always false for a loop with a driver of its own.
 */
bool loop_owns(const struct loop *loop, const struct uv_handle_s *handle);

/**
 * Runs the tasks that are still deferred, then frees. All watches, timers and lookups must have
 * been closed before, and no task may be in line; this is asserted. Posted tasks are taken off
 * their list and do not run. NULL is fine; returns NULL. Must not be called from a callback of this
 * loop.
 *
 * If the loop is hosted, the caller must not touch it nor post to it after this call. But libuv
 * closes handles asynchronously: uv_loop_close() returns 0 only after the host has run once more,
 * which calls their callbacks and frees the memory.
 */
struct loop *loop_free(struct loop *loop);

/**
 * The calling thread's own loop, for loop_run(). It is made on first use; NULL if that fails. Free
 * it with loop_free().
 */
struct loop *loop_own(void);

/** The version of libuv, for example "1.44.2", for reports. Any thread; constant. */
const char *loop_library_version(void);

/**
 * Whether the calling thread may touch this loop and the objects on it. NULL: false. Any thread.
 */
bool loop_is_current(const struct loop *loop);

/**
 * Runs turns until loop_stop(), or until the loop has no work; then returns 0. -EINVAL: `loop` is
 * NULL or hosted (only uv_run() turns a hosted loop). -EBUSY: called from a callback of this loop.
 */
int loop_run(struct loop *loop);

/**
 * From a callback: makes loop_run() return at the end of this turn. 0, or -EINVAL: `loop` is NULL
 * or hosted (uv_stop() stops a hosted loop).
 */
int loop_stop(struct loop *loop);

/**
 * Whether a turn is in progress: true in each callback of the loop, with either driver. NULL:
 * false.
 */
bool loop_is_running(const struct loop *loop);

/** Turns since the loop was made (each wake-up is a turn); for diagnosis and tests. */
uint64_t loop_turns(const struct loop *loop);

/**
 * The longest delay in ns since the last call. A delay is the length of a turn, from its wake-up to
 * the end of its last task, or the lateness of a timer, whatever its cause (it may be that the
 * thread got no processor). Work of a host between two turns shows only as lateness of a timer. Any
 * thread, but always the same one.
 */
uint64_t loop_take_delay_ns(struct loop *loop);

/** Bytes that wait for this loop's streams, in their write queues or in pipes. Any thread. */
uint64_t loop_waiting_bytes(const struct loop *loop);

/** Those of them that are in write queues, which are our memory. Any thread. */
uint64_t loop_queued_bytes(const struct loop *loop);

/** The loop's shared buffer of LOOP_BUFFER_BYTES; borrowed for one callback. */
void *loop_buffer(struct loop *loop);

/**
 * Watches `fd` for input, output, hang-up, urgent data and errors until loop_unwatch(), or until it
 * is closed. Edge-triggered: a state is reported when it begins, not while it lasts. 0 or a
 * negative errno (ENOMEM, ENOSPC; EPERM: the fd cannot be polled; EBADF: it is no fd; EINVAL:
 * `loop`, `watcher` or its ready() is missing). Call it once for each fd. Closing the fd ends the
 * watch; call loop_forget() after that. But if the fd has a copy (dup(2), fork(2)), closing it does
 * not end the watch: call loop_unwatch() before.
 */
int loop_watch(struct loop *loop, int fd, struct watcher *watcher);

/** As loop_watch(), but level-triggered and for input only, as a listening socket needs it. */
int loop_watch_listen(struct loop *loop, int fd, struct watcher *watcher);

/** Ends the watch of an fd that stays open. Like loop_forget(), it sets watcher->ready to NULL. */
void loop_unwatch(struct loop *loop, int fd, struct watcher *watcher);

/**
 * Call it after closing a watched fd: the watcher is not called any more, also not in this turn.
 * Sets watcher->ready to NULL; to watch with it again, set ready() again.
 */
void loop_forget(struct loop *loop, struct watcher *watcher);

/** Gives the loop work although it watches nothing. Each loop_hold() needs one loop_release(). */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

/** Initialises a task. */
static inline void task_init(struct task *task, void (*run)(struct task *task))
{
	list_init(&task->link);
	task->run = run;
}

/** Whether the task waits on a list. */
static inline bool task_is_waiting(const struct task *task)
{
	return !list_empty(&task->link);
}

/**
 * Runs `task` in this turn, after the polling, unless it comes at the end of a chain that is longer
 * than 8 rounds (see above). If it is on another list, it is taken off first.
 */
void loop_defer(struct loop *loop, struct task *task);

/**
 * Puts `task` in line: it runs after the polling and the deferred tasks, in this turn if that step
 * is still to come, else in the next one, and at most once in each turn. Does nothing if the task
 * is on a list already.
 */
void loop_next(struct loop *loop, struct task *task);

/**
 * Runs the deferred tasks now, in at most 8 rounds, instead of after the calling task. So the
 * caller can measure how long the work takes that it has deferred. Only for tasks in line
 * (asserted).
 */
void loop_catch_up(struct loop *loop);

/** Takes a task of this loop (deferred or in line) off its list. Does nothing if it is on none. */
void loop_cancel(struct loop *loop, struct task *task);

/**
 * From any thread: runs `task` on the loop's thread, in the order of posting. The task must not be
 * on a list. A posted task is not work for the loop: it waits for the next turn, and if the loop
 * never turns again, it never runs.
 */
void loop_post(struct loop *loop, struct task *task);

/** On the loop's own thread: takes a posted task back. False: it has run, or was not posted. */
bool loop_post_cancel(struct loop *loop, struct task *task);

#endif
