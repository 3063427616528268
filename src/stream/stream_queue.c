/* SPDX-License-Identifier: ISC */
/*
 * The write queue: bytes that the kernel has not accepted yet, and, if somebody is subscribed to
 * WRITE, accepted bytes that WRITE has not reported yet. They are chunks in one ring, the oldest
 * first.
 *
 *	last->next ──▶ ... accepted, not reported ... ──▶ first ──▶ ... wait ... ──▶ last
 *
 * Bytes that wait in a pipe are older than all chunks: stream_splice.c makes sure of that.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream/loop_private.h"
#include "stream/stream_private.h"

enum { CHUNK_MIN_BYTES = 4096 }; /* room for the next small writes */

static void chunk_free(struct chunk *chunk)
{
	if (chunk->lent) {
		chunk->dropped = true;
	} else {
		free(chunk);
	}
}

static void append(struct stream *s, struct chunk *chunk)
{
	chunk->next = s->last == NULL ? chunk : s->last->next;
	if (s->last != NULL) {
		s->last->next = chunk;
	}
	s->last = chunk;
}

/** Takes the oldest chunk out of the ring. */
static void shift(struct stream *s)
{
	struct chunk *oldest = s->last->next;

	s->last->next = oldest->next;
	if (oldest == s->last) {
		s->last = NULL;
	}
	chunk_free(oldest);
}

int stream_enqueue(struct stream *s, const char *data, size_t len)
{
	struct chunk *tail = s->last;
	size_t fits = tail == NULL ? 0 : tail->capacity - tail->end;
	struct chunk *chunk = NULL;

	fits = fits < len ? fits : len;
	if (fits < len) {
		size_t capacity = len - fits < CHUNK_MIN_BYTES ? CHUNK_MIN_BYTES : len - fits;

		chunk = malloc(sizeof(*chunk) + capacity);
		if (chunk == NULL) {
			return -ENOMEM;
		}
		*chunk = (struct chunk){.end = len - fits, .capacity = capacity};
		memcpy(chunk->bytes, data + fits, len - fits);
		append(s, chunk);
	}
	if (fits > 0) {
		memcpy(tail->bytes + tail->end, data, fits);
		tail->end += fits;
	}
	if (s->first == NULL) {
		s->first = fits > 0 ? tail : chunk;
	}
	if (s->waiting == 0) {
		s->stalled_ns = clock_ns();
	}
	s->waiting += len;
	loop_add_queued(s->loop, (int64_t)len);
	return 0;
}

void stream_enqueue_first(struct stream *s, struct chunk *chunk)
{
	assert(s->last == NULL || s->last->next == s->first);
	if (s->last == NULL) {
		append(s, chunk);
	} else {
		chunk->next = s->first;
		s->last->next = chunk;
	}
	s->first = chunk;
	loop_add_queued(s->loop, (int64_t)chunk->end);
}

void stream_dequeue(struct stream *s, size_t n)
{
	struct chunk *chunk = s->first;

	loop_add_queued(s->loop, -(int64_t)n);
	chunk->begin += n;
	if (emitter_has(&s->emitter, STREAM_WRITE)) {
		stream_defer(s);
	} else {
		chunk->told = chunk->begin;
	}
	if (chunk->begin < chunk->end) {
		return;
	}
	s->first = chunk == s->last ? NULL : chunk->next;
	if (chunk->told == chunk->begin && chunk == s->last->next) {
		shift(s);
	}
}

bool stream_has_taken(const struct stream *s)
{
	return (s->splice != NULL && s->splice->taken > 0) ||
	       (s->last != NULL && s->last->next->told < s->last->next->begin);
}

/** Emits WRITE for at most `max` bytes of the oldest chunk; returns for how many. */
static size_t tell_oldest(struct stream *s, size_t max)
{
	struct chunk *chunk = s->last->next;
	const char *bytes = chunk->bytes + chunk->told;
	size_t n = chunk->begin - chunk->told;

	n = n < max ? n : max;
	chunk->told += n;
	chunk->lent = true;
	if (chunk->told == chunk->end) {
		shift(s);
	}
	if (n > 0) {
		stream_tell(s, STREAM_WRITE, bytes, n);
	}
	chunk->lent = false;
	if (chunk->dropped) {
		free(chunk);
	}
	return n;
}

void stream_tell_taken(struct stream *s)
{
	size_t spliced = s->splice == NULL ? 0 : s->splice->taken;
	size_t left = 0;

	/* What the handlers write now is reported the next time. */
	if (s->last != NULL) {
		struct chunk *chunk = s->last;

		do {
			chunk = chunk->next;
			left += chunk->begin - chunk->told;
		} while (chunk != s->last && chunk != s->first);
	}
	if (spliced > 0) {
		s->splice->taken = 0;
		stream_tell(s, STREAM_WRITE, NULL, spliced);
	}
	while (left > 0 && stream_has_fd(s)) {
		left -= tell_oldest(s, left);
	}
	/* These were accepted when nobody was subscribed any more, so they are not reported. */
	while (s->last != NULL && s->last->next->told == s->last->next->end) {
		shift(s);
	}
}

void stream_drop_queue(struct stream *s)
{
	struct chunk *chunk = s->last == NULL ? NULL : s->last->next;
	struct chunk *last = s->last;

	s->last = NULL;
	s->first = NULL;
	while (chunk != NULL) {
		struct chunk *next = chunk == last ? NULL : chunk->next;

		chunk->end = chunk->begin;
		if (stream_has_fd(s) && chunk->told < chunk->begin) {
			append(s, chunk);
		} else {
			chunk_free(chunk);
		}
		chunk = next;
	}
	if (stream_pipe(s) != NULL) {
		s->waiting -= s->splice->pipe->used;
		s->splice->pipe = pipe_give(s->loop, s->splice->pipe);
	}
	if (s->waiting > 0) {
		loop_add_queued(s->loop, -(int64_t)s->waiting); /* only chunks are left of it */
	}
	s->waiting = 0;
	if (s->cause == 0) {
		s->stalled_ns = NS_NEVER;
	}
}
