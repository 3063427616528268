/* SPDX-License-Identifier: ISC */
/*
 * An echo server: the smallest useful program on the stream library.
 *
 *	echo [PORT]		listens on 127.0.0.1; without PORT, or with 0, the kernel picks one
 *
 * Each connection is a stream. What is read is written back. When the peer does not take the bytes,
 * reading stops until the queue has drained, so a slow peer costs at most the high-water mark of
 * memory.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/acceptor.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/stream.h"

static void on_read(struct stream *stream, const void *data, size_t len)
{
	(void)stream_write(stream, data, len, NULL); /* if it fails, CLOSE follows */
	if (!stream_can_write(stream)) {
		stream_stop(stream);
	}
}

static void on_event(struct handler *handler, const struct event *event)
{
	switch (event->type) {
	case STREAM_READ:
		on_read(event->stream, event->data, event->len);
		break;
	case STREAM_DRAIN:
		(void)stream_start(event->stream); /* cannot fail, because it was started before */
		break;
	case STREAM_ERROR:
		fprintf(stderr, "echo: %s\n", strerror(-event->error));
		break;
	default: /* STREAM_CLOSE, the last event */
		stream_free(event->stream);
		free(handler);
	}
}

static void on_accepted(void *loop, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct stream *stream = stream_open(loop, fd, STREAM_IS_TCP | STREAM_NONBLOCKING);
	struct handler *handler = calloc(1, sizeof(*handler));

	(void)peer;
	(void)peer_len;
	if (stream == NULL || handler == NULL) {
		fprintf(stderr, "echo: out of memory\n");
		abort();
	}
	handler->call = on_event;
	stream_on(stream, STREAM_READ | STREAM_DRAIN | STREAM_ERROR | STREAM_CLOSE, handler);
	if (stream_start(stream) < 0) {
		stream_close(stream);
	}
}

/** Listens on 127.0.0.1 and prints the port. Returns the fd, or a negative errno. */
static int listen_on(in_port_t port)
{
	struct addr addr = {.kind = ADDR_INET, .sa_len = sizeof(addr.sa.in)};
	struct listen_socket listener;
	int r;

	addr.sa.in.sin_family = AF_INET;
	addr.sa.in.sin_port = htons(port);
	addr.sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = listen_open(&addr, 0, NULL, &listener, NULL);
	if (r < 0) {
		return r;
	}
	if (getsockname(listener.fd, &addr.sa.any, &addr.sa_len) == 0) {
		printf("echo on 127.0.0.1:%u\n", ntohs(addr.sa.in.sin_port));
		fflush(stdout);
	}
	return listener.fd;
}

int main(int argc, char **argv)
{
	char *rest = "";
	unsigned long port = argc > 1 ? strtoul(argv[1], &rest, 10) : 0;
	struct acceptor_opts opts = {.loop = loop_own(), .accepted = on_accepted};

	if (argc > 2 || *rest != '\0' || port > UINT16_MAX) {
		fprintf(stderr, "usage: echo [PORT]\n");
		return 2;
	}
	opts.owner = opts.loop;
	opts.fd = listen_on((in_port_t)port);
	if (opts.loop == NULL || opts.fd < 0 || acceptor_open(&opts) == NULL) {
		fprintf(stderr, "echo: cannot listen on 127.0.0.1:%lu\n", port);
		return 1;
	}
	if (!loop_is_running(opts.loop)) {
		(void)loop_run(opts.loop); /* until a signal ends the process */
	}
	return 0;
}
