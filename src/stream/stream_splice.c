/* SPDX-License-Identifier: ISC */
/*
 * Bytes that never enter user space: socket ── splice(2) ──▶ pipe ── splice(2) ──▶ socket.
 *
 * Bytes go into the pipe only while no chunks wait for the receiver, so those in the pipe are
 * always older than the chunks. The pipe is given back when it is empty.
 *
 * If splice(2) fails with EAGAIN or returns 0 although the fd is readable, the caller's copying
 * read finds out why: a full pipe, an urgent mark and the end of input look the same here.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "stream/loop_private.h"
#include "stream/sigpipe.h"
#include "stream/stream_private.h"

static ssize_t splice_fds(int from, int to, size_t len)
{
	ssize_t n;

	do {
		n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	return n;
}

/**
 * Whether the error is not the socket's: this kernel, or its system call filter, does not splice.
 */
static bool is_refusal(int err)
{
	return err == EINVAL || err == ENOSYS || err == EPERM || err == ENOMEM;
}

/** Allocates what splicing needs, if not done yet; returns whether there was memory. */
static bool splice_have(struct stream *s)
{
	if (s->splice == NULL) {
		s->splice = calloc(1, sizeof(*s->splice));
	}
	return s->splice != NULL;
}

void stream_splice_release(struct stream *s)
{
	const struct stream_splice *splice = s->splice;

	if (splice == NULL || (stream_has_fd(s) && (splice->to != NULL || splice->pipe != NULL ||
							   splice->taken > 0))) {
		return;
	}
	free(s->splice);
	s->splice = NULL;
}

/** Input goes to `to` from now on; NULL: to the handlers, as at first. */
static void splice_aim(struct stream *s, struct stream *to)
{
	struct stream *before = stream_target(s);

	if (before == to) {
		return;
	}
	s->splice->to = to;
	stream_splice_release(s);
	if (before != NULL) {
		stream_splice_release(before);
	}
}

int stream_splice_to(struct stream *s, struct stream *to)
{
	if (s == NULL || s == to) {
		return -EINVAL;
	}
	assert(stream_is_current(s));
	if (to == NULL) {
		splice_aim(s, NULL);
		return 0;
	}
	if (!stream_has_fd(s) || !stream_has_fd(to)) {
		return -EBADF;
	}
	if (s->life == LIFE_CONNECTING || stream_loop(to) != stream_loop(s)) {
		return -EINVAL;
	}
	if (s->no_splice_in || to->no_splice_out) {
		splice_aim(s, NULL);
		return -EOPNOTSUPP;
	}
	if (!sigpipe_is_ignored()) {
		splice_aim(s, NULL);
		return -EPERM;
	}
	if (!splice_have(s)) {
		return -ENOMEM;
	}
	splice_aim(s, to);
	return 0;
}

bool stream_is_splicing(const struct stream *s)
{
	const struct stream *to = s == NULL ? NULL : stream_target(s);

	return to != NULL && !to->no_splice_out;
}

size_t stream_splice_room(const struct stream *s)
{
	const struct stream *to = s->splice->to;

	return to->waiting < to->high_water ? to->high_water - to->waiting : s->read_max;
}

/* ---- in ---- */

/** Whether bytes may go into the pipe of `to`, which may have to borrow one first. */
static bool takes_splices(struct stream *to)
{
	if (to->life >= LIFE_FAILED || to->shut || to->no_splice_out || to->last != NULL ||
		!splice_have(to)) {
		return false;
	}
	if (to->splice->pipe != NULL) {
		return to->splice->pipe->used < to->splice->pipe->size;
	}
	if (stream_watch(to) == 0) {
		to->splice->pipe = pipe_take(to->loop);
	}
	return to->splice->pipe != NULL;
}

/** The return value of stream_splice_in() when splice(2) has failed. */
static ssize_t splice_in_failed(struct stream *s, int err)
{
	if (is_refusal(err)) {
		s->no_splice_in = true;
		splice_aim(s, NULL);
		return 0;
	}
	/* An fd that is no socket reports its error each time. */
	return err == EAGAIN || !stream_is_socket(s) ? 0 : -err;
}

ssize_t stream_splice_in(struct stream *s)
{
	struct stream *to = s->splice->to;
	struct pipe *pipe;
	size_t room;
	ssize_t n;

	if (!takes_splices(to)) {
		return 0;
	}
	pipe = to->splice->pipe;
	room = pipe->size - pipe->used;
	n = splice_fds(s->fd, pipe->in, room < s->read_max ? room : s->read_max);
	if (n <= 0) {
		if (pipe->used == 0) {
			to->splice->pipe = pipe_give(to->loop, pipe);
		}
		return n == 0 ? 0 : splice_in_failed(s, errno);
	}
	s->read_ns = clock_ns();
	s->n_read += (size_t)n;
	if (to->waiting == 0) {
		to->stalled_ns = s->read_ns;
	}
	pipe_fill(to->loop, pipe, (size_t)n);
	to->waiting += (size_t)n;
	stream_flush(to);
	stream_tell(s, STREAM_READ, NULL, (size_t)n);
	return n;
}

/* ---- out ---- */

ssize_t stream_splice_out(struct stream *s)
{
	struct pipe *pipe = s->splice->pipe;
	ssize_t n = splice_fds(pipe->out, s->fd, pipe->used);

	if (n > 0) {
		pipe_drain(s->loop, pipe, (size_t)n);
		if (pipe->used == 0) {
			s->splice->pipe = pipe_give(s->loop, pipe);
		}
	}
	return n;
}

/** Reads `len` bytes of the pipe; 0 or a negative errno. */
static int pipe_read(const struct pipe *pipe, char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = read(pipe->out, bytes, len);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			return n == 0 ? -EIO : -errno;
		}
	}
	return 0;
}

int stream_splice_spill(struct stream *s, int err)
{
	size_t used = s->splice->pipe->used;
	struct chunk *chunk;
	int r;

	if (!is_refusal(err)) {
		return -err;
	}
	s->no_splice_out = true;
	chunk = malloc(sizeof(*chunk) + used);
	if (chunk == NULL) {
		return -ENOMEM;
	}
	/* Before pipe_read(): this also writes the struct's padding, in which bytes[] begins. */
	*chunk = (struct chunk){.end = used, .capacity = used};
	r = pipe_read(s->splice->pipe, chunk->bytes, used);
	if (r < 0) {
		free(chunk);
		return r; /* bytes that were read count as in the pipe until it is given back */
	}
	pipe_drain(s->loop, s->splice->pipe, used);
	stream_enqueue_first(s, chunk);
	s->splice->pipe = pipe_give(s->loop, s->splice->pipe);
	return 0;
}
