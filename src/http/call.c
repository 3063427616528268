/* SPDX-License-Identifier: ISC */
#include "http/call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/connector.h"
#include "stream/loop.h"
#include "stream/stream.h"
#include "stream/timer.h"

enum { HEAD_MAX = 12 * 1024 /* with the longest target */ };

struct http_call {
	struct http_call_opts opts;
	struct addr addr;
	struct connector *connector;
	struct stream *stream;
	struct handler read;
	struct handler end;
	struct timer timer;
	struct task gone; /* frees the memory */
	struct http_reader *reader;
	bool is_heard; /* a first byte has come */
	bool is_done;
	char *request;
	size_t n_request;
};

/** Ends the call: only done() follows, which may close the call. */
static void finish(struct http_call *call, int status)
{
	if (call->is_done) {
		return;
	}
	call->is_done = true;
	timer_arm(&call->timer, NS_NEVER);
	if (call->stream != NULL) {
		stream_close(call->stream);
	}
	call->opts.done(call->opts.owner, status);
}

static void on_time(struct timer *timer)
{
	finish(container_of(timer, struct http_call, timer), -ETIMEDOUT);
}

static void on_body(void *owner, const void *bytes, size_t n)
{
	struct http_call *call = owner;

	call->opts.body_piece(call->opts.owner, bytes, n);
}

static void on_read(struct handler *handler, const struct event *event)
{
	struct http_call *call = container_of(handler, struct http_call, read);
	struct span bytes = {event->data, event->len};
	int r;

	if (call->is_done) {
		return;
	}
	/* An answer in HTTP begins with an "H"; those of other line-based protocols hardly ever
	 * do. */
	if (!call->is_heard && bytes.bytes[0] != 'H') {
		finish(call, -EPROTONOSUPPORT);
		return;
	}
	call->is_heard = true;
	do {
		r = http_read(call->reader, &bytes);
		if (r == HTTP_READ_HEAD && call->opts.head != NULL) {
			call->opts.head(call->opts.owner, http_reader_head(call->reader));
		}
	} while (r == HTTP_READ_HEAD);
	if (r != HTTP_READ_MORE) {
		finish(call, r == HTTP_READ_END ? 0 : r);
	}
}

static void on_end(struct handler *handler, const struct event *event)
{
	struct http_call *call = container_of(handler, struct http_call, end);

	if (event->type != STREAM_ERROR) { /* CLOSE follows */
		finish(call, event->error != 0 ? event->error : -ECONNRESET);
	}
}

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct http_call *call = owner;
	int r = status;

	(void)last;
	(void)late_ns;
	if (r == 0) {
		call->stream = stream;
		(void)stream_set_timeout(stream, 0);
		stream_on(stream, STREAM_READ, &call->read);
		stream_on(stream, STREAM_END | STREAM_ERROR | STREAM_CLOSE, &call->end);
		r = stream_write(stream, call->request, call->n_request, NULL);
	}
	if (r == 0) {
		r = stream_start(stream);
	}
	if (r < 0) {
		finish(call, r);
	}
}

/** 0 or a negative errno. */
static int write_request(struct http_call *call)
{
	const struct http_call_opts *opts = &call->opts;
	size_t n_body = opts->body == NULL ? 0 : strlen(opts->body);
	struct http_request request = {
		.method = opts->method,
		.target = opts->target,
		.host = "localhost",
		.type = opts->body == NULL ? NULL : "application/json",
		.length = n_body,
	};
	int n;

	call->request = malloc(HEAD_MAX + n_body);
	if (call->request == NULL) {
		return -ENOMEM;
	}
	n = http_build_request(&request, call->request, HEAD_MAX);
	if (n < 0) {
		return n;
	}
	if (n_body > 0) {
		memcpy(call->request + n, opts->body, n_body);
	}
	call->n_request = (size_t)n + n_body;
	return 0;
}

/** 0 or a negative errno; the caller closes what was made. */
static int call_begin(struct http_call *call)
{
	struct http_reader_opts reader_opts = {
		.kind = HTTP_ANSWERS, .body = on_body, .owner = call};
	struct connector_opts connector_opts = {
		.loop = call->opts.loop,
		.addr = &call->addr,
		.timeout_ns = NS_NEVER, /* our timeout covers everything */
		.stream_flags = STREAM_HALF_OPEN,
		.owner = call,
		.done = on_connected,
	};
	int r = write_request(call);

	if (r < 0) {
		return r;
	}
	call->reader = http_reader_new(&reader_opts);
	if (call->reader == NULL) {
		return -ENOMEM;
	}
	r = timer_open(&call->timer, call->opts.loop, on_time);
	if (r < 0) {
		return r;
	}
	timer_arm(&call->timer, clock_after(clock_ns(), call->opts.timeout_ns));
	call->connector = connector_open(&connector_opts);
	return call->connector == NULL ? -errno : 0;
}

struct http_call *http_call_open(const struct http_call_opts *opts)
{
	struct http_call *call = calloc(1, sizeof(*call));
	int r;

	if (call == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	call->opts = *opts;
	call->addr = *opts->addr;
	call->read.call = on_read;
	call->end.call = on_end;
	r = call_begin(call);
	if (r < 0) {
		(void)http_call_close(call);
		errno = -r;
		return NULL;
	}
	return call;
}

static void on_gone(struct task *task)
{
	free(container_of(task, struct http_call, gone));
}

struct http_call *http_call_close(struct http_call *call)
{
	if (call == NULL) {
		return NULL;
	}
	call->is_done = true;
	timer_close(&call->timer);
	call->connector = connector_close(call->connector);
	if (call->stream != NULL) {
		call->stream = stream_free(call->stream);
	}
	/* This may be inside a handler of the call, so its memory is freed at the end of the
	 * turn. */
	call->reader = http_reader_free(call->reader);
	free(call->request);
	task_init(&call->gone, on_gone);
	loop_defer(call->opts.loop, &call->gone);
	return NULL;
}
