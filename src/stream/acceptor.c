/* SPDX-License-Identifier: ISC */
/*
 * Accepting on our own fd: libuv's uv_listen() accepts and closes when it is out of fds, and its
 * handles cannot give their fd away.
 *
 *	running		watched, level-triggered: one connection a wake-up, and twice as many in
 *			each turn right after, up to ACCEPTOR_A_TURN: to find the queue empty
 *			costs more than another turn
 *	paused, resting	not watched; the timer watches again, resume tries at once, without a watch
 *			until the queue is empty: of many that are resumed for one place most are
 *			refused, at no system call
 *	draining	not watched, since an empty queue makes no event: `step` runs a slice a turn
 *
 * The memory is freed by a deferred task, so that every callback may close the acceptor.
 */
#include "stream/acceptor.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/shortage.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/timer.h"

struct acceptor {
	struct watcher watcher; /**< of fd */
	struct timer rest;      /**< resting; draining: the handshakes that are under way */
	struct task step;       /**< draining, resumed: next turn; closed: free */
	struct acceptor_opts opts;
	int fd;          /**< -1 once closed */
	unsigned n_left; /**< draining: how many at most are still accepted */
	/** How many may have been in the queue before the socket had its options: these come first,
	 * and get theirs one by one. None but with an inherited socket. */
	unsigned n_early;
	unsigned slice; /**< running: how many are accepted at once, and in which turn they were */
	uint64_t slice_turn;
	bool watched;
	bool paused;
	bool resting;
	bool draining;
	bool was_empty; /**< draining: nobody waited when it began, nor came since */
	bool refuses;   /**< draining: and lets nobody new in */
	bool drained;   /**< and that is over */
	bool to_linger; /**< draining: handshakes may be under way */
	bool lingering; /**< and `rest` waits for them */
};

/** All that waited when draining began was accepted; a pause does not hold up the end then. */
static bool is_drained(const struct acceptor *acceptor)
{
	return acceptor->draining &&
	       (acceptor->n_left == 0 || (acceptor->was_empty && acceptor->paused));
}

static bool is_accepting(const struct acceptor *acceptor)
{
	return acceptor->fd >= 0 && !acceptor->drained && !acceptor->paused && !acceptor->resting &&
	       !is_drained(acceptor);
}

static void unwatch(struct acceptor *acceptor)
{
	if (acceptor->watched) {
		acceptor->watched = false;
		loop_unwatch(acceptor->opts.loop, acceptor->fd, &acceptor->watcher);
	}
}

static void stop(struct acceptor *acceptor)
{
	unwatch(acceptor);
	loop_cancel(acceptor->opts.loop, &acceptor->step);
}

static void rest(struct acceptor *acceptor)
{
	acceptor->resting = true;
	timer_arm(&acceptor->rest, clock_after(clock_ns(), (uint64_t)ACCEPTOR_REST_MS * NS_PER_MS));
	stop(acceptor);
}

static void on_ready(struct watcher *watcher, uint32_t events);

static int watch(struct acceptor *acceptor)
{
	int r;

	acceptor->watcher.ready = on_ready; /* loop_unwatch() cleared it */
	r = loop_watch_listen(acceptor->opts.loop, acceptor->fd, &acceptor->watcher);
	acceptor->watched = r == 0;
	return r;
}

/** Sees to it that more is accepted, unless a pause or a rest holds it up. */
static void go_on(struct acceptor *acceptor)
{
	if (acceptor->drained || acceptor->resting) {
		return; /* there is nothing to go on with, or the timer does it */
	}
	if (acceptor->draining && (is_accepting(acceptor) || is_drained(acceptor))) {
		loop_next(acceptor->opts.loop, &acceptor->step);
	} else if (is_accepting(acceptor) && !acceptor->watched && watch(acceptor) < 0) {
		rest(acceptor); /* out of memory for the watch: a lost listener would be worse */
	}
}

