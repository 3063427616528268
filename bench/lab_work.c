/* SPDX-License-Identifier: ISC */
/*
 * Work for a relay on loopback: this is its client and its server. bench/lab measures what the work
 * costs the relay.
 *
 *	lab_work PROXY_PORT SERVER_PORT bulk MIB	sends so many MiB on one connection
 *	lab_work PROXY_PORT SERVER_PORT requests N	sends N requests of 64 bytes, one
 *			after another, on 16 connections in rotation
 *
 * Prints "open" when all is connected, waits for a line, works, prints "done", and waits for
 * another line.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab_loopback.h"

enum { BLOCK = 128 * 1024, MESSAGE = 64, CLIENTS = 16, MIB = 1024 * 1024 };

static char block[BLOCK];
static int clients[CLIENTS];
static int servers[CLIENTS];

static int listen_on(const char *port)
{
	struct sockaddr_in here = loopback(port);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 ||
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
		bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		listen(listener, CLIENTS) < 0) {
		fail("listen");
	}
	return listener;
}

static void send_all(int fd, size_t n)
{
	while (n > 0) {
		ssize_t r = send(fd, block, n < BLOCK ? n : BLOCK, MSG_NOSIGNAL);

		if (r <= 0) {
			fail("send");
		}
		n -= (size_t)r;
	}
}

static void take_all(int fd, size_t n)
{
	while (n > 0) {
		ssize_t r = recv(fd, block, n < BLOCK ? n : BLOCK, 0);

		if (r <= 0) {
			fail("recv");
		}
		n -= (size_t)r;
	}
}

static void bulk(size_t mib)
{
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		send_all(clients[0], mib * MIB);
		_exit(0);
	}
	take_all(servers[0], mib * MIB);
}

static void requests(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		send_all(clients[i % CLIENTS], MESSAGE);
		take_all(servers[i % CLIENTS], MESSAGE);
		send_all(servers[i % CLIENTS], MESSAGE);
		take_all(clients[i % CLIENTS], MESSAGE);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in proxy;
	bool is_bulk;
	int listener;

	if (argc != 5) {
		fputs("usage: lab_work PROXY_PORT SERVER_PORT bulk|requests N\n", stderr);
		return 2;
	}
	proxy = loopback(argv[1]);
	listener = listen_on(argv[2]);
	is_bulk = strcmp(argv[3], "bulk") == 0;
	for (size_t i = 0; i < (is_bulk ? 1 : CLIENTS); i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (clients[i] < 0 ||
			connect(clients[i], (const struct sockaddr *)&proxy, sizeof(proxy)) < 0) {
			fail("connect");
		}
		servers[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (servers[i] < 0) {
			fail("accept");
		}
	}
	puts("open");
	(void)fflush(stdout);
	(void)getchar();
	(is_bulk ? bulk : requests)(strtoull(argv[4], NULL, 10));
	puts("done");
	(void)fflush(stdout);
	(void)getchar();
	return 0;
}
