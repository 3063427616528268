/* SPDX-License-Identifier: ISC */
/*
 * Events: from the kernel to the stream, and from the stream to its subscribers.
 *
 * What happens is only recorded where it happens. It is emitted from one place, stream_on_later(),
 * a deferred task: so nothing is emitted from inside a call by the user (stream.h names the
 * exceptions), and the order is always WRITE, DRAIN, HANGUP, ERROR, CLOSE. Only READ, INPUT, END,
 * TIMEOUT and the internal CONNECTED, and ERROR at the end of a failed stream's input, are emitted
 * where they happen, in callbacks of the loop.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "stream/stream_private.h"

/* ---- emitting ---- */

/** Calls the handlers of one event. */
static void emit(struct stream *s, const struct event *event)
{
	if (event->type == STREAM_ERROR && !emitter_has(&s->emitter, STREAM_ERROR)) {
		/* Contract: an error that nobody handles is fatal. */
		fprintf(stderr, "stream: unhandled error: %s\n", strerror(-event->error));
		abort();
	}
	emitter_emit(&s->emitter, event);
	if (s->life == LIFE_FREED && s->loop == NULL && s->emitter.emission == NULL) {
		free(s); /* freed by a handler: no loop does it later */
	}
}

void stream_tell(struct stream *s, unsigned type, const void *data, size_t len)
{
	struct event event = {
		.type = type, .error = s->cause, .stream = s, .data = data, .len = len};

	emit(s, &event);
}

void stream_tell_read(struct stream *s, const void *data, size_t len, bool is_last)
{
	struct event event = {
		.type = STREAM_READ, .stream = s, .data = data, .len = len, .is_last = is_last};

	emit(s, &event);
}

int stream_emit(struct stream *s, const struct event *event)
{
	unsigned type = event == NULL ? 0 : event->type;

	if (s == NULL || type == 0 || type > STREAM_ALL_TAKEN_EVENTS || (type & (type - 1)) != 0) {
		return -EINVAL;
	}
	assert(stream_is_current(s));
	emit(s, event);
	return 0;
}

void stream_defer(struct stream *s)
{
	s->deferred = true;
	loop_defer(s->loop, &s->later);
}

/**
 * Emits WRITE and DRAIN, at most once in a turn. If a handler writes again, it gets the next ones
 * in the next turn, so that other streams are served, too. Before HANGUP and after a failure the
 * events do not wait for the next turn.
 */
static void stream_tell_progress(struct stream *s)
{
	bool drained = s->drain == DRAIN_DUE && s->waiting == 0;
	uint16_t turn = (uint16_t)loop_turns(s->loop);

	if (!drained && !stream_has_taken(s)) {
		return;
	}
	if (s->told_turn == turn && s->cause == 0 && s->hangup != HANGUP_NOTED) {
		loop_next(s->loop, &s->later);
		return;
	}
	s->told_turn = turn;
	stream_tell_taken(s);
	if (stream_has_fd(s) && s->drain == DRAIN_DUE && s->waiting == 0) {
		s->drain = DRAIN_NONE;
		stream_tell(s, STREAM_DRAIN, NULL, 0);
	}
}

/**
 * A stream that failed or hung up: decides which events follow, and whether input is left to read.
 */
static void stream_settle(struct stream *s)
{
	bool is_over = s->life == LIFE_FAILED &&
		       (s->ended || s->graceful || (!stream_reads(s) && !s->half_open));

	if (s->hangup == HANGUP_NOTED) {
		s->hangup = HANGUP_TOLD;
		if (is_over) {
			stream_defer(s); /* to finish later: handlers of HANGUP find the fd open */
		}
		stream_tell(s, STREAM_HANGUP, NULL, 0);
	} else if (is_over) {
		stream_finish(s);
	}
}

/** Emits all that has happened since the last time, except CLOSE. */
static void stream_tell_news(struct stream *s)
{
	stream_tell_progress(s);
	if (s->life == LIFE_FAILED || (stream_has_fd(s) && s->hangup == HANGUP_NOTED)) {
		stream_settle(s);
	}
	if (stream_has_fd(s) && s->life != LIFE_FAILED && s->graceful && !stream_is_writing(s)) {
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
	if (s->life == LIFE_CLOSED) {
		s->life = LIFE_TOLD;
		stream_tell(s, STREAM_CLOSE, NULL, 0);
	}
}

static bool stream_can_go_on(const struct stream *s)
{
	return (s->waiting > 0 && s->writable) || (stream_reads(s) && s->readable);
}

/** Does the next share of writing and reading. */
static void stream_go_on(struct stream *s)
{
	if (s->waiting > 0 && s->writable) {
		stream_flush(s);
	}
	if (stream_reads(s) && s->readable) {
		stream_read(s);
	}
}

void stream_on_later(struct task *task)
{
	struct stream *s = container_of(task, struct stream, later);
	bool was_deferred = s->deferred;

	s->deferred = false;
	if (s->life == LIFE_FREED) {
		stream_release(s);
		return;
	}
	if (stream_has_fd(s)) {
		stream_uncork(s);
		stream_tell_news(s);
	}
	if (!stream_has_fd(s)) {
		stream_tell_close(s);
	} else if (!was_deferred) {
		stream_go_on(s);
	} else if (stream_can_go_on(s)) {
		loop_next(s->loop, &s->later);
	}
}

/* ---- readiness ---- */

/** The socket's pending error, which the kernel reports only once. */
static int stream_take_error(const struct stream *s)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!stream_is_socket(s)) {
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
	if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
		s->over = true;
	}
	if ((events & EPOLLOUT) != 0) {
		s->writable = true;
	}
	if ((events & EPOLLERR) != 0) {
		int err = stream_take_error(s);

		if (err != 0) {
			stream_fail(s, err);
		}
	} else if ((events & EPOLLHUP) != 0 && s->half_open && !stream_is_tcp(s) && !s->shut &&
		   s->hangup == HANGUP_NONE) {
		/* A UNIX peer that closed accepts nothing any more; with TCP the kernel does not
		 * tell. */
		s->hangup = HANGUP_NOTED;
		stream_defer(s);
	}
}

static void on_connect_event(struct stream *s, uint32_t events)
{
	if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) {
		return;
	}
	/* The connector gets its event first. What stream_note_events() may report then goes to the
	 * next user of the stream. */
	s->life = LIFE_NEW;
	stream_tell(s, STREAM_CONNECTED, NULL, 0);
	stream_note_events(s, events);
}

void stream_on_ready(struct watcher *watcher, uint32_t events)
{
	struct stream *s = container_of(watcher, struct stream, watcher);

	if (s->life == LIFE_CONNECTING) {
		on_connect_event(s, events);
		return;
	}
	stream_note_events(s, events);
	if (s->writable && s->waiting > 0) {
		stream_flush(s);
	} else if (s->early) {
		stream_send_fin(s); /* if it had to wait for the peer's answer */
	}
	if (s->life != LIFE_OPEN || !s->readable) {
		return; /* after a failure, on_later() continues once it has emitted the events */
	}
	if (stream_reads(s)) {
		stream_read(s);
	} else if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP)) != 0) {
		stream_tell(s, STREAM_INPUT, NULL, 0);
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

int stream_await_connect(struct stream *s, struct handler *ended)
{
	s->life = LIFE_CONNECTING;
	emitter_once(&s->emitter, STREAM_CONNECTED, ended);
	return stream_watch(s);
}
