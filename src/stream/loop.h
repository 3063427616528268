/* SPDX-License-Identifier: ISC */
/*
 * The reactor: fds, tasks and timers of one thread, served in turns.
 *
 * All fds of a loop live in one edge-triggered epoll set. One turn of the loop is
 *
 *	poll	call the watchers of up to 256 ready fds, and run what was posted (loop_post)
 *	check	1. deferred tasks (loop_defer), what they defer, and so on: 8 rounds at most
 *		2. tasks that stand in line (loop_next), once each
 *		3. timers that are due, a slice of them (timer.h), none twice
 *		4. deferred tasks again, as before
 *
 * so a deferred task runs in the turn in which it was deferred, after the polling, and nobody
 * sleeps while a task or a due timer waits. Every turn ends, whatever its tasks defer, put in line,
 * post, arm, open and close: what has no end goes on in the next turn, behind everybody else.
 *
 * A loop has one of two drivers. Streams, timers, connectors and acceptors do not know which.
 *
 *	its own		loop_new(), loop_own(). loop_run() turns it, and sleeps in the polling. A
 *			turn costs one epoll_wait(2)
 *	a host		loop_open_on(). The uv_run() of an application that has handles of its own
 *			besides turns it: when an fd is ready, when something was posted, and at
 *			once while a task or a due timer waits, which also a callback of the host
 *			may have put there. An epoll_wait(2) a turn more
 *
 * A loop has work, and so loop_run() goes on or the host's loop is alive, exactly while an fd is
 * watched, a timer armed, a hold taken, a task deferred or in line, or a lookup under way
 * (resolver.h). A post is not work: it waits until the loop turns.
 *
 * A loop belongs to the thread that made it. Every function here asserts that, but for loop_post()
 * and loop_post_cancel(). Callbacks of a turn may call neither loop_run(), which says -EBUSY, nor
 * uv_run() of the host, which libuv forbids in any callback: a turn in a turn is asserted against.
 */
#ifndef WEIR_STREAM_LOOP_H
#define WEIR_STREAM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct loop;
struct uv_handle_s; /* uv_handle_t */
struct uv_loop_s;   /* uv_loop_t: who does not host needs no <uv.h> */

/** A piece of work for a loop, embedded in its owner; on at most one of the loop's lists. */
struct task {
	struct list link; /**< one of the loop's lists */
	void (*run)(struct task *task);
};

/**
 * Who is told when an fd becomes ready, embedded in its owner. `events` are EPOLL* bits.
 * Edge-triggered: a state is reported when it begins, not while it lasts. May close, free and watch
 * anything; the memory of a watcher must outlive the deferred tasks of the turn in which its fd was
 * closed.
 */
struct watcher {
	void (*ready)(struct watcher *watcher, uint32_t events);
};

enum {
	LOOP_BUFFER_BYTES = 64 * 1024, /**< the shared read buffer */
};

/** A new loop for the calling thread, with a driver of its own, or NULL (errno says why). No
 * signal's disposition changes: see stream.h of SIGPIPE. */
struct loop *loop_new(void);

/**
 * A new loop that is hosted by `host`, which the calling thread runs, or NULL (errno says why);
 * signals as above. Then the host's loop is as before: a handle that could not be used may be
 * closing there (uv_async_init() failed, which it does not where uv_loop_init() succeeded).
 *
 *	uv_loop_t host;
 *	struct loop *loop;
 *
 *	loop_init_host(&host), loop = loop_open_on(&host);
 *	... handles of libuv, streams of weir ...
 *	uv_run(&host, UV_RUN_DEFAULT);		until nobody has work any more, or uv_stop()
 *	loop_free(loop);
 *	uv_run(&host, UV_RUN_DEFAULT);		the handles of weir are closed
 *	uv_loop_close(&host);			0
 */
struct loop *loop_open_on(struct uv_loop_s *host);

/**
 * uv_loop_init(), but -ENOMEM where that aborts the process for want of memory. 0 or a negative
 * errno.
 */
int loop_init_host(struct uv_loop_s *host);

/**
 * Whether this handle of the host's loop is a part of `loop`: who closes all handles by uv_walk()
 * leaves those to loop_free(). False of a loop with a driver of its own.
 */
bool loop_owns(const struct loop *loop, const struct uv_handle_s *handle);

