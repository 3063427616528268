/* SPDX-License-Identifier: ISC */
/*
 * The two drivers: loop_run() turns a loop with its own driver; the host's uv_run() turns a hosted
 * loop.
 *
 *	own	epoll_wait(our set) ── libuv's set is ready ──▶ uv_run(NOWAIT) ──▶ posted tasks
 *	hosted	uv_run: epoll_wait(libuv's set) ── our set is ready ──▶ a turn, whose polling is an
 *		epoll_wait(our set) that does not sleep
 *
 * A loop with its own driver waits for our set, of which libuv's set is a member: so a turn costs
 * one epoll_wait(2), and an event one wake-up in the kernel (docs/PERFORMANCE.md). A host waits for
 * its own set, of which ours is a member, as a uv_poll_t. So a hosted loop has three handles:
 *
 *	poll	our set is ready: a turn. The handle is referenced only while something is held, so
 *		that uv_run() can return when nothing is
 *	idle	active while a turn is due at once (a task, or more timers than one slice), so that
 *		the host does not sleep: each of its rounds begins with a turn
 *	wake	loop_post(): a turn that runs the posted tasks instead of polling
 *
 * A task is put on a list either in a turn, which starts the idle handle at its end if tasks
 * are left, or by a callback of the host between two turns, which starts that handle at once
 * (loop::rouse).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "stream/loop_private.h"
#include "stream/pipe.h"
#include "stream/timer_private.h"

/** A loop and what the modules above it keep for it, in one allocation. */
struct whole {
	struct loop loop; /* first, so that freeing it frees all */
	struct timers timers;
	struct pipe_pool pipes;
};

static __thread struct loop *own_loop;

/**
 * libuv aborts if it has no memory for its table of watchers, which has a place for each fd up to
 * the highest one, near `fd`. If that much can be allocated for a moment, libuv will get it, too.
 */
static int probe_memory(int fd)
{
	enum { OF_A_FD = 4 * sizeof(void *), BESIDES = 64 * 1024 };
	volatile char *probe = malloc(BESIDES + OF_A_FD * (size_t)fd);

	if (probe == NULL) {
		return -ENOMEM;
	}
	*probe = 0; /* so that the compiler does not remove it */
	free((void *)probe);
	return 0;
}

/* ---- for both drivers ---- */

/** Undoes loop_init(), even if it was only half done. */
static void loop_fini(struct loop *loop)
{
	timers_fini(loop->timers);
	pipe_pool_fini(loop->pipes);
	pthread_mutex_destroy(&loop->lock);
	if (loop->epoll_fd >= 0) {
		close(loop->epoll_fd);
	}
}

/** A zeroed loop; NULL: no memory. free(3) frees it. */
static struct loop *loop_allocate(void)
{
	struct whole *whole = calloc(1, sizeof(*whole));

	if (whole == NULL) {
		return NULL;
	}
	whole->loop.timers = &whole->timers;
	whole->loop.pipes = &whole->pipes;
	return &whole->loop;
}

/** 0 or a negative errno; after an error nothing is left to undo. */
static int loop_init(struct loop *loop)
{
	int r;

	loop->thread = pthread_self();
	list_init(&loop->next);
	list_init(&loop->deferred);
	list_init(&loop->last);
	list_init(&loop->posted);
	(void)pthread_mutex_init(&loop->lock, NULL);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = loop->epoll_fd < 0 ? -errno : timers_init(loop->timers, loop);
	if (r < 0) {
		loop_fini(loop);
	}
	return r;
}

/* ---- a loop with its own driver ---- */

static void on_uv(struct watcher *watcher, uint32_t events)
{
	struct loop *loop = container_of(watcher, struct loop, own.ready);

	(void)events;
	(void)uv_run(&loop->own.uv, UV_RUN_NOWAIT);
}

static void on_own_wake(uv_async_t *wake)
{
	loop_run_posted(container_of(wake, struct loop, wake));
}

