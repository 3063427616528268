/* SPDX-License-Identifier: ISC */
/* The wires and peers of fixture.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"

static void must(bool ok, const char *what)
{
	if (!ok) {
		ck_abort_msg("%s: %s", what, strerror(errno));
	}
}

static void set_nonblocking(int fd)
{
	must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0, "fcntl");
}

/* ---- wires ---- */

/** Listens on `sa`, connects near to it, and accepts far. */
static struct wire connect_over(struct sockaddr *sa, socklen_t len)
{
	int listener = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct wire wire;

	must(listener >= 0, "socket");
	must(bind(listener, sa, len) == 0, "bind");
	must(listen(listener, 1) == 0, "listen");
	len = sizeof(struct sockaddr_un);
	must(getsockname(listener, sa, &len) == 0, "getsockname");
	wire.near = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(wire.near >= 0, "socket");
	must(connect(wire.near, sa, len) == 0, "connect");
	wire.far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	must(wire.far >= 0, "accept4");
	close(listener);
	return wire;
}

static struct wire connect_tcp(void)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} sa = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	struct wire wire = connect_over(&sa.any, sizeof(sa.in));
	int on = 1;

	/* Each piece that a test sends must travel by itself. */
	must(setsockopt(wire.far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "TCP_NODELAY");
	must(setsockopt(wire.near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "TCP_NODELAY");
	return wire;
}

static struct wire connect_unix(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	/* The kernel picks an abstract name (unix(7), autobind). */
	return connect_over((struct sockaddr *)&un, sizeof(sa_family_t));
}

static struct wire open_pty(bool near_is_master)
{
	struct termios raw;
	int master;
	int tty;

	memset(&raw, 0, sizeof(raw));
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	must(openpty(&master, &tty, NULL, &raw, NULL) == 0, "openpty");
	return near_is_master ? (struct wire){master, tty} : (struct wire){tty, master};
}

static struct wire wire_make(enum wire_kind kind)
{
	int fds[2] = {-1, -1};

	switch (kind) {
	case WIRE_TCP:
		return connect_tcp();
	case WIRE_UNIX:
		return connect_unix();
	case WIRE_SOCKETPAIR:
		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
		return (struct wire){fds[0], fds[1]};
	case WIRE_PIPE_IN:
		must(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
		return (struct wire){fds[0], fds[1]};
	case WIRE_PIPE_OUT:
		must(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
		return (struct wire){fds[1], fds[0]};
	case WIRE_TTY:
		return open_pty(false);
	case WIRE_PTY:
		return open_pty(true);
	case WIRE_KINDS:
		break;
	}
	abort();
}

struct wire wire_open(enum wire_kind kind)
{
	struct wire wire;

	fault_suspend();
	wire = wire_make(kind);
	set_nonblocking(wire.far);
	fault_resume();
	return wire;
}

struct wire wire_open_tiny(enum wire_kind kind)
{
	struct wire wire = wire_open(kind);
	int least = 1; /* the kernel rounds it up to its own least */
	/* With less, each window of TCP waits for a probe (200 ms). */
	int window = kind == WIRE_TCP ? 16384 : 1;

	fault_suspend();
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? wire.near : wire.far;

		if (wire_is_socket(kind)) {
			must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) == 0,
				"SO_SNDBUF");
			must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)) == 0,
				"SO_RCVBUF");
		} else if (kind == WIRE_PIPE_IN || kind == WIRE_PIPE_OUT) {
			must(fcntl(fd, F_SETPIPE_SZ, 4096) >= 0, "F_SETPIPE_SZ");
		}
	}
	fault_resume();
	return wire;
}

const char *wire_name(enum wire_kind kind)
{
	static const char *const names[] = {
		"tcp", "unix", "socketpair", "pipe (in)", "pipe (out)", "tty", "pty"};

	return names[kind];
}

bool wire_reads(enum wire_kind kind)
{
	return kind != WIRE_PIPE_OUT;
}

bool wire_writes(enum wire_kind kind)
{
	return kind != WIRE_PIPE_IN;
}

bool wire_is_socket(enum wire_kind kind)
{
	return kind == WIRE_TCP || kind == WIRE_UNIX || kind == WIRE_SOCKETPAIR;
}

/* ---- peers ---- */

