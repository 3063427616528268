/* SPDX-License-Identifier: ISC */
#include "upstream/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/shortage.h"
#include "proto/proxy_header.h"
#include "stream/connector.h"
#include "stream/stream.h"

const char *probe_result_name(enum probe_result result)
{
	static const char *const names[] = {
		[PROBE_CONNECTED] = "connected",
		[PROBE_ANSWERED] = "answered",
		[PROBE_CONNECT_FAILED] = "connect_failed",
		[PROBE_CONNECT_TIMEOUT] = "connect_timeout",
		[PROBE_NO_ANSWER] = "no_answer",
		[PROBE_WRONG_ANSWER] = "wrong_answer",
		[PROBE_ENDED] = "eof",
		[PROBE_RESET] = "reset",
		[PROBE_UNJUDGED] = "unjudged",
	};

	return names[result];
}

/* ---- fds ---- */

/** Takes one of the fds for probes. Connectors take fds from the same number, but only on this
 * loop, so nobody takes one between the comparison and the subtraction. */
static bool take_fd(struct probe *probe)
{
	atomic_int *fds = probe->question->fds;

	if (fds == NULL) {
		return true;
	}
	if (atomic_load_explicit(fds, memory_order_relaxed) <= 0) {
		return false;
	}
	(void)atomic_fetch_sub_explicit(fds, 1, memory_order_relaxed);
	probe->has_fd = true;
	return true;
}

static void give_fd(struct probe *probe)
{
	if (probe->has_fd) {
		(void)atomic_fetch_add_explicit(probe->question->fds, 1, memory_order_relaxed);
		probe->has_fd = false;
	}
}

/* ---- end ---- */

void probe_cancel(struct probe *probe)
{
	probe->connector = connector_close(probe->connector);
	stream_abort(probe->stream);
	probe->stream = stream_free(probe->stream);
	free(probe->answer);
	probe->answer = NULL;
	probe->n_answer = 0;
	give_fd(probe);
	probe->is_under_way = false;
}

/** Whether the error is weir's own, so that it says nothing about the target. */
static bool is_ours(int err)
{
	/* No local port is left, or that of `source` is in use; no more fds can be watched. */
	return is_shortage(err) || err == -EADDRNOTAVAIL || err == -EADDRINUSE || err == -ENOSPC;
}

/** Calls done(). The owner may free the probe, so this must be the last statement. */
static void finish(struct probe *probe, enum probe_result result, int err)
{
	struct probe_outcome outcome = {
		.result = is_ours(err) ? PROBE_UNJUDGED : result,
		.err = err,
	};
	char *answer = probe->answer;

	if (result != PROBE_ANSWERED) {
		outcome.answer = answer;
		outcome.n_answer = probe->n_answer;
	}
	probe->answer = NULL;
	probe_cancel(probe);
	probe->done(probe, &outcome);
	free(answer);
}

void probe_expire(struct probe *probe)
{
	assert(probe->is_under_way);
	if (probe->connector == NULL) {
		finish(probe, PROBE_NO_ANSWER, 0);
	} else if (connector_is_in_line(probe->connector)) {
		finish(probe, PROBE_UNJUDGED, -EAGAIN);
	} else {
		finish(probe, PROBE_CONNECT_TIMEOUT, 0);
	}
}

/* ---- answer ---- */

/** Whether the bytes so far have the expected ones. The last `n_new` bytes are new. */
static bool is_expected(const struct probe *probe, const char *all, size_t n_all, size_t n_new)
{
	size_t n_expect = probe->question->n_expect;
	size_t n_old = n_all - n_new;
	size_t begin = n_old >= n_expect ? n_old - n_expect + 1 : 0;

	return memmem(all + begin, n_all - begin, probe->question->expect, n_expect) != NULL;
}

static void on_read(struct probe *probe, const char *data, size_t len)
{
	if (probe->question->n_expect == 0) {
		return; /* what comes is ignored until all was sent */
	}
	if (probe->answer == NULL) {
		/* Usually all is in the first segment, which then needs no memory. */
		if (is_expected(probe, data, len, len)) {
			finish(probe, PROBE_ANSWERED, 0);
			return;
		}
		probe->answer = malloc(PROBE_ANSWER_MAX);
		if (probe->answer == NULL) {
			finish(probe, PROBE_UNJUDGED, -ENOMEM);
			return;
		}
	}
	memcpy(probe->answer + probe->n_answer, data, len); /* read_max: there is room */
	probe->n_answer += len;
	if (is_expected(probe, probe->answer, probe->n_answer, len)) {
		finish(probe, PROBE_ANSWERED, 0);
	} else if (probe->n_answer == PROBE_ANSWER_MAX) {
		finish(probe, PROBE_WRONG_ANSWER, 0);
	} else {
		(void)stream_set_read_max(probe->stream, PROBE_ANSWER_MAX - probe->n_answer);
	}
}

