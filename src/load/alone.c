/* SPDX-License-Identifier: ISC */
/*
 * The main thread waits for a signal, or for the end of --for. A second thread has the loop, on
 * which everything else happens. The two share only the posted stop and, after the second thread
 * has ended, its counts.
 */
#include "load/alone.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/thread.h"
#include "load/listening.h"
#include "load/options.h"
#include "load/results.h"
#include "load/run.h"
#include "load/say.h"
#include "load/scenario.h"
#include "stream/acceptor.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/stream.h"

enum { SOCKET_MODE = 0666 };

struct alone {
	const struct options *options;
	struct loop *loop;
	struct listen_socket socket;
	struct acceptor *acceptor;
	struct list ends; /* struct end::link */
	struct task stop;
	pthread_t thread;
	pthread_barrier_t ready; /**< the loop was made, or not: see `status` */
	int status;
	struct alone_results results;
};

struct end {
	struct list link;
	struct handler handler;
	struct stream *stream;
	struct alone *alone;
};

/* ---- one connection ---- */

static void end_over(struct end *end, enum conn_end how)
{
	struct alone_results *results = &end->alone->results;

	results->n_ended[how]++;
	results->n_fins += stream_has_ended(end->stream);
	results->n_received += stream_bytes_read(end->stream);
	results->n_sent += stream_bytes_written(end->stream);
	list_remove(&end->link);
	(void)stream_free(end->stream);
	free(end);
}

static void on_read(struct end *end, const struct event *event)
{
	if (end->alone->options->mode != MODE_ECHO) {
		return;
	}
	if (stream_write(end->stream, event->data, event->len, NULL) == 0 &&
		!stream_can_write(end->stream)) {
		stream_stop(end->stream); /* until the waiting bytes are sent */
	}
}

static void on_event(struct handler *handler, const struct event *event)
{
	struct end *end = container_of(handler, struct end, handler);
	uint64_t mode = end->alone->options->mode;

	switch (event->type) {
	case STREAM_READ:
		on_read(end, event);
		break;
	case STREAM_DRAIN:
		if (mode != MODE_STALL && !stream_has_ended(end->stream)) {
			(void)stream_start(end->stream);
		}
		break;
	case STREAM_END:
		if (mode == MODE_READ || mode == MODE_ECHO) {
			stream_close_gracefully(end->stream); /* CLOSE follows */
		}
		break;
	case STREAM_HANGUP:
		if (event->error != 0 || !stream_is_started(end->stream)) {
			end_over(end, conn_end_of(event->error));
		}
		break;
	case STREAM_CLOSE:
		end_over(end, conn_end_of(event->error));
		break;
	default:
		break; /* ERROR: CLOSE follows */
	}
}

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct alone *alone = owner;
	struct end *end = calloc(1, sizeof(*end));
	struct stream *stream = NULL;

	(void)peer;
	(void)peer_len;
	if (end != NULL) {
		stream = stream_open(alone->loop, fd, STREAM_HALF_OPEN | STREAM_NONBLOCKING);
	}
	alone->results.n_accepted++;
	if (stream == NULL) {
		alone->results.n_ended[CONN_END_ERROR]++;
		close(fd);
		free(end);
		return;
	}
	end->alone = alone;
	end->stream = stream;
	end->handler.call = on_event;
	list_append(&alone->ends, &end->link);
	stream_on(stream,
		STREAM_READ | STREAM_DRAIN | STREAM_END | STREAM_HANGUP | STREAM_ERROR |
			STREAM_CLOSE,
		&end->handler);
	stream_set_timeout(stream, 0);
	if (stream_start(stream) < 0) {
		end_over(end, CONN_END_ERROR);
	} else if (alone->options->mode == MODE_STALL) {
		stream_stop(stream);
	}
}

/* ---- the loop's thread ---- */

static void on_stop(struct task *task)
{
	struct alone *alone = container_of(task, struct alone, stop);

	alone->acceptor = acceptor_close(alone->acceptor);
	while (!list_empty(&alone->ends)) {
		end_over(container_of(alone->ends.next, struct end, link), CONN_END_OURS);
	}
	loop_release(alone->loop);
	(void)loop_stop(alone->loop);
}

