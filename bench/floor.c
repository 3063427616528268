/* SPDX-License-Identifier: ISC */
/*
 * The floor: how little a relay in user space can cost. Only bench/peers uses it; it is no part of
 * weir.
 *
 *	floor LISTEN_PORT UPSTREAM_PORT [splice]
 *
 * It has one thread and one edge-triggered epoll set, on loopback, and no timeouts, limits, log or
 * names. Bytes that a receiver does not take wait on the heap or in a pipe, and a failed connect
 * just ends the pair. What weir costs above this is the price of what weir does and this does not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 64 * 1024,
	PIPE_BYTES = 1024 * 1024,
	BULK_BYTES = 16 * 1024, /**< a read of this size earns the splice path ... */
	BULK_READS = 2,         /**< ... when so many follow each other */
	EVENTS_A_TURN = 256,
	ACCEPTS_A_TURN = 4,
	PIPES_KEPT = 512,
};

/** One of the two ends of a pair; the bytes that wait here are to be written to it. */
struct end {
	struct end *peer;
	int fd;
	int pipe[2]; /**< -1: none */
	int n_bulk;
	bool readable;
	bool writable;
	bool ended;
	bool shut;
	bool dead;
	char *waiting; /**< `n_waiting` bytes, from `begin` on */
	size_t begin;
	size_t n_waiting;
	size_t n_piped;
};

static int epoll_fd;
static bool splicing;
static char buffer[BUFFER_BYTES];
static struct end *grave[2 * EVENTS_A_TURN];
static size_t n_grave;
static int pipes[PIPES_KEPT][2];
static size_t n_pipes;

