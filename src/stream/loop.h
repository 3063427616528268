/* SPDX-License-Identifier: ISC */
/*
 * The reactor: one loop a thread, libuv inside.
 *
 * All fds of a loop live in one edge-triggered epoll set, libuv's own set among them. One turn of
 * the loop is
 *
 *	poll	sleep until something happens, then call the watchers of up to 256 ready fds, and
 *		libuv if it is ready, which runs what was posted (loop_post)
 *	check	1. deferred tasks (loop_defer), what they defer, and so on: 8 rounds at most
 *		2. tasks that stand in line (loop_next), once each
 *		3. timers that are due, a slice of them (timer.h), none twice
 *		4. deferred tasks again, as before
 *
 * so a deferred task runs in the turn in which it was deferred, after the polling, and the loop
 * never sleeps while a task or a due timer waits. Every turn ends, whatever its tasks defer, put in
 * line, post, arm, open and close: what has no end goes on in the next turn, behind everybody else.
 *
 * A loop belongs to the thread that made it. Every function here asserts that, but for loop_post()
 * and loop_post_cancel().
 */
#ifndef WEIR_STREAM_LOOP_H
#define WEIR_STREAM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

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

/** A new loop for the calling thread, or NULL (errno says why). SIGPIPE is ignored from then on. */
struct loop *loop_new(void);

/**
 * Runs what is still deferred, then frees. Whatever was watched, armed or looked up must be closed
 * before: asserted, by uv_loop_close() == 0. NULL is fine; returns NULL.
 */
struct loop *loop_free(struct loop *loop);

/** The calling thread's own loop, made on first use; NULL if that fails. Free it with loop_free().
 */
struct loop *loop_own(void);

/** The version of the library within, "1.44.2": for reports. Any thread; constant. */
const char *loop_library_version(void);

/** Whether the calling thread may touch this loop and what lives on it. */
bool loop_is_current(const struct loop *loop);

/** Turns until loop_stop(), or until no fd, armed timer, hold or task is left. Not from a callback.
 */
void loop_run(struct loop *loop);

/** From a callback: lets loop_run() return at the end of this turn. */
void loop_stop(struct loop *loop);

bool loop_is_running(const struct loop *loop);

/** Turns since the loop was made; for diagnosis and tests (wake-ups are turns). */
uint64_t loop_turns(const struct loop *loop);

/**
 * How long the loop kept anybody waiting at worst since the last call, in ns: the longest turn,
 * from waking up to the last of its tasks, or the timer that struck latest for want of a
 * processor. Any thread, but only one.
 */
uint64_t loop_take_delay_ns(struct loop *loop);

/** Bytes that wait in the queues of this loop's streams. Any thread. */
uint64_t loop_waiting_bytes(const struct loop *loop);

/** One turn's shared buffer of LOOP_BUFFER_BYTES, for the duration of one callback. */
void *loop_buffer(struct loop *loop);

/**
 * Watches `fd` for input, output, hang-up, urgent data and errors until it is closed or
 * loop_unwatch()ed. 0 or a negative errno (ENOMEM, ENOSPC, EPERM: it cannot be polled). Call it
 * once for each fd. Closing the fd ends the watch by itself, then say loop_forget().
 */
int loop_watch(struct loop *loop, int fd, struct watcher *watcher);

/** As loop_watch(), but level-triggered and for input only: what a listening socket wants. */
int loop_watch_listen(struct loop *loop, int fd, struct watcher *watcher);

/** Ends the watch of an fd that stays open. */
void loop_unwatch(struct loop *loop, int fd, struct watcher *watcher);

/** Says that a watched fd was closed: its watcher is not called any more, also not in this turn. */
void loop_forget(struct loop *loop, struct watcher *watcher);

/** Keeps loop_run() going although nothing is watched, until as many loop_release(). */
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

/** Takes a task of this loop (deferred or next) off its list; harmless when it is on none. */
void loop_cancel(struct loop *loop, struct task *task);

/**
 * From any thread: runs `task` on the loop's thread, in order of posting. The task must not be on a
 * list. A task posted to a loop that never turns again is never run.
 */
void loop_post(struct loop *loop, struct task *task);

/** On the loop's own thread: takes a posted task back if it has not run; says whether it did. */
bool loop_post_cancel(struct loop *loop, struct task *task);

#endif
