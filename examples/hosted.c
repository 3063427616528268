/* SPDX-License-Identifier: ISC */
/*
 * Weir's streams in an application that uses libuv: one uv_run() serves both.
 *
 *	hosted		listens on two ports of 127.0.0.1, which the kernel picks, and prints them:
 *			"echo on PORT": streams of weir, which write back what they read
 *			"status on PORT": a uv_tcp_t, which sends numbers of the streams, and closes
 *
 * A uv_timer_t counts tenths of a second. A uv_signal_t handles SIGTERM and SIGINT, which end the
 * program in an orderly way: see on_signal(), and main() for what must be done before
 * uv_loop_close().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/list.h"
#include "stream/acceptor.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/stream.h"

static struct {
	uv_loop_t host;
	struct loop *loop; /* weir's, hosted by `host` */
	struct acceptor *acceptor;
	struct list peers; /* struct peer::link */
	unsigned n_peers;
	unsigned long long n_bytes;
	unsigned n_ticks;
} app;

static void fail(const char *what, int r)
{
	fprintf(stderr, "hosted: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* ---- streams of weir: the same as in echo.c, because they do not depend on what runs their loop
 * ---- */

struct peer {
	struct handler handler;
	struct stream *stream;
	struct list link; /* app.peers */
};

static void on_event(struct handler *handler, const struct event *event)
{
	struct peer *peer = container_of(handler, struct peer, handler);

	if (event->type == STREAM_READ) {
		app.n_bytes += event->len;
		(void)stream_write(peer->stream, event->data, event->len, NULL);
		if (!stream_can_write(peer->stream)) {
			stream_stop(peer->stream);
		}
	} else if (event->type == STREAM_DRAIN) {
		(void)stream_start(peer->stream);
	} else if (event->type == STREAM_CLOSE) { /* the last event, also after STREAM_ERROR */
		app.n_peers--;
		list_remove(&peer->link);
		stream_free(peer->stream);
		free(peer);
	}
}

static void on_accepted(void *owner, int fd, const union addr_sockaddr *sa, socklen_t sa_len)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	(void)owner;
	(void)sa;
	(void)sa_len;
	if (peer != NULL) {
		peer->stream = stream_open(app.loop, fd, STREAM_IS_TCP | STREAM_NONBLOCKING);
	}
	if (peer == NULL || peer->stream == NULL) {
		fail("stream", -errno);
	}
	peer->handler.call = on_event;
	list_append(&app.peers, &peer->link);
	app.n_peers++;
	stream_on(peer->stream, STREAM_READ | STREAM_DRAIN | STREAM_ERROR | STREAM_CLOSE,
		&peer->handler);
	if (stream_start(peer->stream) < 0) {
		stream_close(peer->stream);
	}
}

static void listen_for_streams(void)
{
	struct addr addr = {.kind = ADDR_INET, .sa_len = sizeof(addr.sa.in)};
	struct acceptor_opts opts = {.loop = app.loop, .accepted = on_accepted};
	struct listen_socket listener;
	int r;

	addr.sa.in.sin_family = AF_INET;
	addr.sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = listen_open(&addr, 0, NULL, &listener, NULL);
	if (r < 0 || getsockname(listener.fd, &addr.sa.any, &addr.sa_len) < 0) {
		fail("listen", r < 0 ? r : -errno);
	}
	opts.fd = listener.fd;
	app.acceptor = acceptor_open(&opts);
	if (app.acceptor == NULL) {
		fail("acceptor", -errno);
	}
	printf("echo on %u\n", ntohs(addr.sa.in.sin_port));
}

/* ---- handles of libuv, beside them ---- */

static void on_told(uv_handle_t *client)
{
	free(client);
}

static void on_status_wanted(uv_stream_t *server, int r)
{
	uv_tcp_t *client = calloc(1, sizeof(*client));
	char text[128];
	uv_buf_t buf = {.base = text};

	if (r < 0 || client == NULL) {
		free(client);
		return;
	}
	(void)uv_tcp_init(&app.host, client);
	buf.len = (size_t)snprintf(text, sizeof(text), "peers=%u bytes=%llu ticks=%u\n",
		app.n_peers, app.n_bytes, app.n_ticks);
	if (uv_accept(server, (uv_stream_t *)client) == 0) {
		/* It is new, so the kernel has room. */
		(void)uv_try_write((uv_stream_t *)client, &buf, 1);
	}
	uv_close((uv_handle_t *)client, on_told);
}

static void listen_for_status(uv_tcp_t *server)
{
	struct sockaddr_in in;
	int len = sizeof(in);
	int r;

	(void)uv_ip4_addr("127.0.0.1", 0, &in);
	(void)uv_tcp_init(&app.host, server);
	r = uv_tcp_bind(server, (struct sockaddr *)&in, 0);
	if (r == 0) {
		r = uv_listen((uv_stream_t *)server, 16, on_status_wanted);
	}
	if (r == 0) {
		r = uv_tcp_getsockname(server, (struct sockaddr *)&in, &len);
	}
	if (r < 0) {
		fail("status", r);
	}
	printf("status on %u\n", ntohs(in.sin_port));
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
	app.n_ticks++;
}

/* ---- the end ---- */

static void close_unless_of_weir(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!loop_owns(app.loop, handle) && !uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

/**
 * Closes everything. When the last CLOSE was emitted and the last handle is closed, neither weir's
 * loop nor the host's has work left, and so uv_run() returns.
 */
static void on_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	app.acceptor = acceptor_close(app.acceptor);
	list_for_each (link, &app.peers) {
		stream_close(container_of(link, struct peer, link)->stream);
	}
	uv_walk(&app.host, close_unless_of_weir, NULL);
}

int main(void)
{
	uv_tcp_t server = {0};
	uv_timer_t timer = {0};
	uv_signal_t ends[2] = {0};
	int r = loop_init_host(&app.host); /* uv_loop_init() that never aborts */

	/* Writing to a closed socket must return an error, not end us. */
	(void)signal(SIGPIPE, SIG_IGN);
	app.loop = r == 0 ? loop_open_on(&app.host) : NULL;
	if (app.loop == NULL) {
		fail("loop", r < 0 ? r : -errno);
	}
	list_init(&app.peers);
	listen_for_streams();
	listen_for_status(&server);
	fflush(stdout);
	(void)uv_timer_init(&app.host, &timer);
	(void)uv_timer_start(&timer, on_tick, 100, 100);
	for (int i = 0; i < 2; i++) {
		(void)uv_signal_init(&app.host, &ends[i]);
		(void)uv_signal_start(&ends[i], on_signal, i == 0 ? SIGTERM : SIGINT);
	}

	(void)uv_run(&app.host, UV_RUN_DEFAULT); /* streams and handles alike */

	loop_free(app.loop);                     /* at once for us, but libuv closes handles ... */
	(void)uv_run(&app.host, UV_RUN_DEFAULT); /* ... when it runs: the memory is free then */
	r = uv_loop_close(&app.host);
	if (r < 0) {
		fail("something is left open", r);
	}
	printf("closed, %llu bytes echoed\n", app.n_bytes);
	return 0;
}
