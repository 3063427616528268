/* SPDX-License-Identifier: ISC */
/*
 * The client and server of bench/lab: opens connections to a proxy of weirlab, which leads back
 * here, and sends 64 bytes on each once a second, evenly spread. Each message contains the time at
 * which it was sent, and the kernel notes when it came: so the time in which this program slept or
 * waited for a processor does not count. It prints how late and how busy it was itself.
 *
 *	lab_late PROXY_PORT SERVER_PORT CONNECTIONS SECONDS LATENCY_MS
 *
 * Prints "open" when all connections are open, waits for a line, sends, and then prints: how many
 * messages came, and how many of these early; the median, 99th percentile and maximum of how late
 * they were, and the 99th percentile of how late they were sent, in us; and its own CPU time in per
 * mille.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hdr.h"
#include "lab_loopback.h"

enum { EVENTS = 64, MESSAGE = 64, BACKLOG = 4096, CONNECTIONS_MAX = 12000 };

struct end {
	size_t n;
	unsigned char bytes[MESSAGE];
};

static int clients[CONNECTIONS_MAX];
static struct end *ends[4 * CONNECTIONS_MAX]; /* the server's sides, by fd */
static struct hdr *late;
static struct hdr *sent_late;
static uint64_t n_early;
static uint64_t latency_ns;
static int epoll_fd;

static void watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		fail("epoll_ctl");
	}
}

/** Connects a client, and accepts its connection on the server's side. */
static void open_one(size_t i, int listener, const struct sockaddr_in *proxy)
{
	int end;

	clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (clients[i] < 0 ||
		connect(clients[i], (const struct sockaddr *)proxy, sizeof(*proxy)) < 0) {
		fail("connect");
	}
	end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (end < 0 || (size_t)end >= sizeof(ends) / sizeof(ends[0])) {
		fail("accept");
	}
	if (setsockopt(end, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int)) < 0) {
		fail("SO_TIMESTAMPNS");
	}
	ends[end] = calloc(1, sizeof(*ends[end]));
	if (ends[end] == NULL) {
		fail("calloc");
	}
	watch(end);
}

static uint64_t real_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/** Like recv(2); *ret_ns is when the last of these bytes came, or 0. */
static ssize_t receive(int fd, void *to, size_t n, uint64_t *ret_ns)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} control;
	struct iovec vec = {.iov_base = to, .iov_len = n};
	struct msghdr msg = {.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t r = recvmsg(fd, &msg, 0);
	const struct cmsghdr *cmsg = r > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	struct timespec came;

	*ret_ns = 0;
	if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&came, CMSG_DATA(cmsg), sizeof(came));
		*ret_ns = (uint64_t)came.tv_sec * NS_PER_S + (uint64_t)came.tv_nsec;
	}
	return r;
}

static void take(int fd)
{
	struct end *end = ends[fd];
	uint64_t came_ns;
	ssize_t n;

	while ((n = receive(fd, end->bytes + end->n, MESSAGE - end->n, &came_ns)) > 0) {
		uint64_t due_ns;

		end->n += (size_t)n;
		if (end->n < MESSAGE) {
			continue;
		}
		end->n = 0;
		memcpy(&due_ns, end->bytes, sizeof(due_ns));
		due_ns += latency_ns;
		n_early += came_ns < due_ns;
		hdr_record(late, came_ns < due_ns ? 0 : (came_ns - due_ns) / NS_PER_US);
		if (n == MESSAGE) {
			return; /* nothing else is there: the next message comes in a second */
		}
	}
	if (n == 0 || errno != EAGAIN) {
		fail("a connection was lost");
	}
}

/** Receives messages until this time. */
static void take_until(uint64_t end_ns)
{
	struct epoll_event events[EVENTS];
	uint64_t now_ns;

	while ((now_ns = clock_ns()) < end_ns) {
		uint64_t left_ns = end_ns - now_ns;
		struct timespec wait = {.tv_sec = (time_t)(left_ns / NS_PER_S),
			.tv_nsec = (long)(left_ns % NS_PER_S)};
		int n = epoll_pwait2(epoll_fd, events, EVENTS, &wait, NULL);

		for (int i = 0; i < n; i++) {
			take(events[i].data.fd);
		}
	}
}

static void send_one(int fd, uint64_t planned_ns)
{
	unsigned char message[MESSAGE] = {0};
	uint64_t now_ns;

	hdr_record(sent_late, (clock_ns() - planned_ns) / NS_PER_US);
	now_ns = real_ns();
	memcpy(message, &now_ns, sizeof(now_ns));
	if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != MESSAGE) {
		fail("send");
	}
}

static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static uint64_t cpu_ns(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * NS_PER_US;
}

static int listen_on(const char *port)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in here = loopback(port);

	if (listener < 0 ||
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
		bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		listen(listener, BACKLOG) < 0) {
		fail("listen");
	}
	return listener;
}

/** Sends and receives all messages. Returns the CPU time that it used, in per mille. */
static uint64_t run(size_t n, size_t total)
{
	uint64_t begun_ns = clock_ns();
	uint64_t cpu_before_ns = cpu_ns();
	uint64_t per_mille;

	for (size_t k = 0; k < total; k++) {
		uint64_t planned_ns = begun_ns + k * NS_PER_S / n;

		take_until(planned_ns);
		send_one(clients[k % n], planned_ns);
	}
	per_mille = (cpu_ns() - cpu_before_ns) * 1000 / (clock_ns() - begun_ns);
	take_until(clock_ns() + latency_ns + NS_PER_S);
	return per_mille;
}

int main(int argc, char **argv)
{
	struct sockaddr_in proxy;
	uint64_t per_mille;
	size_t n;
	size_t total;
	int listener;

	if (argc != 6) {
		fputs("usage: lab_late PROXY_PORT SERVER_PORT CONNECTIONS SECONDS LATENCY_MS\n",
			stderr);
		return 2;
	}
	raise_fd_limit();
	proxy = loopback(argv[1]);
	n = (size_t)atoi(argv[3]);
	total = n * (size_t)atoi(argv[4]);
	latency_ns = (uint64_t)atoi(argv[5]) * NS_PER_MS;
	late = calloc(1, sizeof(*late));
	sent_late = calloc(1, sizeof(*sent_late));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (n == 0 || n > CONNECTIONS_MAX || late == NULL || sent_late == NULL || epoll_fd < 0) {
		fail("start");
	}
	listener = listen_on(argv[2]);
	for (size_t i = 0; i < n; i++) {
		open_one(i, listener, &proxy);
	}
	puts("open");
	(void)fflush(stdout);
	(void)getchar();
	per_mille = run(n, total);
	printf("%lu %lu %lu %lu %lu %lu %lu\n", hdr_count(late), n_early, hdr_percentile(late, 50),
		hdr_percentile(late, 99), hdr_max(late), hdr_percentile(sent_late, 99), per_mille);
	return hdr_count(late) == total && n_early == 0 ? 0 : 1;
}
