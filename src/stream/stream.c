/* SPDX-License-Identifier: ISC */
/*
 * The life of a stream: created, started, failing or closing, closed, freed (enum stream_life), and
 * the reasons why it is not read. Which events it emits and when is in stream_events.c; moving
 * bytes is in stream_io.c.
 *
 *	open ── stream_fail() ──▶ failed ── input exhausted, or not wanted ──▶ stream_finish()
 *	  │                         (half-open and not read: HANGUP, and wait for stream_resume())
 *	  └── stream_close() ──────────────────────────────────────────────────▶ closed ──▶ CLOSE
 */
#include "stream/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fds.h"
#include "stream/sigpipe.h"
#include "stream/stream_private.h"

/* ---- creation ---- */

enum {
	STREAM_IS_ONE = STREAM_IS_TCP | STREAM_IS_UNIX, /* only one of them */
	STREAM_ALL_FLAGS = STREAM_HALF_OPEN | STREAM_NONBLOCKING | STREAM_IS_ONE | STREAM_IS_MPTCP,
};

/**
 * Finds out whether the socket is Multipath TCP, which has no urgent bytes. If it is not, sets
 * SO_OOBINLINE. 0 or a negative errno.
 */
static int probe_mptcp(struct stream *s)
{
	int protocol;
	socklen_t len = sizeof(protocol);
	int on = 1;

	if (getsockopt(s->fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0) {
		return -errno;
	}
	if (protocol == IPPROTO_MPTCP) {
		s->kind = KIND_MPTCP;
		s->no_splice_in = true; /* not all kernels can */
		s->no_splice_out = true;
	} else if (setsockopt(s->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) < 0) {
		return -errno;
	}
	return 0;
}

/** Finds out what the flags do not tell; 0 or a negative errno. */
static int stream_probe(struct stream *s, unsigned flags)
{
	bool known = (flags & STREAM_IS_ONE) != 0;
	int protocol = 0;
	socklen_t len = sizeof(protocol);
	int on = 1;
	int status;

	s->kind = (flags & STREAM_IS_TCP) != 0 ? KIND_TCP : KIND_SOCKET;
	if (!known && getsockopt(s->fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0) {
		if (errno != ENOTSOCK) {
			return -errno;
		}
		s->kind = KIND_FILE;
		s->raises = !sigpipe_is_ignored();
	}
	if (protocol == IPPROTO_TCP) {
		s->kind = KIND_TCP;
	}
	if ((flags & STREAM_IS_MPTCP) != 0) {
		status = probe_mptcp(s);
		if (status < 0) {
			return status;
		}
	}
	/* For a known TCP socket, the listening socket or the connector has set this. UNIX sockets
	 * have urgent bytes too, from Linux 5.15 on, but do not inherit the option. */
	if (stream_is_socket(s) && (flags & STREAM_IS_TCP) == 0 &&
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
	/* The write end of a pipe never has input. */
	s->ended = (status & O_ACCMODE) == O_WRONLY;
	if ((status & O_NONBLOCK) == 0 && fcntl(s->fd, F_SETFL, status | O_NONBLOCK) < 0) {
		return -errno;
	}
	return 0;
}

struct stream *stream_open(struct loop *loop, int fd, unsigned flags)
{
	struct stream *s;
	int r;

	assert(loop == NULL || loop_is_current(loop));
	if (fd < 0 || flags > STREAM_ALL_FLAGS || (flags & STREAM_IS_ONE) == STREAM_IS_ONE ||
		(flags & (STREAM_IS_TCP | STREAM_IS_MPTCP)) == STREAM_IS_MPTCP) {
		errno = fd < 0 ? EBADF : EINVAL;
		return NULL;
	}
	s = calloc(1, sizeof(*s));
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
	s->watcher.ready = stream_on_ready;
	task_init(&s->later, stream_on_later);
	emitter_init(&s->emitter);
	s->half_open = (flags & STREAM_HALF_OPEN) != 0;
	s->life = LIFE_NEW;
	s->writable = true;
	s->no_shortcut = s->kind != KIND_TCP;
	s->high_water = STREAM_HIGH_WATER_DEFAULT;
	s->read_max = READ_MAX;
	s->pauses = STREAM_STOPPED;
	s->timeout_ms = STREAM_TIMEOUT_DEFAULT_S * 1000;
	s->stalled_ns = NS_NEVER;
	return s;
}

struct stream *stream_new(int fd)
{
	return stream_open(NULL, fd, 0);
}

int stream_connect_status(const struct stream *s)
{
	return s->cause == -ECONNRESET || s->cause == -EPIPE ? 0 : s->cause;
}

/* ---- ends ---- */

void stream_fail(struct stream *s, int err)
{
	uint64_t now_ns = clock_ns();

	if (s->life >= LIFE_FAILED) {
		return;
	}
	s->life = LIFE_FAILED;
	s->hangup = s->half_open ? HANGUP_NOTED : HANGUP_NONE;
	s->readable = true;
	s->no_shortcut = true;
	if (s->waiting > 0) {
		s->drain = DRAIN_NONE; /* bytes that wait are never written */
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
	/* Bytes were dropped: if the peer is still there, a FIN would tell it that all had come. */
	stream_abort(s);
}

/**
 * Detaches the stream from its fd, and ends its clock, its queue and its splicing. Returns the fd.
 * The caller ends the watch, and closes or keeps the fd.
 */
static int stream_detach(struct stream *s, enum stream_life next)
{
	int fd = s->fd;

	s->fd = -1;
	s->life = next;
	s->pauses |= STREAM_STOPPED;
	stream_wind(s);
	stream_drop_queue(s);
	stream_splice_release(s);
	return fd;
}

/** Closes the fd, if it is open, and emits nothing. */
static void stream_let_go(struct stream *s)
{
	if (!stream_has_fd(s)) {
		return;
	}
	if (s->watched && s->shared) {
		loop_unwatch(s->loop, s->fd, &s->watcher);
		s->watched = false;
	}
	close(stream_detach(s, LIFE_CLOSED));
	if (s->watched) {
		loop_forget(s->loop, &s->watcher);
	}
}

void stream_close(struct stream *s)
{
	assert(stream_is_current(s));
	if (s != NULL && stream_has_fd(s)) {
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
	} else {
		s->graceful = true;
	}
}

void stream_abort(struct stream *s)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	if (stream_is_tcp(s) && stream_has_fd(s)) {
		/* close(2) then sends RST and discards unsent bytes (tcp(7)). */
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	}
	stream_close(s);
}

int stream_steal_handle(struct stream *s)
{
	assert(stream_is_current(s));
	if (s == NULL) {
		return -EINVAL;
	}
	if (!stream_has_fd(s)) {
		return -EBADF;
	}
	if (s->waiting > 0 || (s->life != LIFE_NEW && s->life != LIFE_OPEN)) {
		return -EBUSY;
	}
	stream_uncork(s);
	if (s->watched) {
		loop_unwatch(s->loop, s->fd, &s->watcher);
	}
	return stream_detach(s, LIFE_STOLEN);
}

struct stream *stream_free(struct stream *s)
{
	if (s == NULL) {
		return NULL;
	}
	assert(stream_is_current(s) && s->life != LIFE_FREED);
	emitter_off_events(&s->emitter, UINT_MAX);
	stream_let_go(s);
	s->life = LIFE_FREED;
	if (s->loop != NULL) {
		stream_defer(s);
	} else if (s->emitter.emission == NULL) {
		free(s);
	}
	return NULL;
}

void stream_cleanup(struct stream **stream)
{
	struct stream *s = stream == NULL ? NULL : *stream;

	if (s == NULL) {
		return;
	}
	*stream = NULL;
	stream_let_go(s);
	if (s->life == LIFE_CLOSED) {
		struct event event = {.type = STREAM_CLOSE, .error = s->cause, .stream = s};

		/* stream_emit() is not used here: if a handler frees the stream, that function
		 * frees the memory, which is used below. */
		s->life = LIFE_TOLD;
		emitter_emit(&s->emitter, &event);
	}
	if (s->life != LIFE_FREED) {
		(void)stream_free(s);
	} else if (s->loop == NULL && s->emitter.emission == NULL) {
		free(s);
	}
}

/* ---- pausing ---- */

/** Starts or resumes reading: all of stream_start() except removing the reason. */
static int stream_begin(struct stream *s)
{
	int r = stream_watch(s);

	if (r < 0) {
		return r;
	}
	if (s->life == LIFE_NEW) {
		s->life = LIFE_OPEN;
	}
	if (s->clock == NULL) {
		stream_wind(s);
	}
	return 0;
}

int stream_start(struct stream *s)
{
	return stream_resume(s, STREAM_STOPPED);
}

void stream_stop(struct stream *s)
{
	(void)stream_pause(s, STREAM_STOPPED);
}

bool stream_is_started(const struct stream *s)
{
	return s != NULL && (s->pauses & STREAM_STOPPED) == 0;
}

/** Whether reasons may be added and removed: 0 or a negative errno. */
static int stream_check_pauses(const struct stream *s, unsigned reasons)
{
	if (s == NULL || reasons > STREAM_ALL_PAUSES) {
		return -EINVAL;
	}
	assert(stream_is_current(s));
	return stream_has_fd(s) ? 0 : -EBADF;
}

int stream_pause(struct stream *s, unsigned reasons)
{
	int r = stream_check_pauses(s, reasons);

	if (r == 0) {
		s->pauses |= (uint8_t)reasons;
	}
	return r;
}

int stream_resume(struct stream *s, unsigned reasons)
{
	int r = stream_check_pauses(s, reasons);

	if (r == 0 && (reasons & STREAM_STOPPED) != 0) {
		r = stream_begin(s);
	}
	if (r < 0) {
		return r;
	}
	s->pauses &= (uint8_t)~reasons;
	if (stream_reads(s) && s->readable && !s->ended) {
		loop_next(s->loop, &s->later);
	}
	return 0;
}

unsigned stream_pauses(const struct stream *s)
{
	return s == NULL ? 0 : s->pauses;
}
