/* SPDX-License-Identifier: ISC */
/*
 * Moves the bytes of a stream.
 *
 * In: recv into the loop's shared buffer and emit READ, until EAGAIN, or until a short read, if
 * only an empty socket explains it (TCP only: on UNIX a read also ends where other credentials
 * begin, at a passed fd and at an urgent byte), or until the stream's share of the turn is used up
 * (then it waits in line for the next turn). Out: the kernel accepts what it can at once; the rest
 * waits in chunks (stream_queue.c). Large amounts may bypass both: stream_splice.c.
 */
#include "stream/stream_private.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "stream/loop_private.h"
#include "stream/sigpipe.h"

enum {
	/** The most waiting bytes written in a turn if the peer reads as fast as we write. */
	FLUSH_A_TURN = 1024 * 1024,
};

/* ---- in ---- */

static ssize_t input(const struct stream *s, void *buffer, size_t len)
{
	ssize_t n;

	do {
		n = stream_is_socket(s) ? recv(s->fd, buffer, len, 0) : read(s->fd, buffer, len);
	} while (n < 0 && errno == EINTR);
	/* EIO on a pty whose other side was closed is the end of its input. */
	if (n < 0 && errno == EIO && !stream_is_socket(s) && isatty(s->fd)) {
		return 0;
	}
	return n;
}

/**
 * Whether a read of 0 bytes is the end of input. It is not if a FIFO has had no writer yet, or if a
 * terminal never waits (VMIN and VTIME 0), or for an empty packet.
 */
