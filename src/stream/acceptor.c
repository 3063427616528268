/* SPDX-License-Identifier: ISC */
/*
 * Accepts on our own fd, not with uv_listen(): that accepts and closes connections when it is out
 * of fds, and libuv's handles cannot give their fd away.
 *
 * The acceptor has one phase at a time, which says which connections it still accepts:
 *
 *	RUNNING	  all
 *	SERVING	  the `n_left` in the queue: new clients are refused, handshakes may be in progress
 *	LINGERING none: handshakes in progress may complete until the timer strikes
 *	ENDING	  the `n_left` in the queue: no more can come
 *	LOOKING	  as ENDING, but the queue was empty at first: one more look, unless it is paused
 *	SHARING	  the `n_left` in the queue when it began: new clients cannot be refused
 *	DRAINED	  none: the owner must close the acceptor
 *	CLOSED	  none: it is freed at the end of the turn
 *
 *	         acceptor_drain()		 none left	 timer		 none left
 *	RUNNING ──┬── TCP ──────────▶ SERVING ──────▶ LINGERING ──▶ ENDING ──┐
 *	          ├── UNIX, queue not empty ─────────────────────▶ ENDING ───┤
 *	          ├── UNIX, empty ──▶ LOOKING ── somebody came ──▶ ENDING ───┼──▶ DRAINED
 *	          │                      └────── nobody came ────────────────┤
 *	          └── shared, or the kernel refuses nobody ──▶ SHARING ──────┘
 *	any ── acceptor_close() ──▶ CLOSED
 *
 * A pause (by the owner) and a rest (by the timer) stop accepting in any phase, alone or together,
 * and change no phase. If nothing is left to accept, the drain goes on in spite of them.
 *
 * While it is RUNNING, not paused and not resting, the fd is watched, level-triggered. A wake-up
 * accepts one connection; each turn right after it accepts twice as many as the one before, up to
 * ACCEPTOR_A_TURN. This is because an accept4() that finds the queue empty costs more than another
 * turn. After acceptor_resume(), `step` tries at once, and the fd is watched again only when the
 * queue is empty: if many acceptors are resumed for one free place, admit() refuses most of them
 * without a system call. While draining, the fd is not watched, since an empty queue causes no
 * event: `step` accepts a slice in each turn.
 *
 * The memory is freed by a deferred task, so that every callback may close the acceptor.
 */
#include "stream/acceptor.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/shortage.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/timer.h"

enum phase { RUNNING, SERVING, LINGERING, ENDING, LOOKING, SHARING, DRAINED, CLOSED };

struct acceptor {
	struct watcher watcher; /**< for fd */
	struct timer timer;     /**< for the rest, or for LINGERING, in which there is no rest */
	struct task step;       /**< draining or resumed: runs in the next turn; CLOSED: frees */
	struct acceptor_opts opts;
	int fd; /**< -1 once closed: CLOSED, and DRAINED after SHARING */
	/** SERVING, ENDING, LOOKING, SHARING: how many more may be accepted. */
	unsigned n_left;
	/** How many connections may have been in the queue before the socket had its options: they
	 * come first, and each gets its options after accept4(). On a socket of ours these are the
	 * connections that came before acceptor_open(); they have the options already. */
	unsigned n_early;
	/** RUNNING: how many the last wake-up was to accept at most, and in which turn it was. */
	unsigned slice;
	uint64_t slice_turn;
	enum phase phase;
	bool paused;
	bool resting;
	bool watched; /**< the loop watches fd */
};

static bool is_draining(const struct acceptor *acceptor)
{
	return acceptor->phase > RUNNING && acceptor->phase < DRAINED;
}

/**
 * Whether all connections that the phase accepts were accepted, so that a pause does not delay the
 * next phase.
 */
static bool is_served(const struct acceptor *acceptor)
{
	switch (acceptor->phase) {
	case SERVING:
	case ENDING:
	case SHARING:
		return acceptor->n_left == 0;
	case LOOKING:
		return acceptor->paused;
	default:
		return false;
	}
}

