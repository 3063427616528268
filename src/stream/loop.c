/* SPDX-License-Identifier: ISC */
/*
 * How readiness arrives, and nothing else knows: one epoll set of ours, nested in libuv's as a
 * single uv_poll_t. Why not a uv_poll_t for each fd: six system calls an fd more, and
 * level-triggered, so that a paused stream spins or goes blind.
 *
 *	uv_run ── poll ──▶ on_epoll ── epoll_wait(256) ──▶ watcher->ready ...
 *	       └─ check ─▶ on_check ── next tasks, due timers, deferred tasks
 *
 * `awake` is an idle handle that is active exactly while a task or a due timer waits: with it libuv
 * polls without sleeping.
 */
#include "stream/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "stream/loop_private.h"

enum { EVENTS_A_TURN = 256 };

struct loop {
	uv_loop_t uv;
	uv_poll_t poll;   /**< epoll_fd; referenced while n_held > 0 */
	uv_async_t wake;  /**< loop_post() */
	uv_check_t check; /**< after polling */
	uv_idle_t awake;
	pthread_t thread;
	int epoll_fd;
	bool running;
	size_t n_held; /**< watched fds, armed timers, holds */
	uint64_t turns;
	_Atomic uint64_t waiting_bytes; /**< written by this thread alone */
	_Atomic uint64_t delay_ns;      /**< the worst since it was taken */
	struct list next;               /* struct task::link */
	struct list deferred;           /* struct task::link */
	struct timers timers;
	struct pipe_pool pipes;
	pthread_mutex_t lock; /**< posted */
	struct list posted;   /* struct task::link */
	char buffer[LOOP_BUFFER_BYTES];
};

static __thread struct loop *own_loop;

static void on_awake(uv_idle_t *idle)
{
	(void)idle; /* that it is active is all */
}

/** Makes sure that the next poll does not sleep. */
static void loop_stay_awake(struct loop *loop)
{
	int r = uv_idle_start(&loop->awake, on_awake);

	assert(r == 0);
	(void)r;
}

static void run_tasks(struct list *tasks)
{
	while (!list_empty(tasks)) {
		struct task *task = container_of(tasks->next, struct task, link);

		list_remove(&task->link);
		task->run(task);
	}
}

static void on_epoll(uv_poll_t *poll, int status, int uv_events)
{
	struct loop *loop = container_of(poll, struct loop, poll);
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, 0);

	assert(status == 0 && (n >= 0 || errno == EINTR));
	(void)status;
	(void)uv_events;
	for (int i = 0; i < n; i++) {
		struct watcher *watcher = events[i].data.ptr;

		/* NULL: loop_forget(), by one of the watchers before it in this turn. */
		if (watcher->ready != NULL) {
			watcher->ready(watcher, events[i].events);
		}
	}
}

static void on_check(uv_check_t *check)
{
	struct loop *loop = container_of(check, struct loop, check);
	struct list now;
	bool more_due;

	loop->turns++;
	list_init(&now);
	list_move_all(&now, &loop->next);
	run_tasks(&now);
	more_due = timers_strike(&loop->timers, loop);
	run_tasks(&loop->deferred);
	if (more_due || !list_empty(&loop->next)) {
		loop_stay_awake(loop);
	} else {
		uv_idle_stop(&loop->awake);
	}
	/* libuv read the clock when the poll returned, and has cut it to milliseconds. */
	loop_note_delay(loop, uv_now(&loop->uv) * NS_PER_MS, clock_ns());
}

static void on_wake(uv_async_t *wake)
{
	struct loop *loop = container_of(wake, struct loop, wake);
	struct list now;

	list_init(&now);
	pthread_mutex_lock(&loop->lock);
	list_move_all(&now, &loop->posted);
	pthread_mutex_unlock(&loop->lock);
	run_tasks(&now);
}

/* ---- life ---- */

/** The handles of libuv, in the order in which they are made; 0 or a negative errno. */
static int loop_init_handles(struct loop *loop)
{
	int r = uv_async_init(&loop->uv, &loop->wake, on_wake);

	if (r < 0) {
		return r;
	}
	uv_unref((uv_handle_t *)&loop->wake);
	r = uv_poll_init(&loop->uv, &loop->poll, loop->epoll_fd);
	if (r < 0) {
		return r;
	}
	r = uv_poll_start(&loop->poll, UV_READABLE, on_epoll);
	if (r < 0) {
		return r;
	}
	uv_unref((uv_handle_t *)&loop->poll);
	/* These two cannot fail. */
	(void)uv_check_init(&loop->uv, &loop->check);
	(void)uv_check_start(&loop->check, on_check);
	uv_unref((uv_handle_t *)&loop->check);
	(void)uv_idle_init(&loop->uv, &loop->awake);
	return timers_init(&loop->timers, loop);
}

