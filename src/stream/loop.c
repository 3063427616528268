/* SPDX-License-Identifier: ISC */
/*
 * The turns of a loop, its tasks, and how readiness is delivered: one epoll set for each loop,
 * which no other module knows. How the turns are driven, and so where the loop waits for that set,
 * is in loop_drivers.c. A uv_poll_t for each fd would cost six more system calls each. It is also
 * level-triggered, so a paused stream would either spin or miss events.
 */
#include "stream/loop_private.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "base/clock.h"

enum {
	EVENTS_A_TURN = 256,
	/* enough for all real chains of tasks; an endless chain is cut here */
	ROUNDS = 8,
};

/* ---- turns ---- */

/**
 * Runs the tasks that are on the list now; tasks that are added meanwhile wait for the next round.
 */
static void run_round(struct list *tasks)
{
	struct list now;

	list_init(&now);
	list_move_all(&now, tasks);
	while (!list_empty(&now)) {
		struct task *task = container_of(now.next, struct task, link);

		list_remove(&task->link);
		task->run(task);
	}
}

void loop_run_deferred(struct loop *loop)
{
	for (unsigned i = 0; i < ROUNDS && !list_empty(&loop->deferred); i++) {
		run_round(&loop->deferred);
	}
}

void loop_run_posted(struct loop *loop)
{
	struct list now;

	list_init(&now);
	pthread_mutex_lock(&loop->lock);
	list_move_all(&now, &loop->posted);
	pthread_mutex_unlock(&loop->lock);
	run_round(&now);
}

/** Waits until something happens, then calls the watchers. Returns when it woke up. */
static uint64_t loop_poll(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, timeout_ms);
	uint64_t now_ns = clock_ns();

	assert(n >= 0 || errno == EINTR);
	for (int i = 0; i < n; i++) {
		struct watcher *watcher = events[i].data.ptr;

		/* NULL after loop_forget() by an earlier watcher of this turn. */
		if (watcher->ready != NULL) {
			watcher->ready(watcher, events[i].events);
		}
	}
	return now_ns;
}

static void turn_begin(struct loop *loop)
{
	assert(loop_is_current(loop) && !loop->running);
	loop->running = true;
}

/** The part of a turn after its polling. */
static void turn_check(struct loop *loop, uint64_t woke_ns)
{
	loop->turns++;
	loop_run_deferred(loop);
	if (!list_empty(&loop->next)) { /* most often it is empty */
		loop->in_line = true;
		run_round(&loop->next);
		loop->in_line = false;
	}
	if (!list_empty(&loop->last)) {
		run_round(&loop->last);
	}
	loop_run_deferred(loop);
	loop->turned_ns = clock_ns();
	loop_note_delay(loop, woke_ns, loop->turned_ns);
	loop->running = false;
}

void loop_turn_polling(struct loop *loop, int timeout_ms)
{
	turn_begin(loop);
	turn_check(loop, loop_poll(loop, timeout_ms));
}

void loop_turn_posted(struct loop *loop)
{
	uint64_t woke_ns = clock_ns();

	turn_begin(loop);
	loop_run_posted(loop);
	turn_check(loop, woke_ns);
}

/* ---- statistics ---- */

bool loop_is_current(const struct loop *loop)
{
	return loop != NULL && pthread_equal(loop->thread, pthread_self()) != 0;
}

bool loop_is_running(const struct loop *loop)
{
	return loop != NULL && loop->running;
}

uint64_t loop_turns(const struct loop *loop)
{
	return loop->turns;
}

void loop_note_delay(struct loop *loop, uint64_t from_ns, uint64_t to_ns)
{
	/* It does no harm if the other thread takes the value between the load and the store: each
	 * value that is stored is taken once. */
	if (to_ns > from_ns &&
		to_ns - from_ns > atomic_load_explicit(&loop->delay_ns, memory_order_relaxed)) {
		atomic_store_explicit(&loop->delay_ns, to_ns - from_ns, memory_order_relaxed);
	}
}

uint64_t loop_take_delay_ns(struct loop *loop)
{
	return atomic_exchange_explicit(&loop->delay_ns, 0, memory_order_relaxed);
}

uint64_t loop_waiting_bytes(const struct loop *loop)
{
	return loop_queued_bytes(loop) +
	       atomic_load_explicit(&loop->piped_bytes, memory_order_relaxed);
}