/** Closes libuv's loop and its open handles. */
static void own_close(struct loop *loop)
{
	int r;

	if (loop->wake.loop != NULL) {
		uv_close((uv_handle_t *)&loop->wake, NULL);
	}
	(void)uv_run(&loop->own.uv, UV_RUN_DEFAULT);
	r = uv_loop_close(&loop->own.uv);
	assert(r == 0);
	(void)r;
}

/** 0 or a negative errno. */
static int own_open(struct loop *loop)
{
	int r = probe_memory(loop->timers->fd);

	if (r == 0) {
		r = uv_loop_init(&loop->own.uv);
	}
	if (r < 0) {
		return r;
	}
	r = uv_async_init(&loop->own.uv, &loop->wake, on_own_wake);
	if (r == 0) {
		/* libuv adds its fds to its set only when it runs. */
		(void)uv_run(&loop->own.uv, UV_RUN_NOWAIT);
		loop->own.ready.ready = on_uv;
		r = loop_watch_listen(loop, uv_backend_fd(&loop->own.uv), &loop->own.ready);
	}
	if (r < 0) {
		own_close(loop);
		return r;
	}
	loop_release(loop); /* libuv's watch is not work; code that waits for libuv takes a hold */
	return 0;
}

struct loop *loop_new(void)
{
	struct loop *loop = loop_allocate();
	int r;

	if (loop == NULL) {
		return NULL;
	}
	r = loop_init(loop);
	if (r == 0) {
		r = own_open(loop);
		if (r < 0) {
			loop_fini(loop);
		}
	}
	if (r < 0) {
		free(loop);
		errno = -r;
		return NULL;
	}
	return loop;
}

struct loop *loop_own(void)
{
	if (own_loop == NULL) {
		own_loop = loop_new();
	}
	return own_loop;
}

void loop_turn(struct loop *loop)
{
	loop_turn_polling(loop, loop_is_awake(loop) ? 0 : -1);
}

int loop_run(struct loop *loop)
{
	if (loop == NULL || loop->is_hosted) {
		return -EINVAL;
	}
	assert(loop_is_current(loop));
	if (loop->running) {
		return -EBUSY;
	}
	loop->stopped = false;
	while (!loop->stopped && (loop->n_held > 0 || loop_is_awake(loop))) {
		loop_turn(loop);
	}
	return 0;
}

int loop_stop(struct loop *loop)
{
	if (loop == NULL || loop->is_hosted) {
		return -EINVAL;
	}
	assert(loop_is_current(loop));
	loop->stopped = true;
	return 0;
}

/* ---- a hosted loop ---- */

static void host_held_changed(struct loop *loop)
{
	if (loop->n_held > 0) {
		uv_ref((uv_handle_t *)&loop->host.poll);
	} else {
		uv_unref((uv_handle_t *)&loop->host.poll);
	}
}

static void on_idle(uv_idle_t *idle);

static void host_rouse(struct loop *loop)
{
	if (loop_is_awake(loop)) {
		(void)uv_idle_start(&loop->host.idle, on_idle);
	} else {
		(void)uv_idle_stop(&loop->host.idle);
	}
}

static void host_turn(struct loop *loop, bool is_posted)
{
	loop->rouse = NULL;
	if (is_posted) {
		loop_turn_posted(loop);
	} else {
		loop_turn_polling(loop, 0);
	}
	loop->rouse = host_rouse;
	host_rouse(loop);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	assert(status == 0); /* an epoll set has no errors */
	(void)status;
	(void)events;
	host_turn(container_of(poll, struct loop, host.poll), false);
}

static void on_idle(uv_idle_t *idle)
{
	host_turn(container_of(idle, struct loop, host.idle), false);
}

static void on_host_wake(uv_async_t *wake)
{
	host_turn(container_of(wake, struct loop, wake), true);
}

static void on_closed(uv_handle_t *handle)
{
	struct loop *loop = handle->data;

	if (--loop->host.n_handles == 0) {
		free(loop);
	}
}

