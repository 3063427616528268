/* SPDX-License-Identifier: ISC */
/*
 * How readiness arrives, and nothing else knows: one epoll set, in which libuv's own set is a
 * member, so that what libuv does for us (posts from other threads, lookups) runs when it is ready,
 * and a turn costs one epoll_wait(2). Why not a uv_poll_t for each fd: six system calls an fd more,
 * and level-triggered, so that a paused stream spins or goes blind. Why not our set in libuv's: a
 * second epoll_wait(2) a turn, and two wake-ups in the kernel for each event (docs/PERFORMANCE.md).
 */
#include "stream/loop.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "stream/loop_private.h"

enum {
	EVENTS_A_TURN = 256,
	/* Deep enough for what follows from what in earnest; a chain without an end is cut here. */
	ROUNDS = 8,
};

struct loop {
	uv_loop_t uv;
	struct watcher uv_ready; /**< of libuv's epoll set */
	uv_async_t wake;         /**< loop_post() */
	pthread_t thread;
	int epoll_fd;
	uint16_t lowest_port;
	bool running;
	bool stopped;
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
	char buffer[LOOP_BUFFER_BYTES];
};

static __thread struct loop *own_loop;

/* ---- turning ---- */

/** Whether something is to be done that no fd will tell. */
static bool loop_is_awake(const struct loop *loop)
{
	return loop->timers.due || !list_empty(&loop->next) || !list_empty(&loop->deferred);
}

/** Runs what is on the list now; what comes on it meanwhile waits for the next round. */
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

static void run_deferred(struct loop *loop)
{
	for (unsigned i = 0; i < ROUNDS && !list_empty(&loop->deferred); i++) {
		run_round(&loop->deferred);
	}
}

/** Sleeps until something happens, then calls the watchers. When that was. */
static uint64_t loop_poll(struct loop *loop)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, loop_is_awake(loop) ? 0 : -1);
	uint64_t now_ns = clock_ns();

	assert(n >= 0 || errno == EINTR);
	for (int i = 0; i < n; i++) {
		struct watcher *watcher = events[i].data.ptr;

		/* NULL: loop_forget(), by one of the watchers before it in this turn. */
		if (watcher->ready != NULL) {
			watcher->ready(watcher, events[i].events);
		}
	}
	return now_ns;
}

void loop_turn(struct loop *loop)
{
	uint64_t woke_ns;

	assert(loop_is_current(loop) && !loop->running);
	loop->running = true;
	woke_ns = loop_poll(loop);
	loop->turns++;
	run_deferred(loop);
	run_round(&loop->next);
	timers_strike(&loop->timers, loop);
	run_deferred(loop);
	loop->turned_ns = clock_ns();
	loop_note_delay(loop, woke_ns, loop->turned_ns);
	loop->running = false;
}

static void on_uv(struct watcher *watcher, uint32_t events)
{
	struct loop *loop = container_of(watcher, struct loop, uv_ready);

	(void)events;
	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static void on_wake(uv_async_t *wake)
{
	struct loop *loop = container_of(wake, struct loop, wake);
	struct list now;

	list_init(&now);
	pthread_mutex_lock(&loop->lock);
	list_move_all(&now, &loop->posted);
	pthread_mutex_unlock(&loop->lock);
	run_round(&now);
}

/* ---- life ---- */

static int loop_add(struct loop *loop, int fd, struct watcher *watcher, uint32_t events);

/** What a loop consists of, in the order in which it is made; 0 or a negative errno. */
static int loop_init(struct loop *loop)
{
	int r = uv_async_init(&loop->uv, &loop->wake, on_wake);

	if (r < 0) {
		return r;
	}
	/* libuv adds its fds to its set only when it runs. */
	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
	loop->uv_ready.ready = on_uv;
	r = loop_add(loop, uv_backend_fd(&loop->uv), &loop->uv_ready, EPOLLIN);
	if (r < 0) {
		return r;
	}
	loop_release(loop); /* libuv keeps no loop running; who waits for it holds the loop */
	return timers_init(&loop->timers, loop);
}

/** Undoes loop_init(), be it done all or in part, and closes the loop of libuv. */
static void loop_fini(struct loop *loop)
{
	int r;

	timers_fini(&loop->timers, loop);
	pipe_pool_fini(&loop->pipes);
	if (loop->wake.loop != NULL) {
		uv_close((uv_handle_t *)&loop->wake, NULL);
	}
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	r = uv_loop_close(&loop->uv);
	assert(r == 0);
	(void)r;
	close(loop->epoll_fd);
	pthread_mutex_destroy(&loop->lock);
}

static uint16_t lowest_port(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	uint16_t port = 0;

	if (file != NULL) {
		if (fscanf(file, "%" SCNu16, &port) != 1) {
			port = 0;
		}
		fclose(file);
	}
	return port;
}

/**
 * libuv aborts where it has no memory for its table of watchers, in which each fd up to its
 * highest, near `fd`, has a place. What can be had for a moment is there when it asks.
 */
static int probe_memory(int fd)
{
	enum { OF_A_FD = 4 * sizeof(void *), BESIDES = 64 * 1024 };
	volatile char *probe = malloc(BESIDES + OF_A_FD * (size_t)fd);

	if (probe == NULL) {
		return -ENOMEM;
	}
	*probe = 0; /* so that the compiler leaves it here */
	free((void *)probe);
	return 0;
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
	loop->lowest_port = lowest_port();
	list_init(&loop->next);
	list_init(&loop->deferred);
	list_init(&loop->posted);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		r = -errno;
		goto err_free;
	}
	r = probe_memory(loop->epoll_fd);
	if (r == 0) {
		r = uv_loop_init(&loop->uv);
	}
	if (r < 0) {
		goto err_epoll;
	}
	(void)pthread_mutex_init(&loop->lock, NULL);
	r = loop_init(loop);
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
	run_deferred(loop);
	assert(loop->n_held == 0 && list_empty(&loop->next) && list_empty(&loop->deferred));
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

const char *loop_library_version(void)
{
	return uv_version_string();
}

bool loop_is_current(const struct loop *loop)
{
	return pthread_equal(loop->thread, pthread_self()) != 0;
}

void loop_run(struct loop *loop)
{
	assert(loop_is_current(loop) && !loop->running);
	loop->stopped = false;
	while (!loop->stopped && (loop->n_held > 0 || loop_is_awake(loop))) {
		loop_turn(loop);
	}
}

void loop_stop(struct loop *loop)
{
	assert(loop_is_current(loop));
	loop->stopped = true;
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

uint64_t loop_turned_ns(const struct loop *loop)
{
	return loop->turned_ns;
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

uint16_t loop_lowest_port(const struct loop *loop)
{
	return loop->lowest_port;
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
	loop->n_held++;
}

void loop_release(struct loop *loop)
{
	assert(loop_is_current(loop) && loop->n_held > 0);
	loop->n_held--;
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
}

void loop_next(struct loop *loop, struct task *task)
{
	assert(loop_is_current(loop));
	if (list_empty(&task->link)) {
		list_append(&loop->next, &task->link);
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