static int set_up(struct alone *alone)
{
	struct acceptor_opts opts = {
		.fd = alone->socket.fd,
		.owner = alone,
		.accepted = on_accepted,
	};

	alone->loop = loop_new();
	if (alone->loop == NULL) {
		return -errno;
	}
	opts.loop = alone->loop;
	alone->acceptor = acceptor_open(&opts);
	if (alone->acceptor == NULL) {
		return -errno;
	}
	alone->socket.fd = -1;
	loop_hold(alone->loop);
	return 0;
}

static void *serve(void *arg)
{
	struct alone *alone = arg;
	int status = set_up(alone);

	alone->status = status;
	(void)pthread_barrier_wait(&alone->ready);
	if (status == 0) {
		(void)loop_run(alone->loop);
	}
	if (alone->loop != NULL) {
		alone->loop = loop_free(alone->loop);
	}
	return NULL;
}

/* ---- the main thread ---- */

/** Waits until a signal comes, or --for is over. */
static void wait_for_end(const struct alone *alone, int signal_fd)
{
	struct pollfd poll_fd = {.fd = signal_fd, .events = POLLIN};
	uint64_t end_ns = clock_after(clock_ns(), alone->options->for_ns);
	int r;

	do {
		uint64_t now_ns = clock_ns();
		uint64_t left_ms =
			end_ns <= now_ns ? 0 : (end_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;

		r = poll(&poll_fd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
	} while (r <= 0 && clock_ns() < end_ns);
}

static int serve_until_end(struct alone *alone, int signal_fd)
{
	int r = -pthread_barrier_init(&alone->ready, NULL, 2);

	if (r == 0) {
		r = thread_start(&alone->thread, serve, alone);
	}
	if (r < 0) {
		return r;
	}
	(void)pthread_barrier_wait(&alone->ready);
	r = alone->status;
	if (r == 0) {
		wait_for_end(alone, signal_fd);
		loop_post(alone->loop, &alone->stop);
	}
	(void)pthread_join(alone->thread, NULL);
	(void)pthread_barrier_destroy(&alone->ready);
	return r;
}

static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int alone_run(const struct options *options)
{
	struct alone alone = {.options = options, .socket.fd = -1, .results.options = options};
	char why[OPTIONS_WHY_MAX] = "";
	int signal_fd = run_open_signals();
	int r = signal_fd;

	about_take(&alone.results.about);
	list_init(&alone.ends);
	task_init(&alone.stop, on_stop);
	raise_fd_limit();
	if (r >= 0) {
		r = listening_open("--serve", &options->serve, SOCKET_MODE, &alone.socket, why);
	}
	if (r == 0) {
		r = serve_until_end(&alone, signal_fd);
	}
	listen_close(&alone.socket);
	if (signal_fd >= 0) {
		(void)close(signal_fd);
	}
	if (r < 0) {
		say_error("%s%s", why[0] == '\0' ? "cannot serve: " : why,
			why[0] == '\0' ? strerror(-r) : "");
		return LOAD_EXIT_USAGE;
	}
	if (options->json) {
		report_alone_json(&alone.results, stdout);
	} else {
		report_alone_text(&alone.results, stdout);
	}
	return LOAD_EXIT_OK;
}

/* ---- the scenario ---- */

static const char *check(const struct options *options)
{
	return options->has_serve ? NULL : "--serve is missing: the address to listen on";
}

const struct scenario scenario_serve = {
	.name = "serve",
	.bit = SCENARIO_SERVE,
	.summary = "be only the server behind a proxy, for a weirload on another host",
	.description = "Accepts connections until Ctrl-C, and closes none by itself. With --mode "
		       "read it reads, and\n"
		       "answers a FIN with a FIN; echo sends back what it reads (for mixed); hold "
		       "reads, and does\n"
		       "not answer a FIN (for halfclose); stall does not read (for stall --side "
		       "server). With\n"
		       "--secret-file it serves the runs of another weirload that has the same "
		       "secret (--remote).\n",
	.check = check,
};