/** The errors of the connection that was to be accepted, not of the listener: accept(2). */
static bool is_of_connection(int err)
{
	switch (err) {
	case ECONNABORTED:
	case EINTR:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

static bool take_place(struct acceptor *acceptor)
{
	return acceptor->opts.admit == NULL || acceptor->opts.admit(acceptor->opts.owner);
}

static void give_place_back(struct acceptor *acceptor)
{
	if (acceptor->opts.refused != NULL) {
		acceptor->opts.refused(acceptor->opts.owner);
	}
}

/** Accepts one, if there is a sound one, for a place that is taken. 0 or a negative errno. */
static int accept_one(struct acceptor *acceptor)
{
	int err = 0;

	for (unsigned n_failed = 0; n_failed < ACCEPTOR_A_TURN; n_failed++) {
		union addr_sockaddr peer = {.any.sa_family = AF_UNSPEC};
		socklen_t len = sizeof(peer);
		int fd = accept4(acceptor->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			acceptor->n_left -= acceptor->n_left > 0;
			acceptor->was_empty = false;
			if (acceptor->n_early > 0) {
				acceptor->n_early--;
				(void)sockopts_set(
					fd, acceptor->opts.options); /* at worst it is slow */
			}
			acceptor->opts.accepted(acceptor->opts.owner, fd, &peer, len);
			return 0;
		}
		err = errno;
		if (!is_of_connection(err)) {
			break;
		}
	}
	/* Nothing but such errors (a firewall's EPERM may come for ever): never spin on them. */
	return -err;
}

/** One slice. -EAGAIN: the queue is empty; 0: there may be more; or why it has to rest. */
static int accept_some(struct acceptor *acceptor, unsigned slice)
{
	for (unsigned n = 0; n < slice; n++) {
		int r;

		if (!is_accepting(acceptor)) {
			return 0; /* closed, paused, or drained, by a callback */
		}
		if (!take_place(acceptor)) {
			acceptor_pause(acceptor);
			return 0;
		}
		if (!is_accepting(acceptor)) {
			give_place_back(acceptor);
			return 0;
		}
		r = accept_one(acceptor);
		if (r < 0) {
			give_place_back(acceptor);
			return r;
		}
	}
	return 0;
}

static void shut(struct acceptor *acceptor)
{
	stop(acceptor);
	timer_arm(&acceptor->rest, NS_NEVER);
	close(acceptor->fd);
	acceptor->fd = -1;
}

static unsigned queue_length(int fd);

/** The queue is served: waits for handshakes that are under way, once. Whether there is a wait. */
static bool linger(struct acceptor *acceptor)
{
	if (!acceptor->to_linger) {
		return false;
	}
	acceptor->to_linger = false;
	acceptor->lingering = true;
	acceptor->resting = true;
	stop(acceptor);
	timer_arm(
		&acceptor->rest, clock_after(clock_ns(), (uint64_t)ACCEPTOR_LINGER_MS * NS_PER_MS));
	return true;
}

/** The queue is empty, or will not be read any better by waiting. */
static void end_drain(struct acceptor *acceptor)
{
	acceptor->drained = true;
	if (acceptor->refuses) {
		stop(acceptor); /* closing takes some 50 us, and can wait */
	} else {
		shut(acceptor); /* at once: who comes now would be reset */
	}
	acceptor->opts.drained(acceptor->opts.owner);
}

static void accept_slice(struct acceptor *acceptor, unsigned slice)
{
	int r = is_drained(acceptor) ? -EAGAIN : accept_some(acceptor, slice);

	if (acceptor->fd < 0) {
		return;
	}
	if (acceptor->draining && r == -EAGAIN && linger(acceptor)) {
		return;
	}
	if (acceptor->draining && r < 0 && !is_shortage(r)) {
		end_drain(acceptor);
		return;
	}
	if (r < 0 && r != -EAGAIN) {
		rest(acceptor);
		if (acceptor->opts.resting != NULL) {
			acceptor->opts.resting(acceptor->opts.owner, r);
		}
		return;
	}
	if (r == 0 && !acceptor->watched && is_accepting(acceptor)) {
		loop_next(acceptor->opts.loop, &acceptor->step);
	} else {
		go_on(acceptor);
	}
}

static void on_ready(struct watcher *watcher, uint32_t events)
{
	struct acceptor *acceptor = container_of(watcher, struct acceptor, watcher);
	uint64_t turn = loop_turns(acceptor->opts.loop);

	(void)events;
	if (turn != acceptor->slice_turn + 1) {
		acceptor->slice = 1;
		acceptor->slice_turn = UINT64_MAX; /* long ago */
	} else if (acceptor->slice < ACCEPTOR_A_TURN) {
		acceptor->slice *= 2;
	}
	acceptor->slice_turn = turn;
	accept_slice(acceptor, acceptor->slice);
}

static void on_step(struct task *task)
{
	accept_slice(container_of(task, struct acceptor, step), ACCEPTOR_A_TURN);
}

static void on_rested(struct timer *timer)
{
	struct acceptor *acceptor = container_of(timer, struct acceptor, rest);

	acceptor->resting = false;
	if (acceptor->lingering) {
		acceptor->lingering = false;
		acceptor->n_left = queue_length(acceptor->fd);
		acceptor->was_empty = acceptor->n_left == 0;
	}
	go_on(acceptor);
}

static void on_freed(struct task *task)
{
	free(container_of(task, struct acceptor, step));
}

struct acceptor *acceptor_open(const struct acceptor_opts *opts)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
	int early;
	int r;

	assert(loop_is_current(opts->loop));
	assert((opts->admit == NULL) == (opts->refused == NULL));
	if (acceptor == NULL) {
		return NULL;
	}
	acceptor->opts = *opts;
	acceptor->fd = opts->fd;
	early = listen_queue_length(acceptor->fd);
	acceptor->n_early = early < 0 ? 0 : (unsigned)early;
	acceptor->slice = 1;
	acceptor->slice_turn = UINT64_MAX; /* long ago */
	task_init(&acceptor->step, on_step);
	r = timer_open(&acceptor->rest, opts->loop, on_rested);
	if (r == 0) {
		r = watch(acceptor);
	}
	if (r < 0) {
		timer_close(&acceptor->rest);
		free(acceptor);
		errno = -r;
		return NULL;
	}
	return acceptor;
}

struct acceptor *acceptor_close(struct acceptor *acceptor)
{
	if (acceptor == NULL) {
		return NULL;
	}
	assert(loop_is_current(acceptor->opts.loop));
	if (acceptor->fd >= 0) {
		shut(acceptor);
	}
	timer_close(&acceptor->rest);
	task_init(&acceptor->step, on_freed);
	loop_defer(acceptor->opts.loop, &acceptor->step);
	return NULL;
}

void acceptor_pause(struct acceptor *acceptor)
{
	assert(loop_is_current(acceptor->opts.loop));
	if (acceptor->fd >= 0) {
		acceptor->paused = true;
		stop(acceptor);
		go_on(acceptor);
	}
}

void acceptor_resume(struct acceptor *acceptor)
{
	assert(loop_is_current(acceptor->opts.loop));
	if (acceptor->fd < 0 || acceptor->drained || !acceptor->paused) {
		return;
	}
	acceptor->paused = false;
	if (is_accepting(acceptor)) {
		loop_next(acceptor->opts.loop, &acceptor->step);
	} else {
		go_on(acceptor);
	}
}

bool acceptor_is_paused(const struct acceptor *acceptor)
{
	return acceptor->paused;
}

/** How many connections wait now; a bound for it where the kernel does not tell. */
static unsigned queue_length(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int n;

	if (poll(&poll_fd, 1, 0) == 0) {
		return 0;
	}
	n = listen_queue_length(fd);
	return n < 0 ? LISTEN_BACKLOG : (unsigned)n;
}

bool acceptor_drain(struct acceptor *acceptor)
{
	int r;

	assert(loop_is_current(acceptor->opts.loop) && acceptor->opts.drained != NULL);
	if (acceptor->draining || acceptor->fd < 0) {
		return !acceptor->opts.is_shared;
	}
	acceptor->draining = true;
	acceptor->n_left = queue_length(acceptor->fd);
	r = acceptor->opts.is_shared ? -EBUSY : listen_refuse(acceptor->fd);
	acceptor->refuses = r >= 0;
	acceptor->to_linger = r > 0;
	acceptor->was_empty = acceptor->n_left == 0;
	if (r >= 0 && acceptor->was_empty) {
		acceptor->n_left = LISTEN_BACKLOG; /* who came meanwhile, if any: until EAGAIN */
	}
	unwatch(acceptor);
	go_on(acceptor);
	return r >= 0;
}

int acceptor_set_options(struct acceptor *acceptor, const struct sockopts *options)
{
	int r;

	assert(loop_is_current(acceptor->opts.loop));
	acceptor->opts.options = options;
	if (acceptor->fd < 0 || acceptor->drained) {
		return 0;
	}
	r = listen_set_backlog(acceptor->fd, options, acceptor->opts.kept);
	return r < 0 || acceptor->opts.is_unix
		       ? r
		       : sockopts_change(acceptor->fd, options, acceptor->opts.kept);
}

int acceptor_fd(const struct acceptor *acceptor)
{
	return acceptor->fd;
}