uint64_t loop_queued_bytes(const struct loop *loop)
{
	return atomic_load_explicit(&loop->queued_bytes, memory_order_relaxed);
}

/** Adds to a number that only this thread writes: cheaper than an atomic addition. */
static void add(_Atomic uint64_t *sum, int64_t bytes)
{
	uint64_t now = atomic_load_explicit(sum, memory_order_relaxed) + (uint64_t)bytes;

	atomic_store_explicit(sum, now, memory_order_relaxed);
}

void loop_add_queued(struct loop *loop, int64_t bytes)
{
	add(&loop->queued_bytes, bytes);
}

void loop_add_piped(struct loop *loop, int64_t bytes)
{
	add(&loop->piped_bytes, bytes);
}

void *loop_buffer(struct loop *loop)
{
	return loop->buffer;
}

/* ---- readiness ---- */

void loop_hold(struct loop *loop)
{
	assert(loop_is_current(loop));
	if (loop->n_held++ == 0 && loop->held_changed != NULL) {
		loop->held_changed(loop);
	}
}

void loop_release(struct loop *loop)
{
	assert(loop_is_current(loop) && loop->n_held > 0);
	if (--loop->n_held == 0 && loop->held_changed != NULL) {
		loop->held_changed(loop);
	}
}

static int loop_add(struct loop *loop, int fd, struct watcher *watcher, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watcher};

	if (loop == NULL || watcher == NULL || watcher->ready == NULL) {
		return -EINVAL;
	}
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		return -errno;
	}
	loop_hold(loop);
	return 0;
}

int loop_watch(struct loop *loop, int fd, struct watcher *watcher)
{
	return loop_add(loop, fd, watcher, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

int loop_watch_listen(struct loop *loop, int fd, struct watcher *watcher)
{
	return loop_add(loop, fd, watcher, EPOLLIN);
}

void loop_unwatch(struct loop *loop, int fd, struct watcher *watcher)
{
	int r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);

	assert(r == 0);
	(void)r;
	loop_forget(loop, watcher);
}

void loop_forget(struct loop *loop, struct watcher *watcher)
{
	watcher->ready = NULL;
	loop_release(loop);
}

/* ---- tasks ---- */

void loop_defer(struct loop *loop, struct task *task)
{
	assert(loop_is_current(loop));
	list_remove(&task->link);
	list_append(&loop->deferred, &task->link);
	if (loop->rouse != NULL) {
		loop->rouse(loop);
	}
}

void loop_next(struct loop *loop, struct task *task)
{
	assert(loop_is_current(loop));
	if (list_empty(&task->link)) {
		list_append(&loop->next, &task->link);
		if (loop->rouse != NULL) {
			loop->rouse(loop);
		}
	}
}

void loop_last(struct loop *loop, struct task *task)
{
	assert(loop_is_current(loop) && loop->running);
	if (list_empty(&task->link)) {
		list_append(&loop->last, &task->link);
	}
}

/*
 * The deferred tasks may free objects. This is safe before the end of the turn, since its polling
 * is over: no event for such an object can follow.
 */
void loop_catch_up(struct loop *loop)
{
	assert(loop_is_current(loop) && loop->in_line);
	loop->in_line = false; /* deferred tasks must not call it */
	loop_run_deferred(loop);
	loop->in_line = true;
}

void loop_cancel(struct loop *loop, struct task *task)
{
	assert(loop_is_current(loop));
	list_remove(&task->link);
	if (loop->rouse != NULL) {
		loop->rouse(loop);
	}
}

void loop_post(struct loop *loop, struct task *task)
{
	int r;

	pthread_mutex_lock(&loop->lock);
	assert(list_empty(&task->link));
	list_append(&loop->posted, &task->link);
	pthread_mutex_unlock(&loop->lock);
	r = uv_async_send(&loop->wake);
	assert(r == 0);
	(void)r;
}

bool loop_post_cancel(struct loop *loop, struct task *task)
{
	bool waited;

	assert(loop_is_current(loop));
	pthread_mutex_lock(&loop->lock);
	waited = !list_empty(&task->link);
	list_remove(&task->link);
	pthread_mutex_unlock(&loop->lock);
	return waited;
}