void peer_send(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	fault_suspend();
	n = write(fd, text, len);
	fault_resume();
	must(n == (ssize_t)len, "write");
}

ptrdiff_t peer_recv(int fd, void *buffer, size_t size)
{
	ssize_t n;
	int err;

	fault_suspend();
	n = read(fd, buffer, size);
	err = errno;
	fault_resume();
	return n < 0 ? -err : n;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

unsigned char pattern_at(size_t offset)
{
	/* The second term distinguishes offsets whose difference is a multiple of 251. */
	return (unsigned char)(offset % 251 + offset / 65521);
}

void pattern_fill(void *buffer, size_t offset, size_t len)
{
	enum { CYCLE = 251, SAME = 65521 };
	unsigned char *bytes = buffer;

	while (len > 0) {
		/* While its second term is the same, the pattern repeats. */
		size_t n = smaller(len, SAME - offset % SAME);

		for (size_t i = 0; i < smaller(n, CYCLE); i++) {
			bytes[i] = pattern_at(offset + i);
		}
		for (size_t done = CYCLE; done < n; done *= 2) {
			memcpy(bytes + done, bytes, smaller(done, n - done));
		}
		bytes += n;
		offset += n;
		len -= n;
	}
}

void pattern_expect(const void *buffer, size_t offset, size_t len)
{
	const unsigned char *bytes = buffer;
	unsigned char expected[4096];

	for (size_t at = 0; at < len; at += sizeof(expected)) {
		size_t n = smaller(len - at, sizeof(expected));

		pattern_fill(expected, offset + at, n);
		for (size_t i = 0; memcmp(bytes + at, expected, n) != 0; i++) {
			if (bytes[at + i] != expected[i]) {
				ck_abort_msg("byte %zu is wrong", offset + at + i);
			}
		}
	}
}

void keep_first(char *text, size_t size, size_t offset, const void *bytes, size_t len)
{
	if (offset < size - 1) {
		memcpy(text + offset, bytes, smaller(len, size - 1 - offset));
	}
}

size_t peer_fill(int fd)
{
	char buffer[4096];
	size_t sent = 0;
	ssize_t n;

	fault_suspend();
	for (;;) {
		pattern_fill(buffer, sent, sizeof(buffer));
		n = write(fd, buffer, sizeof(buffer));
		if (n < 0) {
			break;
		}
		sent += (size_t)n;
	}
	must(errno == EAGAIN, "write");
	fault_resume();
	return sent;
}

void peer_reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	fault_suspend();
	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0, "SO_LINGER");
	fault_resume();
	close(fd);
}

void peer_send_urgent(int fd, char byte)
{
	fault_suspend();
	must(send(fd, &byte, 1, MSG_OOB) == 1, "send MSG_OOB");
	fault_resume();
}

static void peer_note(struct peer *peer, const unsigned char *bytes, size_t len)
{
	if (peer->is_pattern) {
		pattern_expect(bytes, peer->n_received, len);
	}
	keep_first(peer->text, sizeof(peer->text), peer->n_received, bytes, len);
	peer->n_received += len;
}

static void on_peer_ready(struct watcher *watcher, uint32_t events)
{
	struct peer *peer = container_of(watcher, struct peer, watcher);
	unsigned char buffer[65536];
	ptrdiff_t n = peer_recv(peer->fd, buffer, peer->max);

	(void)events;
	if (n > 0) {
		peer_note(peer, buffer, (size_t)n);
	} else if (n != -EAGAIN) {
		peer->ended = n == 0;
		peer->error = n < 0 ? (int)n : 0;
		/* Otherwise the end would be reported again and again. */
		loop_unwatch(test_loop, peer->fd, &peer->watcher);
	}
}

void peer_open(struct peer *peer, int fd)
{
	*peer = (struct peer){.watcher.ready = on_peer_ready, .fd = fd, .max = 65536};
	fault_suspend();
	ck_assert_int_eq(loop_watch_listen(test_loop, fd, &peer->watcher), 0);
	fault_resume();
}

int peer_release(struct peer *peer)
{
	int fd = peer->fd;

	if (peer->watcher.ready != NULL) {
		loop_unwatch(test_loop, fd, &peer->watcher);
	}
	peer->fd = -1;
	return fd;
}

void peer_close(struct peer *peer)
{
	if (peer->fd >= 0) {
		close(peer_release(peer));
	}
}