/**
 * Runs what is still deferred, then frees. Whatever was watched, armed or looked up must be closed
 * before: asserted. NULL is fine; returns NULL. Not from a callback of this loop.
 *
 * Hosted: at once for the caller, who must not touch the loop any more, nor post to it. But libuv
 * closes handles asynchronously: the host must run once more, until their callbacks were called
 * and the memory is free, before uv_loop_close() is 0.
 */
struct loop *loop_free(struct loop *loop);

/** The calling thread's own loop, which loop_run() turns, made on first use; NULL if that fails.
 * Free it with loop_free(). */
struct loop *loop_own(void);

/** The version of the library within, "1.44.2": for reports. Any thread; constant. */
const char *loop_library_version(void);

/** Whether the calling thread may touch this loop and what lives on it. NULL: false. */
bool loop_is_current(const struct loop *loop);

/**
 * Turns until loop_stop(), or until the loop has no work any more: 0. -EINVAL: `loop` is NULL or
 * hosted, which only uv_run() turns; -EBUSY: from a callback of it.
 */
int loop_run(struct loop *loop);

/**
 * From a callback: lets loop_run() return at the end of this turn. 0, or -EINVAL: `loop` is NULL or
 * hosted; then uv_stop() is what stops it.
 */
int loop_stop(struct loop *loop);

/** Whether a turn is under way: true in each callback of the loop, whoever turns it. NULL:
 * false. */
bool loop_is_running(const struct loop *loop);

/** Turns since the loop was made; for diagnosis and tests (wake-ups are turns). */
uint64_t loop_turns(const struct loop *loop);

/**
 * How long the loop kept anybody waiting at worst since the last call, in ns: the longest turn,
 * from waking up to the last of its tasks, or the timer that struck latest for want of a
 * processor. What a host does between two turns is only seen by the latter. Any thread, but only
 * one.
 */
uint64_t loop_take_delay_ns(struct loop *loop);

/** Bytes that wait in the queues of this loop's streams. Any thread. */
uint64_t loop_waiting_bytes(const struct loop *loop);

/** One turn's shared buffer of LOOP_BUFFER_BYTES, for the duration of one callback. */
void *loop_buffer(struct loop *loop);

/**
 * Watches `fd` for input, output, hang-up, urgent data and errors until it is closed or
 * loop_unwatch()ed. 0 or a negative errno (ENOMEM, ENOSPC; EPERM: it cannot be polled; EBADF: it
 * is no fd; EINVAL: `loop`, `watcher` or its ready() is missing). Call it
 * once for each fd. Closing the fd ends the watch by itself, then say loop_forget().
 */
int loop_watch(struct loop *loop, int fd, struct watcher *watcher);

/** As loop_watch(), but level-triggered and for input only: what a listening socket wants. */
int loop_watch_listen(struct loop *loop, int fd, struct watcher *watcher);

/** Ends the watch of an fd that stays open. */
void loop_unwatch(struct loop *loop, int fd, struct watcher *watcher);

/** Says that a watched fd was closed: its watcher is not called any more, also not in this turn. */
void loop_forget(struct loop *loop, struct watcher *watcher);

/** Work, although nothing is watched, until as many loop_release(). */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

/** Sets a task up. */
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
 * Runs `task` after polling, in this turn, unless it is the end of a long chain (see above). Takes
 * it off another list first.
 */
void loop_defer(struct loop *loop, struct task *task);

/**
 * Puts `task` in line, behind the polling and the deferred tasks: it runs in this turn if that is
 * still to come, else in the next, and at most once in each. No-op when it waits already.
 */
void loop_next(struct loop *loop, struct task *task);

/**
 * From a task in line, and from nowhere else (asserted): runs what is deferred by now, in as many
 * rounds as a turn does, and not behind the task. So what a task defers is done, and freed, while
 * the task can still see how long that took.
 */
void loop_catch_up(struct loop *loop);

/** Takes a task of this loop (deferred or next) off its list; harmless when it is on none. */
void loop_cancel(struct loop *loop, struct task *task);

/**
 * From any thread: runs `task` on the loop's thread, in order of posting. The task must not be on a
 * list. A post does not make the loop work: it waits for a turn, and to a loop that never turns
 * again it is never run.
 */
void loop_post(struct loop *loop, struct task *task);

/** On the loop's own thread: takes a posted task back if it has not run; says whether it did. */
bool loop_post_cancel(struct loop *loop, struct task *task);

#endif
