/* SPDX-License-Identifier: ISC */
/*
 * The life of a stream: new, started, failing or closing, closed, freed. The bytes are
 * stream_io.c's.
 *
 * What has to be told is noted where it happens and told from one place, on_later(), a deferred
 * task: so nothing is emitted from inside a call by the user, and the order is always WRITE, DRAIN,
 * HANGUP, ERROR, CLOSE. READ, END and TIMEOUT are emitted where they happen, from the loop.
 *
 *	open ── stream_fail() ──▶ failed ── input exhausted, or not wanted ──▶ stream_finish()
 *	  │                         (half-open and stopped: HANGUP, and wait for stream_start())
 *	  └── stream_close() ──────────────────────────────────────────────────▶ closed ──▶ CLOSE
 */
#include "stream/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fds.h"
#include "stream/stream_private.h"

void stream_emit(struct stream *s, const struct event *event)
{
	assert(stream_is_current(s));
	if (event->type == STREAM_ERROR && !emitter_has(&s->emitter, STREAM_ERROR)) {
		/* Contract: an error that nobody handles is fatal. */
		fprintf(stderr, "stream: unhandled error: %s\n", strerror(-event->error));
		abort();
	}
	emitter_emit(&s->emitter, event);
	if (s->freed && s->loop == NULL && s->emitter.emission == NULL && !s->held) {
		free(s); /* by a handler: no loop does it later */
	}
}

void stream_tell(struct stream *s, enum stream_event type, const void *data, size_t len)
{
	struct event event = {
		.type = type, .error = s->cause, .stream = s, .data = data, .len = len};

	stream_emit(s, &event);
}

/* ---- telling ---- */

void stream_defer(struct stream *s)
{
	s->deferred = true;
	loop_defer(s->loop, &s->later);
}

/**
 * WRITE and DRAIN, once a turn: a handler that writes again hears of it in the next, so that others
 * have their turn too. Only what comes before an end does not wait.
 */
static void stream_tell_progress(struct stream *s)
{
	bool drained = s->drain_due && s->waiting == 0;
	uint16_t turn = (uint16_t)loop_turns(s->loop);

	if (!drained && !stream_has_taken(s)) {
		return;
	}
	if (s->told_turn == turn && s->cause == 0 && (s->hangup_told || !s->hung_up)) {
		loop_next(s->loop, &s->later);
		return;
	}
	s->told_turn = turn;
	stream_tell_taken(s);
	if (s->fd >= 0 && s->drain_due && s->waiting == 0) {
		s->drain_due = false;
		stream_tell(s, STREAM_DRAIN, NULL, 0);
	}
}

/** A failed or hung-up stream: who shall know, and is there anything left to read? */
static void stream_settle(struct stream *s)
{
	if (s->cause != 0 && (s->ended || s->graceful || (!stream_reads(s) && !s->half_open))) {
		stream_finish(s);
		return;
	}
	if (s->hung_up && !s->hangup_told) {
		s->hangup_told = true;
		stream_tell(s, STREAM_HANGUP, NULL, 0);
	}
}

/** All that happened since the last time, but for the end. */
static void stream_tell_news(struct stream *s)
{
	stream_tell_progress(s);
	if (s->fd >= 0 && (s->cause != 0 || s->hung_up)) {
		stream_settle(s);
	}
	if (s->fd >= 0 && s->graceful && s->cause == 0 && !stream_is_writing(s)) {
		stream_close(s);
	}
}

static void stream_release(struct stream *s)
{
	loop_cancel(s->loop, &s->later);
	free(s);
}

static void stream_tell_close(struct stream *s)
{
	if (!s->stolen && !s->close_told) {
		s->close_told = true;
		stream_tell(s, STREAM_CLOSE, NULL, 0);
	}
}

static bool stream_can_go_on(const struct stream *s)
{
	return (s->waiting > 0 && s->writable) || (stream_reads(s) && s->readable);
}

/** The next share of what there is to write and to read. */
static void stream_go_on(struct stream *s)
{
	if (s->waiting > 0 && s->writable) {
		stream_flush(s);
	}
	if (stream_reads(s) && s->readable) {
		stream_read(s);
	}
}

static void on_later(struct task *task)
{
	struct stream *s = container_of(task, struct stream, later);
	bool was_deferred = s->deferred;

	s->deferred = false;
	if (s->freed) {
		stream_release(s);
		return;
	}
	if (s->fd >= 0) {
		stream_tell_news(s);
	}
	if (s->fd < 0) {
		stream_tell_close(s);
	} else if (!was_deferred) {
		stream_go_on(s);
	} else if (stream_can_go_on(s)) {
		loop_next(s->loop, &s->later);
	}
}