static bool is_accepting(const struct acceptor *acceptor)
{
	return (acceptor->phase == RUNNING || is_draining(acceptor)) &&
	       acceptor->phase != LINGERING && !acceptor->paused && !acceptor->resting &&
	       !is_served(acceptor);
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
	timer_arm(
		&acceptor->timer, clock_after(clock_ns(), (uint64_t)ACCEPTOR_REST_MS * NS_PER_MS));
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

/** Arranges that accepting or the drain goes on, unless the timer will do that. */
static void go_on(struct acceptor *acceptor)
{
	if (acceptor->phase == LINGERING || acceptor->resting) {
		return;
	}
	if (is_draining(acceptor) && (is_accepting(acceptor) || is_served(acceptor))) {
		loop_next(acceptor->opts.loop, &acceptor->step);
	} else if (is_accepting(acceptor) && !acceptor->watched && watch(acceptor) < 0) {
		/* No memory for the watch: rest, since losing the listener would be worse. */
		rest(acceptor);
	}
}

/** Whether the error is that of the new connection, not of the listener: accept(2). */
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

/**
 * Accepts the next connection that has no error of its own; the caller has taken its place. 0 or a
 * negative errno.
 */
static int accept_one(struct acceptor *acceptor)
{
	int err = 0;

	for (unsigned n_failed = 0; n_failed < ACCEPTOR_A_TURN; n_failed++) {
		union addr_sockaddr peer = {.any.sa_family = AF_UNSPEC};
		socklen_t len = sizeof(peer);
		int fd = accept4(acceptor->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			acceptor->n_left -= acceptor->n_left > 0;
			if (acceptor->phase == LOOKING) {
				acceptor->phase = ENDING;
			}
			if (acceptor->n_early > 0) {
				acceptor->n_early--;
				(void)sockopts_set(
					fd, acceptor->opts.options); /* it works without them */
			}
			acceptor->opts.accepted(acceptor->opts.owner, fd, &peer, len);
			return 0;
		}
		err = errno;
		if (!is_of_connection(err)) {
			break;
		}
	}
	/* The loop ends even if there were only errors of connections: the EPERM of a firewall may
	 * come for ever. */
	return -err;
}

/** Accepts one slice. -EAGAIN: the queue is empty; 0: there may be more; else why it must rest. */
static int accept_some(struct acceptor *acceptor, unsigned slice)
{
	for (unsigned n = 0; n < slice; n++) {
		int r;

		if (!is_accepting(acceptor)) {
			return 0; /* a callback has closed, paused or drained it */
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
	timer_arm(&acceptor->timer, NS_NEVER);
	if (!acceptor->opts.is_shared && fds_have_copies()) {
		(void)shutdown(acceptor->fd, SHUT_RD); /* or a child's copy would keep listening */
	}
	close(acceptor->fd);
	acceptor->fd = -1;
}

/** The queue is empty: waits for the handshakes in progress. */
static void linger(struct acceptor *acceptor)
{
	acceptor->phase = LINGERING;
	stop(acceptor);
	timer_arm(&acceptor->timer,
		clock_after(clock_ns(), (uint64_t)ACCEPTOR_LINGER_MS * NS_PER_MS));
}

/**
 * The drain is over: the queue is empty, or accept4() has failed with an error that a rest does not
 * cure.
 */
static void end_drain(struct acceptor *acceptor)
{
	if (acceptor->phase == SHARING) {
		shut(acceptor); /* at once: clients that come before the close may be reset */
	} else {
		stop(acceptor); /* closing takes some 50 us and can wait */
	}
	acceptor->phase = DRAINED;
	acceptor->opts.drained(acceptor->opts.owner);
}

static void accept_slice(struct acceptor *acceptor, unsigned slice)
{
	int r = is_served(acceptor) ? -EAGAIN : accept_some(acceptor, slice);

	if (acceptor->phase == CLOSED) {
		return;
	}
	if (acceptor->phase == SERVING && r == -EAGAIN) {
		linger(acceptor);
	} else if (is_draining(acceptor) && r < 0 && !is_shortage(r)) {
		end_drain(acceptor);
	} else if (r < 0 && r != -EAGAIN) {
		rest(acceptor);
		if (acceptor->opts.resting != NULL) {
			acceptor->opts.resting(acceptor->opts.owner, r);
		}
	} else if (r == 0 && !acceptor->watched && is_accepting(acceptor)) {
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

/** Whether the queue is empty. Not for a UNIX socket that refuses new clients. */
static bool is_empty(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

/** How many connections are in the queue; an upper bound if the kernel does not tell. */
static unsigned queue_length(int fd)
{
	int n = is_empty(fd) ? 0 : listen_queue_length(fd);

	return n < 0 ? LISTEN_BACKLOG : (unsigned)n;
}

static void on_timer(struct timer *timer)
{
	struct acceptor *acceptor = container_of(timer, struct acceptor, timer);

	if (acceptor->phase == LINGERING) {
		acceptor->phase = ENDING;
		acceptor->n_left = queue_length(acceptor->fd);
	}
	acceptor->resting = false;
	go_on(acceptor);
}

static void on_freed(struct task *task)
{
	free(container_of(task, struct acceptor, step));
}

struct acceptor *acceptor_open(const struct acceptor_opts *opts)
{
	struct acceptor *acceptor;
	int early;
	int r;

	if (opts == NULL || opts->loop == NULL || opts->fd < 0 || opts->accepted == NULL ||
		(opts->admit == NULL) != (opts->refused == NULL)) {
		errno = EINVAL;
		return NULL;
	}
	assert(loop_is_current(opts->loop));
	acceptor = calloc(1, sizeof(*acceptor));
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
	r = timer_open(&acceptor->timer, opts->loop, on_timer);
	if (r == 0) {
		r = watch(acceptor);
	}
	if (r < 0) {
		timer_close(&acceptor->timer);
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
	acceptor->phase = CLOSED;
	timer_close(&acceptor->timer);
	task_init(&acceptor->step, on_freed);
	loop_defer(acceptor->opts.loop, &acceptor->step);
	return NULL;
}

void acceptor_pause(struct acceptor *acceptor)
{
	if (acceptor == NULL || acceptor->phase >= DRAINED) {
		return;
	}
	assert(loop_is_current(acceptor->opts.loop));
	acceptor->paused = true;
	stop(acceptor);
	go_on(acceptor);
}

void acceptor_resume(struct acceptor *acceptor)
{
	if (acceptor == NULL || acceptor->phase >= DRAINED || !acceptor->paused) {
		return;
	}
	assert(loop_is_current(acceptor->opts.loop));
	acceptor->paused = false;
	if (is_accepting(acceptor)) {
		loop_next(acceptor->opts.loop, &acceptor->step);
	} else {
		go_on(acceptor);
	}
}

bool acceptor_is_paused(const struct acceptor *acceptor)
{
	return acceptor != NULL && acceptor->paused;
}

/** The first phase of a drain; sets n_left. */
static enum phase begin_drain(struct acceptor *acceptor)
{
	bool was_empty = is_empty(acceptor->fd);
	int r = acceptor->opts.is_shared ? -EBUSY : listen_refuse(acceptor->fd);

	if (r == 0) { /* until the queue is empty, as only accept(2) can tell now */
		acceptor->n_left = UINT_MAX;
		return was_empty ? LOOKING : ENDING;
	}
	acceptor->n_left = queue_length(acceptor->fd);
	return r < 0 ? SHARING : SERVING;
}

bool acceptor_drain(struct acceptor *acceptor)
{
	if (acceptor == NULL || acceptor->opts.drained == NULL) {
		return false;
	}
	assert(loop_is_current(acceptor->opts.loop));
	if (acceptor->phase == RUNNING) {
		acceptor->phase = begin_drain(acceptor);
		unwatch(acceptor);
		go_on(acceptor);
	}
	return acceptor->phase != SHARING;
}

int acceptor_set_options(struct acceptor *acceptor, const struct sockopts *options)
{
	const struct sockopts *before;
	int r;

	if (acceptor == NULL) {
		return -EINVAL;
	}
	assert(loop_is_current(acceptor->opts.loop));
	before = acceptor->opts.options;
	acceptor->opts.options = options;
	if (acceptor->phase >= DRAINED) {
		return 0;
	}
	r = listen_set_backlog(acceptor->fd, options, acceptor->opts.kept);
	return r < 0 || acceptor->opts.is_unix
		       ? r
		       : sockopts_change(acceptor->fd, before, options, acceptor->opts.kept);
}

int acceptor_fd(const struct acceptor *acceptor)
{
	return acceptor == NULL ? -1 : acceptor->fd;
}
