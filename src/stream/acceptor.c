/* SPDX-License-Identifier: ISC */
/*
 * Accepting on our own fd: libuv's uv_listen() accepts and closes when it is out of fds, and its
 * handles cannot give their fd away.
 *
 * What is still accepted is the acceptor's phase. The phases exclude each other:
 *
 *	RUNNING	  whoever comes
 *	SERVING	  those `n_left` that wait: newcomers are refused, handshakes may be under way
 *	LINGERING nobody: these handshakes have until the timer strikes
 *	ENDING	  those `n_left` that wait: nobody can come any more
 *	LOOKING	  as ENDING, but when it began nobody waited: one look more, unless it is paused
 *	SHARING	  those `n_left` that waited when it began: newcomers cannot be refused
 *	DRAINED	  nobody: the owner is to close it
 *	CLOSED	  nobody: it is freed at the end of the turn
 *
 *	         acceptor_drain()		 nobody left	 timer		 nobody left
 *	RUNNING ──┬── TCP ──────────▶ SERVING ──────▶ LINGERING ──▶ ENDING ──┐
 *	          ├── UNIX ─────────▶ LOOKING ── somebody came ──▶ ENDING ───┼──▶ DRAINED
 *	          └── shared, or the kernel refuses nobody ──▶ SHARING ──────┘
 *	any ── acceptor_close() ──▶ CLOSED
 *
 * A pause (the owner's) and a rest (the timer's) hold up accepting in any phase, together or alone,
 * and change no phase. A queue that is served needs no accepting, so they do not hold up its end.
 *
 * Where it is RUNNING and not held up, the fd is watched, level-triggered: one connection a
 * wake-up, and twice as many in each turn right after, up to ACCEPTOR_A_TURN; to find the queue
 * empty costs more than another turn. Who is resumed tries at once (`step`), without a watch until
 * the queue is empty: of many that are resumed for one place most are refused, at no system call.
 * What drains is not watched, since an empty queue makes no event: `step` runs a slice a turn.
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

#include "base/shortage.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/timer.h"

enum phase { RUNNING, SERVING, LINGERING, ENDING, LOOKING, SHARING, DRAINED, CLOSED };

struct acceptor {
	struct watcher watcher; /**< of fd */
	struct timer timer;     /**< of the rest, or of LINGERING, in which there is none */
	struct task step;       /**< draining, resumed: next turn; CLOSED: free */
	struct acceptor_opts opts;
	int fd;          /**< -1 once closed: CLOSED, and DRAINED after SHARING */
	unsigned n_left; /**< SERVING, ENDING, LOOKING, SHARING: how many at most are accepted */
	/** How many may have been in the queue before the socket had its options: these come first,
	 * and get theirs one by one. None but with an inherited socket. */
	unsigned n_early;
	unsigned slice; /**< RUNNING: how many are accepted at once, and in which turn they were */
	uint64_t slice_turn;
	enum phase phase;
	bool paused;
	bool resting;
	bool watched; /**< fd is in the loop's set */
};

static bool is_draining(const struct acceptor *acceptor)
{
	return acceptor->phase > RUNNING && acceptor->phase < DRAINED;
}

/** Everybody whom the phase still accepts was accepted; a pause does not hold up what follows. */
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

/** Sees to it that more is accepted, or that the drain goes on; unless the timer does it. */
static void go_on(struct acceptor *acceptor)
{
	if (acceptor->phase == LINGERING || acceptor->resting) {
		return;
	}
	if (is_draining(acceptor) && (is_accepting(acceptor) || is_served(acceptor))) {
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
			if (acceptor->phase == LOOKING) {
				acceptor->phase = ENDING;
			}
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
	timer_arm(&acceptor->timer, NS_NEVER);
	close(acceptor->fd);
	acceptor->fd = -1;
}

/** The queue is served: waits for the handshakes that are under way. */
static void linger(struct acceptor *acceptor)
{
	acceptor->phase = LINGERING;
	stop(acceptor);
	timer_arm(&acceptor->timer,
		clock_after(clock_ns(), (uint64_t)ACCEPTOR_LINGER_MS * NS_PER_MS));
}

/** The queue is empty, or will not be read any better by waiting. */
static void end_drain(struct acceptor *acceptor)
{
	if (acceptor->phase == SHARING) {
		shut(acceptor); /* at once: who comes now would be reset */
	} else {
		stop(acceptor); /* closing takes some 50 us, and can wait */
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

/** Whether nobody waits; told of no UNIX socket that refuses newcomers. */
static bool is_empty(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

/** How many wait now; a bound for it where the kernel does not tell. */
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

/** The first phase of a drain, and whom it accepts. */
static enum phase begin_drain(struct acceptor *acceptor)
{
	bool was_empty = is_empty(acceptor->fd);
	int r = acceptor->opts.is_shared ? -EBUSY : listen_refuse(acceptor->fd);

	if (r == 0) { /* until it is empty, which only accept(2) tells now */
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
	int r;

	if (acceptor == NULL) {
		return -EINVAL;
	}
	assert(loop_is_current(acceptor->opts.loop));
	acceptor->opts.options = options;
	if (acceptor->phase >= DRAINED) {
		return 0;
	}
	r = listen_set_backlog(acceptor->fd, options, acceptor->opts.kept);
	return r < 0 || acceptor->opts.is_unix
		       ? r
		       : sockopts_change(acceptor->fd, options, acceptor->opts.kept);
}

int acceptor_fd(const struct acceptor *acceptor)
{
	return acceptor == NULL ? -1 : acceptor->fd;
}
