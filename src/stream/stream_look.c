/* SPDX-License-Identifier: ISC */
/*
 * Input of a stream that is not read yet: it is looked at in the kernel's buffer, or taken
 * explicitly.
 *
 * What the kernel reports of a paused stream is only recorded (stream_events.c); INPUT reports it.
 * The epoll set is edge-triggered, so bytes that were looked at and left cause no event: INPUT
 * comes again when there are more.
 */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "stream/loop_private.h"
#include "stream/stream_private.h"

/** Whether the stream can be looked at: 0 or a negative errno. */
static int check_look(struct stream *s)
{
	if (s == NULL) {
		return -EINVAL;
	}
	assert(stream_is_current(s));
	if (!stream_has_fd(s)) {
		return -EBADF;
	}
	if (!stream_is_socket(s) || s->life == LIFE_CONNECTING || stream_loop(s) == NULL) {
		return -EINVAL;
	}
	return s->cause;
}

static ssize_t look(struct stream *s, void *buffer, size_t len, int flags)
{
	ssize_t n;

	do {
		n = recv(s->fd, buffer, len, flags);
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		return n;
	}
	n = -errno;
	if (n == -EAGAIN) {
		s->readable = false;
	} else {
		stream_fail(s, (int)n);
	}
	return n;
}

ssize_t stream_peek(struct stream *s, const void **ret_bytes, size_t max)
{
	ssize_t n = check_look(s);

	if (n < 0) {
		return n;
	}
	n = look(s, loop_buffer(s->loop), max < LOOP_BUFFER_BYTES ? max : LOOP_BUFFER_BYTES,
		MSG_PEEK);
	if (n >= 0) {
		*ret_bytes = loop_buffer(s->loop);
	}
	return n;
}

ssize_t stream_take(struct stream *s, void *buffer, size_t len)
{
	int r = check_look(s);

	return r < 0 ? r : look(s, buffer, len, 0);
}

int stream_skip(struct stream *s, size_t len, bool is_all)
{
	int r = check_look(s);

	if (r == 0 && !stream_is_tcp(s)) {
		r = -EINVAL; /* MSG_TRUNC, which discards bytes, is for TCP only: tcp(7) */
	}
	while (r == 0 && len > 0) {
		size_t part = len < LOOP_BUFFER_BYTES ? len : LOOP_BUFFER_BYTES;
		ssize_t n = look(s, loop_buffer(s->loop), part, MSG_TRUNC);

		if (n <= 0) {
			return n == 0 ? -EAGAIN : (int)n;
		}
		len -= (size_t)n;
	}
	if (r == 0 && is_all && !s->no_shortcut) {
		s->readable = false;
	}
	return r;
}

bool stream_input_is_over(const struct stream *s)
{
	return s != NULL && s->over;
}