void stream_fail(struct stream *s, int err)
{
	uint64_t now_ns = clock_ns();

	if (s->cause != 0 || s->fd < 0) {
		return;
	}
	s->hung_up = s->half_open;
	s->hangup_told = false;
	s->readable = true;
	s->no_shortcut = true;
	if (s->waiting > 0) {
		s->drain_due = false; /* what waits never goes out */
	}
	stream_drop_queue(s);
	s->cause = (int16_t)err;
	s->cause_ns = now_ns;
	stream_defer(s);
}

void stream_finish(struct stream *s)
{
	if (s->cause != -ECONNRESET && s->cause != -EPIPE) {
		stream_tell(s, STREAM_ERROR, NULL, 0);
	}
	/* What waited was dropped: were the peer still there, a FIN would make it look complete. */
	stream_abort(s);
}

/* ---- readiness ---- */

/** The socket's pending error, which the kernel tells only once. */
static int stream_take_error(const struct stream *s)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!s->is_socket) {
		return -EPIPE;
	}
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0) {
		err = errno;
	}
	return -err;
}

static void stream_note_events(struct stream *s, uint32_t events)
{
	if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
		s->readable = true;
	}
	if ((events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
		s->no_shortcut = true;
	}
	if ((events & EPOLLOUT) != 0) {
		s->writable = true;
	}
	if ((events & EPOLLERR) != 0) {
		int err = stream_take_error(s);

		if (err != 0) {
			stream_fail(s, err);
		}
	} else if ((events & EPOLLHUP) != 0 && s->half_open && !s->is_tcp && !s->shut &&
		   !s->hung_up) {
		/* A UNIX peer that closed takes nothing any more; TCP does not tell. */
		s->hung_up = true;
		stream_defer(s);
	}
}

static void on_connect_event(struct stream *s, uint32_t events)
{
	struct task *task = s->connecting;

	if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) {
		return;
	}
	/* First the connector, then what stream_note_events() may have to tell its successor. */
	s->is_connecting = false;
	s->splice_to = NULL;
	loop_defer(s->loop, task);
	stream_note_events(s, events);
}

static void on_ready(struct watcher *watcher, uint32_t events)
{
	struct stream *s = container_of(watcher, struct stream, watcher);

	if (s->is_connecting) {
		on_connect_event(s, events);
		return;
	}
	stream_note_events(s, events);
	if (s->writable && s->waiting > 0) {
		stream_flush(s);
	}
	if (stream_reads(s) && s->readable && s->cause == 0) {
		stream_read(s); /* after a failure, on_later() goes on, when it has told */
	}
}

int stream_watch(struct stream *s)
{
	int r;

	if (s->watched) {
		return 0;
	}
	if (stream_loop(s) == NULL) {
		return -ENOMEM;
	}
	r = loop_watch(s->loop, s->fd, &s->watcher);
	if (r == 0) {
		s->watched = true;
	}
	return r;
}

int stream_await_connect(struct stream *s, struct task *task)
{
	s->is_connecting = true;
	s->connecting = task;
	return stream_watch(s);
}

int stream_connect_status(const struct stream *s)
{
	return s->cause == -ECONNRESET || s->cause == -EPIPE ? 0 : s->cause;
}

/* ---- life ---- */

/** Finds out what the flags do not say; 0 or a negative errno. */
static int stream_probe(struct stream *s, unsigned flags)
{
	bool known = (flags & (STREAM_IS_TCP | STREAM_IS_UNIX)) != 0;
	int protocol = 0;
	socklen_t len = sizeof(protocol);
	int on = 1;
	int status;

	s->is_socket = true;
	s->is_tcp = (flags & STREAM_IS_TCP) != 0;
	if (!known && getsockopt(s->fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0) {
		if (errno != ENOTSOCK) {
			return -errno;
		}
		s->is_socket = false;
	}
	if (protocol == IPPROTO_TCP) {
		s->is_tcp = true;
	}
	/* Of TCP that is known the listening socket, or who connects it, saw to it. UNIX sockets
	 * know urgent bytes too, from Linux 5.15 on, but inherit nothing. */
	if (s->is_socket && (flags & STREAM_IS_TCP) == 0 &&
		setsockopt(s->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) < 0) {
		return -errno;
	}
	s->shared = !known || fds_have_copies();
	if (known && (flags & STREAM_NONBLOCKING) != 0) {
		return 0;
	}
	status = fcntl(s->fd, F_GETFL);
	if (status < 0) {
		return -errno;
	}
	/* A pipe's end to write to has nothing to read, ever. */
	s->ended = (status & O_ACCMODE) == O_WRONLY;
	if ((status & O_NONBLOCK) == 0 && fcntl(s->fd, F_SETFL, status | O_NONBLOCK) < 0) {
		return -errno;
	}
	return 0;
}

struct stream *stream_open(struct loop *loop, int fd, unsigned flags)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	assert(loop == NULL || loop_is_current(loop));
	if (s == NULL) {
		return NULL;
	}
	s->fd = fd;
	r = stream_probe(s, flags);
	if (r < 0) {
		free(s);
		errno = -r;
		return NULL;
	}
	s->loop = loop;
	s->watcher.ready = on_ready;
	task_init(&s->later, on_later);
	emitter_init(&s->emitter);
	s->half_open = (flags & STREAM_HALF_OPEN) != 0;
	s->writable = true;
	s->no_shortcut = !s->is_tcp;
	s->high_water = STREAM_HIGH_WATER_DEFAULT;
	s->read_max = BYTES_A_TURN;
	s->pauses = STREAM_STOPPED;
	s->timeout_ns = (uint64_t)STREAM_TIMEOUT_DEFAULT_S * NS_PER_S;
	s->stalled_ns = NS_NEVER;
	return s;
}

