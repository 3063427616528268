/* SPDX-License-Identifier: ISC */
/*
 * What each driver of a loop costs (stream/loop.h): an echo on streams, run by loop_run() and by
 * the uv_run() of a host, in alternating rounds.
 *
 *	drivers [ROUNDS [MESSAGES]]
 *		Has 1 and then 64 clients that each wait for their answer. Prints the server's
 *		processor time for a message, and the ratio of the rounds, hosted to own
 *	drivers own|hosted CLIENTS MESSAGES
 *		Runs one server once, for strace -c and for valgrind --tool=callgrind: the clients
 *		are in a child. Two runs with different MESSAGES differ by what messages cost
 *
 * docs/PERFORMANCE.md has the figures.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "stream/loop.h"
#include "stream/stream.h"

enum { MESSAGE_BYTES = 64, CLIENTS_MAX = 64, ROUNDS_MAX = 1000 };

static void check(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

/* ---- the clients, a process of their own ---- */

static void clients_run(const struct sockaddr_in *in, unsigned n_clients, unsigned long n_messages)
{
	static char message[MESSAGE_BYTES];
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	unsigned long n_sent = n_clients;
	unsigned long n_answered = 0;
	int fds[CLIENTS_MAX];

	for (unsigned i = 0; i < n_clients; i++) {
		struct epoll_event event = {.events = EPOLLIN};

		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		check(connect(fds[i], (const struct sockaddr *)in, sizeof(*in)) == 0, "connect");
		event.data.fd = fds[i];
		check(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event) == 0, "epoll_ctl");
	}
	for (unsigned i = 0; i < n_clients; i++) {
		check(send(fds[i], message, sizeof(message), 0) == sizeof(message), "send");
	}
	while (n_answered < n_messages) {
		struct epoll_event events[CLIENTS_MAX];
		int n = epoll_wait(epoll_fd, events, CLIENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			check(recv(fd, message, sizeof(message), MSG_WAITALL) == sizeof(message),
				"recv");
			n_answered++;
			if (n_sent < n_messages) {
				n_sent++;
				check(send(fd, message, sizeof(message), 0) == sizeof(message),
					"send");
			}
		}
	}
}

/* ---- the server ---- */

static void on_event(struct handler *handler, const struct event *event)
{
	if (event->type == STREAM_READ) {
		(void)stream_write(event->stream, event->data, event->len, NULL);
	} else if (event->type == STREAM_CLOSE) {
		stream_free(event->stream);
		free(handler);
	}
}

static void serve_one(struct loop *loop, int fd)
{
	struct handler *handler = calloc(1, sizeof(*handler));
	struct stream *stream = stream_open(loop, fd, 0);

	check(handler != NULL && stream != NULL, "stream");
	handler->call = on_event;
	stream_on(stream, STREAM_READ | STREAM_ERROR | STREAM_CLOSE, handler);
	check(stream_start(stream) == 0, "stream");
}

static double cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/** Serves all clients until they have gone. Returns the processor time for a message, in ns. */
static double serve(bool is_hosted, unsigned n_clients, unsigned long n_messages)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct loop *loop;
	uv_loop_t host;
	double began;
	double took;
	pid_t pid;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(listener, (struct sockaddr *)&in, len) == 0 &&
			listen(listener, CLIENTS_MAX) == 0 &&
			getsockname(listener, (struct sockaddr *)&in, &len) == 0,
		"listen");
	pid = fork();
	check(pid >= 0, "fork");
	if (pid == 0) {
		clients_run(&in, n_clients, n_messages);
		_exit(0);
	}
	check(!is_hosted || loop_init_host(&host) == 0, "uv_loop_init");
	loop = is_hosted ? loop_open_on(&host) : loop_new();
	check(loop != NULL, "loop");
	for (unsigned i = 0; i < n_clients; i++) {
		serve_one(loop, accept(listener, NULL, NULL));
	}
	began = cpu_ns();
	if (is_hosted) {
		(void)uv_run(&host, UV_RUN_DEFAULT);
	} else {
		(void)loop_run(loop);
	}
	took = cpu_ns() - began;
	loop_free(loop);
	if (is_hosted) {
		(void)uv_run(&host, UV_RUN_DEFAULT);
		(void)uv_loop_close(&host);
	}
	close(listener);
	check(waitpid(pid, NULL, 0) == pid, "waitpid");
	return took / (double)n_messages;
}

/* ---- both, alternately ---- */

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static void print_row(unsigned n_clients, unsigned rounds, unsigned long n_messages)
{
	static double own[ROUNDS_MAX];
	static double hosted[ROUNDS_MAX];
	static double ratio[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++) {
		bool hosted_first = i % 2 == 1;

		if (hosted_first) {
			hosted[i] = serve(true, n_clients, n_messages);
		}
		own[i] = serve(false, n_clients, n_messages);
		if (!hosted_first) {
			hosted[i] = serve(true, n_clients, n_messages);
		}
		ratio[i] = hosted[i] / own[i];
	}
	qsort(own, rounds, sizeof(double), compare);
	qsort(hosted, rounds, sizeof(double), compare);
	qsort(ratio, rounds, sizeof(double), compare);
	printf("| %u | %.2f | %.2f | %.3f (%.3f – %.3f) |\n", n_clients, own[rounds / 2] / 1e3,
		hosted[rounds / 2] / 1e3, ratio[rounds / 2], ratio[rounds / 4],
		ratio[rounds * 3 / 4]);
}

int main(int argc, char **argv)
{
	bool is_hosted = argc > 1 && strcmp(argv[1], "hosted") == 0;
	unsigned long rounds;
	unsigned long n_messages;

	if (argc == 4 && (is_hosted || strcmp(argv[1], "own") == 0)) {
		(void)serve(is_hosted, (unsigned)atoi(argv[2]), strtoul(argv[3], NULL, 10));
		return 0;
	}
	rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 15;
	n_messages = argc > 2 ? strtoul(argv[2], NULL, 10) : 50000;
	if (argc > 3 || rounds == 0 || rounds > ROUNDS_MAX || n_messages < CLIENTS_MAX) {
		fprintf(stderr, "usage: drivers [ROUNDS [MESSAGES]]\n"
				"       drivers own|hosted CLIENTS MESSAGES\n");
		return 2;
	}
	printf("| clients | own: CPU µs a message | hosted | ratio (quartiles) "
	       "|\n|---|---|---|---|\n");
	print_row(1, (unsigned)rounds, n_messages);
	print_row(64, (unsigned)rounds, n_messages);
	return 0;
}