static void host_close_handle(struct loop *loop, uv_handle_t *handle)
{
	handle->data = loop;
	loop->host.n_handles++;
	uv_close(handle, on_closed);
}

/** Nothing calls us any more after this; the host frees the memory. */
static void host_close(struct loop *loop)
{
	host_close_handle(loop, (uv_handle_t *)&loop->host.poll);
	host_close_handle(loop, (uv_handle_t *)&loop->host.idle);
	host_close_handle(loop, (uv_handle_t *)&loop->wake);
	loop->held_changed = NULL;
	loop_fini(loop);
}

/**
 * 0, or a negative errno; then nothing is left in the host's loop, except that the first handle is
 * closing if the second call failed.
 */
static int host_open(struct loop *loop, uv_loop_t *host)
{
	int r = probe_memory(loop->timers->fd);

	if (r == 0) {
		r = uv_poll_init(host, &loop->host.poll, loop->epoll_fd);
	}
	if (r < 0) {
		return r;
	}
	r = uv_async_init(host, &loop->wake, on_host_wake);
	if (r < 0) {
		host_close_handle(loop, (uv_handle_t *)&loop->host.poll);
		return r;
	}
	(void)uv_idle_init(host, &loop->host.idle); /* these two cannot fail */
	(void)uv_poll_start(&loop->host.poll, UV_READABLE, on_poll);
	uv_unref((uv_handle_t *)&loop->host.poll);
	uv_unref((uv_handle_t *)&loop->wake);
	loop->is_hosted = true;
	loop->held_changed = host_held_changed;
	loop->rouse = host_rouse;
	return 0;
}

struct loop *loop_open_on(uv_loop_t *host)
{
	struct loop *loop;
	int r;

	if (host == NULL) {
		errno = EINVAL;
		return NULL;
	}
	loop = loop_allocate();
	if (loop == NULL) {
		return NULL;
	}
	r = loop_init(loop);
	if (r == 0) {
		r = host_open(loop, host);
		if (r < 0) {
			loop_fini(loop);
		}
	}
	if (r < 0) {
		if (loop->host.n_handles == 0) {
			free(loop);
		}
		errno = -r;
		return NULL;
	}
	return loop;
}

int loop_init_host(uv_loop_t *host)
{
	int fd;
	int r;

	if (host == NULL) {
		return -EINVAL;
	}
	fd = epoll_create1(EPOLL_CLOEXEC);
	r = fd < 0 ? -errno : probe_memory(fd);
	if (fd >= 0) {
		close(fd);
	}
	return r < 0 ? r : uv_loop_init(host);
}

bool loop_owns(const struct loop *loop, const uv_handle_t *handle)
{
	return loop != NULL && loop->is_hosted &&
	       (handle == (const uv_handle_t *)&loop->host.poll ||
		       handle == (const uv_handle_t *)&loop->host.idle ||
		       handle == (const uv_handle_t *)&loop->wake);
}

/* ---- the end of both ---- */

/**
 * Tasks that were posted too late do not run; their owners must not find them on a list that is
 * gone.
 */
static void loop_drop_posted(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	while (!list_empty(&loop->posted)) {
		list_remove(loop->posted.next);
	}
	pthread_mutex_unlock(&loop->lock);
}

struct loop *loop_free(struct loop *loop)
{
	if (loop == NULL) {
		return NULL;
	}
	assert(loop_is_current(loop) && !loop->running);
	loop_run_deferred(loop);
	assert(loop->n_held == 0 && list_empty(&loop->next) && list_empty(&loop->deferred));
	loop_drop_posted(loop);
	if (loop->is_hosted) {
		host_close(loop); /* which frees it */
		return NULL;
	}
	own_close(loop);
	loop_fini(loop);
	if (own_loop == loop) {
		own_loop = NULL;
	}
	free(loop);
	return NULL;
}

const char *loop_library_version(void)
{
	return uv_version_string();
}
