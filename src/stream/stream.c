/* SPDX-License-Identifier: ISC */
/*
 * The life of a stream: made, started, failing or closing, closed, freed (enum stream_life), and
 * the reasons for which it is not read. What is told of it, and when, is stream_events.c's; the
 * bytes are stream_io.c's.
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

/* ---- birth ---- */

enum {
	STREAM_IS_ONE = STREAM_IS_TCP | STREAM_IS_UNIX, /* not both */
	STREAM_ALL_FLAGS = STREAM_HALF_OPEN | STREAM_NONBLOCKING | STREAM_IS_ONE | STREAM_IS_MPTCP,
};

/** Of TCP that may be Multipath TCP, which knows no urgent bytes. 0 or a negative errno. */
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

/** Finds out what the flags do not say; 0 or a negative errno. */
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
	/* Of TCP that is known the listening socket, or who connects it, saw to it. UNIX sockets
	 * know urgent bytes too, from Linux 5.15 on, but inherit nothing. */
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
	/* A pipe's end to write to has nothing to read, ever. */
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

/* ---- endings ---- */

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
		s->drain = DRAIN_NONE; /* what waits never goes out */
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

/** Lets go of the fd and of what hangs on it; the fd itself is the caller's to close or keep. */
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

/** Closes the fd, if it is open, and says nothing. */
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
		/* close(2) then sends RST and throws away what was not sent (tcp(7)). */
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

		/* A handler may free it, but not its memory: that stream_emit() would do. */
		s->life = LIFE_TOLD;
		emitter_emit(&s->emitter, &event);
	}
	if (s->life != LIFE_FREED) {
		(void)stream_free(s);
	} else if (s->loop == NULL && s->emitter.emission == NULL) {
		free(s);
	}
}

/* ---- reading or not ---- */

/** Lets it be read for the first time, or again: all of stream_start() but the reason's end. */
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

/** Whether reasons may be added and taken away: 0 or a negative errno. */
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