static bool pipe_take(struct end *to)
{
	if (to->pipe[0] >= 0) {
		return true;
	}
	if (n_pipes > 0) {
		memcpy(to->pipe, pipes[--n_pipes], sizeof(to->pipe));
		return true;
	}
	if (pipe2(to->pipe, O_NONBLOCK) < 0) {
		to->pipe[0] = -1;
		splicing = false;
		return false;
	}
	(void)fcntl(to->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	return true;
}

static void pipe_give(struct end *end)
{
	if (end->pipe[0] < 0) {
		return;
	}
	if (end->n_piped == 0 && n_pipes < PIPES_KEPT) {
		memcpy(pipes[n_pipes++], end->pipe, sizeof(end->pipe));
	} else {
		close(end->pipe[0]);
		close(end->pipe[1]);
	}
	end->pipe[0] = -1;
}

/** Ends the pair. Its memory is freed after the turn, in which events for it may still follow. */
static void bury(struct end *end)
{
	struct end *both[2] = {end, end->peer};

	for (size_t i = 0; i < 2 && !end->peer->dead; i++) {
		pipe_give(both[i]);
		close(both[i]->fd);
		free(both[i]->waiting);
		grave[n_grave++] = both[i];
	}
	end->dead = end->peer->dead = true;
}

/** Writes what waits. Returns 0 when all is written, 1 if the receiver is full, -1 if it failed. */
static int flush(struct end *to)
{
	while (to->n_waiting > 0 || to->n_piped > 0) {
		bool piped = to->n_waiting == 0;
		ssize_t n =
			piped ? splice(to->pipe[0], NULL, to->fd, NULL, to->n_piped,
					SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
			      : send(to->fd, to->waiting + to->begin, to->n_waiting, MSG_NOSIGNAL);

		if (n < 0) {
			to->writable = errno != EAGAIN;
			return errno == EAGAIN ? 1 : -1;
		}
		if (piped) {
			to->n_piped -= (size_t)n;
		} else {
			to->begin += (size_t)n;
			to->n_waiting -= (size_t)n;
		}
	}
	free(to->waiting);
	to->waiting = NULL;
	return 0;
}

/** Reads once, by copying. Returns how many bytes, 0 at the end of input, -1 with errno. */
static ssize_t copy(struct end *from, struct end *to)
{
	ssize_t n = recv(from->fd, buffer, sizeof(buffer), 0);
	ssize_t m;

	if (n <= 0) {
		return n;
	}
	if ((size_t)n < sizeof(buffer)) {
		from->readable = false;
	}
	from->n_bulk = n < BULK_BYTES ? 0 : from->n_bulk + 1;
	m = send(to->fd, buffer, (size_t)n, MSG_NOSIGNAL);
	if (m < 0 && errno != EAGAIN) {
		return -1;
	}
	m = m < 0 ? 0 : m;
	if (m < n) {
		to->waiting = malloc((size_t)(n - m));
		if (to->waiting == NULL) {
			errno = ENOMEM;
			return -1;
		}
		memcpy(to->waiting, buffer + m, (size_t)(n - m));
		to->begin = 0;
		to->n_waiting = (size_t)(n - m);
		to->writable = false;
	}
	return n;
}

/** Like copy(), but splices into the receiver's pipe. */
static ssize_t splice_on(struct end *from, struct end *to)
{
	ssize_t n = splice(
		from->fd, NULL, to->pipe[1], NULL, PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0) {
		to->n_piped += (size_t)n;
		if (flush(to) < 0) {
			return -1;
		}
	}
	return n;
}

/** Moves what there is from one end to its peer. */
static void pump(struct end *from)
{
	struct end *to = from->peer;

	if (to->n_waiting > 0 || to->n_piped > 0) {
		int r = to->writable ? flush(to) : 1;

		if (r < 0) {
			bury(from);
		}
		if (r != 0) {
			return;
		}
	}
	while (from->readable && !from->ended && to->writable) {
		bool splices = splicing && from->n_bulk >= BULK_READS && pipe_take(to);
		ssize_t n = splices ? splice_on(from, to) : copy(from, to);

		if (n < 0 && errno != EAGAIN) {
			bury(from);
			return;
		}
		from->readable = from->readable && n >= 0;
		from->ended = n == 0;
	}
	if (from->ended && to->n_waiting == 0 && to->n_piped == 0 && !to->shut) {
		to->shut = true;
		if (from->shut) {
			bury(from);
		} else {
			(void)shutdown(to->fd, SHUT_WR);
		}
	}
}

/** Takes fd. Returns NULL without memory or room in the epoll set; the fd is then closed. */
static struct end *end_new(int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	struct end *end = calloc(1, sizeof(*end));

	if (end != NULL) {
		end->fd = fd;
		end->pipe[0] = -1;
		event.data.ptr = end;
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) {
			return end;
		}
		free(end);
	}
	close(fd);
	return NULL;
}

static void pair_new(int client, const struct sockaddr_in *upstream)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct end *a;
	struct end *b;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (fd < 0 || (connect(fd, (const struct sockaddr *)upstream, sizeof(*upstream)) < 0 &&
			      errno != EINPROGRESS)) {
		close(client);
		close(fd);
		return;
	}
	a = end_new(client);
	b = end_new(fd);
	if (a == NULL || b == NULL) {
		perror("floor");
		exit(1);
	}
	a->peer = b;
	b->peer = a;
}

static void on_event(struct end *end, uint32_t events)
{
	if (end->dead) {
		return;
	}
	end->readable |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	end->writable |= (events & EPOLLOUT) != 0;
	if (end->writable) {
		pump(end->peer);
	}
	if (end->readable && !end->dead) {
		pump(end);
	}
}

static int listen_on(const struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 || listen(fd, 4096) < 0) {
		return -1;
	}
	return fd;
}

static struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void turn(int listener, const struct sockaddr_in *upstream)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr != NULL) {
			on_event(events[i].data.ptr, events[i].events);
			continue;
		}
		for (int k = 0; k < ACCEPTS_A_TURN; k++) {
			int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

			if (fd < 0) {
				break;
			}
			pair_new(fd, upstream);
		}
	}
	while (n_grave > 0) {
		free(grave[--n_grave]);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	struct sockaddr_in upstream;
	struct sockaddr_in addr;
	int listener;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: floor LISTEN_PORT UPSTREAM_PORT [splice]\n");
		return 2;
	}
	splicing = argc > 3;
	/* splice(2) has no MSG_NOSIGNAL. */
	(void)signal(SIGPIPE, SIG_IGN);
	addr = loopback(argv[1]);
	upstream = loopback(argv[2]);
	epoll_fd = epoll_create1(0);
	listener = listen_on(&addr);
	if (listener < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0) {
		perror("floor");
		return 1;
	}
	for (;;) {
		turn(listener, &upstream);
	}
}