struct stream *stream_new(int fd)
{
	return stream_open(NULL, fd, 0);
}

/** Lets go of the fd and of what hangs on it; the fd itself is the caller's to close or keep. */
static int stream_detach(struct stream *s)
{
	int fd = s->fd;

	s->fd = -1;
	s->pauses |= STREAM_STOPPED;
	s->is_connecting = false;
	s->splice_to = NULL;
	stream_wind(s);
	stream_drop_queue(s);
	return fd;
}

/** Closes the fd, if it is open, and says nothing. */
static void stream_let_go(struct stream *s)
{
	if (s->fd < 0) {
		return;
	}
	if (s->watched && s->shared) {
		loop_unwatch(s->loop, s->fd, &s->watcher);
		s->watched = false;
	}
	close(stream_detach(s));
	if (s->watched) {
		loop_forget(s->loop, &s->watcher);
	}
}

void stream_close(struct stream *s)
{
	assert(stream_is_current(s));
	if (s->fd >= 0) {
		stream_let_go(s);
		if (stream_loop(s) != NULL) {
			stream_defer(s);
		}
	}
}

void stream_close_gracefully(struct stream *s)
{
	assert(stream_is_current(s));
	if (!stream_is_writing(s)) {
		stream_close(s);
	}
	s->graceful = true;
}

void stream_abort(struct stream *s)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	if (s->fd >= 0 && s->is_tcp) {
		/* close(2) then sends RST and throws away what was not sent (tcp(7)). */
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	}
	stream_close(s);
}

int stream_steal_handle(struct stream *s)
{
	assert(stream_is_current(s));
	if (s->fd < 0) {
		return -EBADF;
	}
	if (s->waiting > 0 || s->cause != 0) {
		return -EBUSY;
	}
	if (s->watched) {
		loop_unwatch(s->loop, s->fd, &s->watcher);
	}
	s->stolen = true;
	return stream_detach(s);
}

struct stream *stream_free(struct stream *s)
{
	if (s == NULL) {
		return NULL;
	}
	assert(stream_is_current(s) && !s->freed);
	emitter_off_events(&s->emitter, UINT_MAX);
	stream_let_go(s);
	s->freed = true;
	if (s->loop != NULL) {
		stream_defer(s);
	} else if (s->emitter.emission == NULL && !s->held) {
		free(s);
	}
	return NULL;
}

void stream_cleanup(struct stream **stream)
{
	struct stream *s = *stream;

	*stream = NULL;
	if (s == NULL) {
		return;
	}
	/* A handler of CLOSE may free it. */
	s->held = true;
	stream_let_go(s);
	stream_tell_close(s);
	s->held = false;
	if (!s->freed) {
		(void)stream_free(s);
	} else if (s->loop == NULL) {
		free(s);
	}
}

int stream_start(struct stream *s)
{
	int r;

	assert(stream_is_current(s));
	if (s->fd < 0) {
		return -EBADF;
	}
	r = stream_watch(s);
	if (r < 0) {
		return r;
	}
	s->once_started = true;
	if (s->clock == NULL) {
		stream_wind(s);
	}
	return stream_resume(s, STREAM_STOPPED);
}

void stream_stop(struct stream *s)
{
	(void)stream_pause(s, STREAM_STOPPED);
}

bool stream_is_started(const struct stream *s)
{
	return (s->pauses & STREAM_STOPPED) == 0;
}

int stream_pause(struct stream *s, unsigned reasons)
{
	assert(stream_is_current(s));
	if (reasons > STREAM_ALL_PAUSES) {
		return -EINVAL;
	}
	if (s->fd < 0) {
		return -EBADF;
	}
	s->pauses |= (uint8_t)reasons;
	return 0;
}

int stream_resume(struct stream *s, unsigned reasons)
{
	assert(stream_is_current(s));
	if (reasons > STREAM_ALL_PAUSES) {
		return -EINVAL;
	}
	if (s->fd < 0) {
		return -EBADF;
	}
	s->pauses &= (uint8_t)~reasons;
	if (stream_reads(s) && s->readable && !s->ended) {
		loop_next(s->loop, &s->later);
	}
	return 0;
}

unsigned stream_pauses(const struct stream *s)
{
	return s->pauses;
}