static void close_handle(uv_handle_t *handle, void *data)
{
	(void)data;
	if (!uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

/** Closes whatever loop_init_handles() made, all or in part, and the loop of libuv. */
static void loop_fini(struct loop *loop)
{
	int r;

	timers_fini(&loop->timers, loop);
	pipe_pool_fini(&loop->pipes);
	uv_walk(&loop->uv, close_handle, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	r = uv_loop_close(&loop->uv);
	assert(r == 0);
	(void)r;
	close(loop->epoll_fd);
	pthread_mutex_destroy(&loop->lock);
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (loop == NULL) {
		return NULL;
	}
	/* splice(2) and write(2) have no MSG_NOSIGNAL. */
	(void)signal(SIGPIPE, SIG_IGN);
	loop->thread = pthread_self();
	loop->timers.fd = -1;
	list_init(&loop->next);
	list_init(&loop->deferred);
	list_init(&loop->posted);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		r = -errno;
		goto err_free;
	}
	r = uv_loop_init(&loop->uv);
	if (r < 0) {
		goto err_epoll;
	}
	(void)pthread_mutex_init(&loop->lock, NULL);
	r = loop_init_handles(loop);
	if (r < 0) {
		loop_fini(loop);
		goto err_free;
	}
	return loop;
err_epoll:
	close(loop->epoll_fd);
err_free:
	free(loop);
	errno = -r;
	return NULL;
}

struct loop *loop_free(struct loop *loop)
{
	if (loop == NULL) {
		return NULL;
	}
	assert(loop_is_current(loop) && !loop->running);
	run_tasks(&loop->deferred);
	assert(loop->n_held == 0 && list_empty(&loop->next));
	loop_fini(loop);
	if (own_loop == loop) {
		own_loop = NULL;
	}
	free(loop);
	return NULL;
}

struct loop *loop_own(void)
{
	if (own_loop == NULL) {
		own_loop = loop_new();
	}
	return own_loop;
}

bool loop_is_current(const struct loop *loop)
{
	return pthread_equal(loop->thread, pthread_self()) != 0;
}

void loop_run(struct loop *loop)
{
	assert(loop_is_current(loop) && !loop->running);
	loop->running = true;
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	loop->running = false;
}

void loop_stop(struct loop *loop)
{
	assert(loop_is_current(loop));
	uv_stop(&loop->uv);
}

bool loop_is_running(const struct loop *loop)
{
	return loop->running;
}

uint64_t loop_turns(const struct loop *loop)
{
	return loop->turns;
}

void loop_note_delay(struct loop *loop, uint64_t from_ns, uint64_t to_ns)
{
	/* Taken meanwhile by the other thread, it is noted all the same: a delay is told once. */
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
	return atomic_load_explicit(&loop->waiting_bytes, memory_order_relaxed);
}

void loop_add_waiting(struct loop *loop, int64_t bytes)
{
	uint64_t sum = loop_waiting_bytes(loop) + (uint64_t)bytes;

	atomic_store_explicit(&loop->waiting_bytes, sum, memory_order_relaxed);
}

void *loop_buffer(struct loop *loop)
{
	return loop->buffer;
}

uv_loop_t *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

struct pipe_pool *loop_pipes(struct loop *loop)
{
	return &loop->pipes;
}

struct timers *loop_timers(struct loop *loop)
{
	return &loop->timers;
}

/* ---- readiness ---- */

void loop_hold(struct loop *loop)
{
	assert(loop_is_current(loop));
	if (loop->n_held++ == 0) {
		uv_ref((uv_handle_t *)&loop->poll);
	}
}

void loop_release(struct loop *loop)
{
	assert(loop_is_current(loop) && loop->n_held > 0);
	if (--loop->n_held == 0) {
		uv_unref((uv_handle_t *)&loop->poll);
	}
}

static int loop_add(struct loop *loop, int fd, struct watcher *watcher, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watcher};

	assert(watcher->ready != NULL);
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
	loop_stay_awake(loop);
}

void loop_next(struct loop *loop, struct task *task)
{
	assert(loop_is_current(loop));
	if (list_empty(&task->link)) {
		list_append(&loop->next, &task->link);
		loop_stay_awake(loop);
	}
}

void loop_cancel(struct loop *loop, struct task *task)
{
	assert(loop_is_current(loop));
	list_remove(&task->link);
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