static bool is_end_of_input(const struct stream *s)
{
	struct pollfd poll_fd = {.fd = s->fd, .events = POLLIN | POLLRDHUP};
	struct termios termios;
	struct stat file;

	if (s->kind == KIND_TCP) {
		return true;
	}
	(void)poll(&poll_fd, 1, 0);
	if (stream_is_socket(s)) {
		return (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
	}
	if (fstat(s->fd, &file) == 0 && S_ISFIFO(file.st_mode)) {
		/* POLLIN: a writer has come, written and gone since the read. */
		return (poll_fd.revents & (POLLHUP | POLLIN)) == POLLHUP;
	}
	return (poll_fd.revents & POLLHUP) != 0 || tcgetattr(s->fd, &termios) < 0 ||
	       (termios.c_lflag & ICANON) != 0 || termios.c_cc[VMIN] > 0;
}

/** A read of 0 bytes was not the end: whether input follows. */
static bool stream_skip_nothing(struct stream *s)
{
	struct pollfd poll_fd = {.fd = s->fd, .events = POLLIN};

	s->readable = poll(&poll_fd, 1, 0) > 0;
	return s->readable;
}

static void stream_end_input(struct stream *s)
{
	s->readable = false;
	if (s->life == LIFE_FAILED) {
		stream_finish(s);
		return;
	}
	s->ended = true;
	if (s->half_open) {
		stream_tell(s, STREAM_END, NULL, 0);
	} else {
		stream_close(s);
	}
}

/** How much a copying read may take. */
static size_t copy_room(const struct stream *s)
{
	size_t room = s->read_max < LOOP_BUFFER_BYTES ? s->read_max : LOOP_BUFFER_BYTES;
	size_t left = stream_target(s) == NULL ? room : stream_splice_room(s);

	return left < room ? left : room;
}

/** Reads once; false if there is no more for now. */
static bool stream_read_once(struct stream *s)
{
	char *buffer = loop_buffer(s->loop);
	size_t room;
	ssize_t n = stream_target(s) == NULL ? 0 : stream_splice_in(s);

	if (n > 0) {
		return s->readable;
	}
	if (n < 0 && s->life != LIFE_FAILED) {
		stream_fail(s, (int)n);
		return false;
	}
	room = copy_room(s);
	n = input(s, buffer, room);
	if (n > 0) {
		s->read_ns = clock_ns();
		s->n_read += (size_t)n;
		if ((size_t)n < room && !s->no_shortcut) {
			s->readable = false;
		}
		stream_tell_read(s, buffer, (size_t)n, (size_t)n < room && s->over);
		return s->readable;
	}
	if (n == 0 && s->life != LIFE_FAILED && !is_end_of_input(s)) {
		return stream_skip_nothing(s);
	}
	if (n == 0) {
		stream_end_input(s);
	} else if (s->life == LIFE_FAILED) {
		stream_finish(s); /* the input of a failed stream is exhausted */
	} else if (errno == EAGAIN) {
		s->readable = false;
		s->no_shortcut = s->kind != KIND_TCP;
	} else {
		stream_fail(s, -errno);
	}
	return false;
}

void stream_read(struct stream *s)
{
	uint64_t share_end = s->n_read + BYTES_A_TURN;

	for (unsigned i = 0; stream_reads(s) && !s->ended && stream_has_fd(s); i++) {
		if (i == READS_A_TURN || s->n_read >= share_end) {
			loop_next(s->loop, &s->later);
			return;
		}
		if (!stream_read_once(s)) {
			return;
		}
	}
}

size_t stream_unread(const struct stream *s)
{
	int n = 0;

	if (s == NULL || !stream_has_fd(s) || ioctl(s->fd, FIONREAD, &n) < 0 || n < 0) {
		return 0;
	}
	return (size_t)n;
}

/* ---- out ---- */

static ssize_t output(const struct stream *s, const void *data, size_t len, int flags)
{
	ssize_t n;

	do {
		if (stream_is_socket(s)) {
			n = send(s->fd, data, len, MSG_NOSIGNAL | flags);
		} else if (s->raises) {
			n = sigpipe_write(s->fd, data, len);
		} else {
			n = write(s->fd, data, len);
		}
	} while (n < 0 && errno == EINTR);
	return n;
}

/**
 * Writes once and updates the counters. Returns how many bytes the kernel accepted, or a negative
 * errno. Without `data`, the bytes are those in the pipe. `flags` are those of send(2).
 */
static ssize_t stream_output(struct stream *s, const void *data, size_t len, int flags)
{
	ssize_t n = data == NULL ? stream_splice_out(s) : output(s, data, len, flags);

	if (n < 0) {
		/* EINPROGRESS: with TCP Fast Open, the SYN was sent without the bytes. */
		if (errno != EAGAIN && errno != EINPROGRESS) {
			return -errno;
		}
		n = 0;
	}
	/* A splice is also cut short if the process is stopped, so for a splice only EAGAIN means
	 * full. */
	if ((size_t)n < len && (n == 0 || (stream_is_socket(s) && data != NULL))) {
		s->writable = false;
	}
	if (n > 0) {
		s->written_ns = clock_ns();
		s->n_written += (size_t)n;
		s->corked = (flags & MSG_MORE) != 0;
		if (data == NULL && emitter_has(&s->emitter, STREAM_WRITE)) {
			s->splice->taken += (size_t)n;
			stream_defer(s);
		}
	}
	return n;
}

void stream_send_fin(struct stream *s)
{
	if (!s->shut || s->waiting > 0 || !stream_has_fd(s) || !stream_is_socket(s)) {
		return;
	}
	/* Before the answer to the SYN, shutdown(2) would end the connect. The answer is an
	 * event. */
	if (s->early && !stream_is_answered(s)) {
		return;
	}
	s->early = false;
	/* ENOTCONN: a reset came first, and its event reports it. */
	(void)shutdown(s->fd, SHUT_WR);
	s->corked = false;
}

void stream_uncork(struct stream *s)
{
	static const int off = 0;

	if (s->corked) {
		s->corked = false;
		/* The kernel would also do it, but 200 ms later. */
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
	}
}

/** Tries once to write what comes first: the pipe, then the chunks. */
static ssize_t stream_flush_once(struct stream *s)
{
	struct chunk *chunk;
	size_t len;
	ssize_t n;

	if (stream_pipe(s) != NULL) {
		n = stream_output(s, NULL, s->splice->pipe->used, 0);
		if (n >= 0) {
			return n;
		}
		n = stream_splice_spill(s, (int)-n);
		if (n < 0) {
			return n;
		}
	}
	chunk = s->first;
	len = chunk->end - chunk->begin;
	n = stream_output(
		s, chunk->bytes + chunk->begin, len < FLUSH_A_TURN ? len : FLUSH_A_TURN, 0);
	if (n > 0) {
		stream_dequeue(s, (size_t)n);
	}
	return n;
}

/** All was written: DRAIN is due for those who wait, or who subscribe in this turn. */
static void stream_note_drain(struct stream *s)
{
	s->drain = emitter_has(&s->emitter, STREAM_DRAIN) ? DRAIN_DUE : DRAIN_OWED;
	if (s->drain == DRAIN_DUE || s->graceful) {
		stream_defer(s);
	}
}

void stream_flush(struct stream *s)
{
	uint64_t share_end = s->n_written + FLUSH_A_TURN;

	while (s->waiting > 0 && s->writable) {
		ssize_t n;

		if (s->n_written >= share_end) {
			loop_next(s->loop, &s->later);
			return;
		}
		n = stream_flush_once(s);
		if (n < 0) {
			stream_fail(s, (int)n);
			return;
		}
		if (n == 0) {
			return;
		}
		s->waiting -= (size_t)n;
		s->stalled_ns = s->written_ns;
	}
	if (s->waiting == 0) {
		s->stalled_ns = NS_NEVER;
		stream_send_fin(s);
		stream_note_drain(s);
	}
}

/** Writes what the kernel accepts and queues the rest; 0 or a negative errno. */
static int stream_put(struct stream *s, const char *data, size_t len, int flags)
{
	/* WRITE will report the bytes later, so it needs a copy of them. */
	bool to_tell = emitter_has(&s->emitter, STREAM_WRITE);
	ssize_t n = 0;
	int r;

	if (!to_tell && s->waiting == 0 && s->writable) {
		n = stream_output(s, data, len, flags);
		if (n < 0) {
			return (int)n;
		}
	}
	if ((size_t)n == len) {
		return 0;
	}
	r = stream_enqueue(s, data + n, len - (size_t)n);
	if (r < 0) {
		return r;
	}
	if (to_tell) {
		stream_flush(s);
	}
	return s->waiting > 0 ? stream_watch(s) : s->cause;
}

/** Whether something may be written: 0 or a negative errno. */
static int stream_check_write(struct stream *s, const void *data, size_t len)
{
	if (s == NULL || (data == NULL && len > 0)) {
		return -EINVAL;
	}
	assert(stream_loop(s) == NULL || loop_is_current(s->loop));
	if (s->life >= LIFE_FAILED || s->shut) {
		return -EPIPE;
	}
	return s->loop == NULL ? -ENOMEM : 0;
}

int stream_write(struct stream *s, const void *data, size_t len, struct handler *drain)
{
	int r;

	if (drain != NULL && drain->call == NULL) {
		return -EINVAL;
	}
	if (s != NULL && drain != NULL && handler_is_on(drain)) {
		return -EALREADY;
	}
	r = stream_check_write(s, data, len);
	if (r < 0) {
		return r;
	}
	r = len == 0 ? 0 : stream_put(s, data, len, 0);
	if (r < 0) {
		stream_fail(s, r);
		return r;
	}
	if (drain != NULL) {
		(void)stream_once(s, STREAM_DRAIN, drain); /* it was checked above */
	}
	if (s->waiting == 0 && (len > 0 || drain != NULL)) {
		stream_note_drain(s);
	}
	return 0;
}

int stream_write_last(struct stream *s, const void *data, size_t len)
{
	int r = stream_check_write(s, data, len);

	if (r < 0 || len == 0) {
		return r;
	}
	r = stream_put(s, data, len, s->kind == KIND_TCP ? MSG_MORE : 0);
	if (r < 0) {
		stream_fail(s, r);
		return r;
	}
	if (s->waiting == 0) {
		stream_note_drain(s);
	}
	if (s->corked) {
		stream_defer(s);
	}
	return 0;
}

int stream_write_ahead(struct stream *s, const void *data, size_t len)
{
	int r = stream_check_write(s, data, len);

	if (r < 0 || len == 0) {
		return r;
	}
	r = stream_enqueue(s, data, len);
	if (r == 0) {
		r = stream_watch(s);
	}
	if (r < 0) {
		stream_fail(s, r);
		return r;
	}
	/* stream_on_later() then puts the stream in line, after the streams that wait there to
	 * read: so what they read and write to this one can be sent together with `data`. */
	stream_defer(s);
	return 0;
}

void stream_shutdown(struct stream *s)
{
	assert(stream_loop(s) == NULL || loop_is_current(s->loop));
	if (s != NULL && stream_has_fd(s) && !s->shut) {
		s->shut = true;
		stream_send_fin(s);
	}
}

size_t stream_unsent(const struct stream *s)
{
	int n = 0;

	if (s == NULL || !stream_has_fd(s) || !stream_is_socket(s) ||
		ioctl(s->fd, SIOCOUTQ, &n) < 0 || n < 0) {
		return 0;
	}
	/* Before the answer to the SYN, which may have taken bytes along, the kernel says 0. */
	return n == 0 && s->early && !stream_is_answered(s) ? (size_t)s->n_written : (size_t)n;
}

void stream_poke_input(struct stream *s)
{
	assert(stream_is_current(s));
	if (s != NULL && s->life == LIFE_OPEN && stream_reads(s) && !s->ended) {
		(void)stream_read_once(s);
	}
}

void stream_poke(struct stream *s)
{
	assert(stream_is_current(s));
	if (s != NULL && stream_has_fd(s) && s->waiting > 0) {
		s->writable = true;
		stream_flush(s);
	}
	stream_poke_input(s);
}
