/* SPDX-License-Identifier: ISC */
/*
 * Both ends of a connection through a proxy of weirlab with the toxic bandwidth: a child sends as
 * much as it can, and this process receives it; the kernel notes when bytes came.
 *
 *	lab_rate PROXY_PORT SERVER_PORT SECONDS RATE_KB
 *
 * Leaves out the first 100 ms, and prints the least and the most that came within a second, in per
 * mille of the rate; how many bytes more than their share the fullest 10 ms had; and KB/s over all.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab_loopback.h"

enum { BLOCK = 64 * 1024, READ = 8 * 1024, PIECES_MAX = 4194304, WINDOW_NS = 10 * NS_PER_MS };

struct piece {
	uint64_t ns;
	uint64_t sum; /**< bytes of all pieces up to this one */
};

static struct piece pieces[PIECES_MAX];
static size_t n_pieces;
static char block[BLOCK];

static _Noreturn void send_for_ever(const struct sockaddr_in *proxy)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || connect(fd, (const struct sockaddr *)proxy, sizeof(*proxy)) < 0) {
		fail("connect");
	}
	while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0) {
	}
	_exit(0);
}

/** Reads a small piece, and notes the time at which its last byte came. */
static void take(int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} control;
	struct iovec vec = {.iov_base = block, .iov_len = READ};
	struct msghdr msg = {.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, 0);
	const struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	uint64_t before = n_pieces == 0 ? 0 : pieces[n_pieces - 1].sum;
	struct timespec came;

	if (n <= 0 || n_pieces == PIECES_MAX) {
		fail("recvmsg");
	}
	(void)clock_gettime(CLOCK_REALTIME, &came); /* if the kernel has noted no time yet */
	if (cmsg != NULL) {
		memcpy(&came, CMSG_DATA(cmsg), sizeof(came));
	}
	pieces[n_pieces++] = (struct piece){
		(uint64_t)came.tv_sec * NS_PER_S + (uint64_t)came.tv_nsec, before + (uint64_t)n};
}

/** Returns the least and the most bytes within `ns` after any piece from `first` on. */
static void judge(size_t first, uint64_t ns, uint64_t *ret_least, uint64_t *ret_most)
{
	size_t to = first;

	*ret_least = UINT64_MAX;
	*ret_most = 0;
	for (size_t from = first; from < n_pieces; from++) {
		uint64_t sum;

		while (to < n_pieces && pieces[to].ns <= pieces[from].ns + ns) {
			to++;
		}
		if (to == n_pieces) {
			return;
		}
		sum = pieces[to - 1].sum - pieces[from].sum;
		*ret_least = sum < *ret_least ? sum : *ret_least;
		*ret_most = sum > *ret_most ? sum : *ret_most;
	}
}

/** Returns the rate after the piece `first`; a KB is 1,000 bytes. */
static uint64_t kb_per_s(size_t first)
{
	uint64_t bytes;
	uint64_t us;

	if (first + 1 >= n_pieces) {
		return 0;
	}
	bytes = pieces[n_pieces - 1].sum - pieces[first].sum;
	us = (pieces[n_pieces - 1].ns - pieces[first].ns) / NS_PER_US;
	return us == 0 ? 0 : bytes * 1000 / us;
}

static int listen_on(const char *port)
{
	struct sockaddr_in here = loopback(port);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 ||
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
		bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		listen(listener, 1) < 0) {
		fail("listen");
	}
	return listener;
}

int main(int argc, char **argv)
{
	struct sockaddr_in proxy;
	uint64_t rate;
	uint64_t end_ns;
	uint64_t least;
	uint64_t most;
	uint64_t fullest;
	size_t first = 0;
	int listener;
	int fd;

	if (argc != 5) {
		fputs("usage: lab_rate PROXY_PORT SERVER_PORT SECONDS RATE_KB\n", stderr);
		return 2;
	}
	proxy = loopback(argv[1]);
	rate = strtoull(argv[4], NULL, 10) * 1000;
	listener = listen_on(argv[2]);
	if (fork() == 0) {
		send_for_ever(&proxy);
	}
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int)) < 0) {
		fail("accept");
	}
	end_ns = clock_ns() + (uint64_t)atoi(argv[3]) * NS_PER_S;
	while (clock_ns() < end_ns) {
		take(fd);
	}
	while (first < n_pieces && pieces[first].ns < pieces[0].ns + NS_PER_S / 10) {
		first++;
	}
	judge(first, WINDOW_NS, &least, &fullest);
	judge(first, NS_PER_S, &least, &most);
	fullest = fullest > rate / 100 ? fullest - rate / 100 : 0;
	printf("%lu %lu %lu %lu\n", least * 1000 / rate, most * 1000 / rate, fullest,
		kb_per_s(first));
	return most * 1000 <= rate * 1010 ? 0 : 1;
}