static void on_stream(struct handler *handler, const struct event *event)
{
	struct probe *probe = container_of(handler, struct probe, heard);

	switch (event->type) {
	case STREAM_READ:
		on_read(probe, event->data, event->len);
		break;
	case STREAM_DRAIN:
		if (probe->question->n_expect == 0) {
			finish(probe, PROBE_CONNECTED, 0);
		}
		break;
	case STREAM_END:
		finish(probe, PROBE_ENDED, 0);
		break;
	default: /* ERROR or CLOSE */
		finish(probe, PROBE_RESET, event->error);
		break;
	}
}

/** Sends a PROXY header that says that there is no client. 0 or a negative errno. */
static int send_header(struct stream *stream, enum conf_send_proxy version)
{
	struct proxy_header header = {
		.version = version == SEND_PROXY_V1 ? 1 : 2, .who = PROXY_HEADER_LOCAL};
	struct proxy_address *own = &header.source;
	struct proxy_address *other = &header.destination;
	char bytes[PROXY_HEADER_V1_MAX];
	int fd = stream_fd(stream);
	int n;

	own->len = sizeof(own->sa);
	other->len = sizeof(other->sa);
	if (header.version == 1 && (getsockname(fd, &own->sa.any, &own->len) < 0 ||
					   getpeername(fd, &other->sa.any, &other->len) < 0)) {
		return -errno;
	}
	n = proxy_header_build(&header, bytes, sizeof(bytes));
	return n < 0 ? n : stream_write_ahead(stream, bytes, (size_t)n);
}

/** Sends, and waits for the answer. 0 or a negative errno. */
static int converse(struct probe *probe)
{
	const struct probe_question *question = probe->question;
	int r;

	probe->heard = (struct handler){.call = on_stream};
	(void)stream_set_timeout(probe->stream, 0); /* the owner has the clock */
	(void)stream_set_read_max(probe->stream, PROBE_ANSWER_MAX);
	r = stream_on(probe->stream,
		STREAM_READ | STREAM_DRAIN | STREAM_END | STREAM_ERROR | STREAM_CLOSE,
		&probe->heard);
	if (r == 0 && question->send_proxy != SEND_PROXY_OFF) {
		r = send_header(probe->stream, question->send_proxy);
	}
	if (r == 0 && question->n_send > 0) {
		r = stream_write(probe->stream, question->send, question->n_send, NULL);
	}
	return r < 0 ? r : stream_start(probe->stream);
}

/* ---- connecting ---- */

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct probe *probe = owner;
	const struct probe_question *question = probe->question;
	int r;

	(void)last;
	(void)late_ns;
	probe->connector = connector_close(probe->connector);
	probe->stream = stream;
	if (status < 0) {
		finish(probe, PROBE_CONNECT_FAILED, status);
	} else if (question->send_proxy == SEND_PROXY_OFF && question->n_send == 0 &&
		   question->n_expect == 0) {
		finish(probe, PROBE_CONNECTED, 0);
	} else {
		r = converse(probe);
		if (r < 0) {
			finish(probe, PROBE_RESET, r);
		}
	}
}

int probe_begin(struct probe *probe, const struct probe_question *question)
{
	struct connector_opts opts = {
		.loop = question->loop,
		.addr = question->addr,
		.name = question->name,
		.source = question->source,
		.options = question->options,
		.timeout_ns = NS_NEVER, /* the owner's clock covers this too */
		.stream_flags = STREAM_HALF_OPEN,
		.spare_fds = question->fds,
		.owner = probe,
		.done = on_connected,
	};
	int r;

	assert(!probe->is_under_way);
	probe->question = question;
	if (!take_fd(probe)) {
		return -EMFILE;
	}
	probe->connector = connector_open(&opts);
	if (probe->connector == NULL) {
		r = -errno;
		give_fd(probe);
		return r;
	}
	probe->is_under_way = true;
	return 0;
}
