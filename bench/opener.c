/* SPDX-License-Identifier: ISC */
/*
 * A client for bench/peers, which sends what wrk cannot: opens CONNECTIONS at a time to a port of
 * loopback, sends the bytes of a file on each at once, reads to its end, and opens the next one.
 *
 *	opener PORT CONNECTIONS SECONDS FILE
 *
 * Prints how many were answered in that time, how many were not, and the 99th percentile of the
 * time that an answered one took, in us.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, FILE_MAX = 65536, SAMPLES_MAX = 1 << 22 };

struct connection {
	int fd;
	double began_us;
	bool sent;
	bool answered;
};

static struct connection connections[CONNECTIONS_MAX];
static struct sockaddr_in to = {.sin_family = AF_INET};
static char first[FILE_MAX];
static size_t n_first;
static float samples[SAMPLES_MAX];
static size_t n_samples;
static unsigned long n_failed;
static int epoll_fd;

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void check(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static void begin(struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLOUT | EPOLLIN, .data.ptr = connection};

	*connection = (struct connection){
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .began_us = now_us()};
	check(connection->fd >= 0, "socket");
	(void)connect(connection->fd, (const struct sockaddr *)&to, sizeof(to));
	check(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) == 0, "epoll_ctl");
}

static void finish(struct connection *connection)
{
	close(connection->fd);
	if (!connection->answered) {
		n_failed++;
	} else if (n_samples < SAMPLES_MAX) {
		samples[n_samples++] = (float)(now_us() - connection->began_us);
	}
	begin(connection);
}

static void go_on(struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	char buffer[16384];
	ssize_t n;

	if (!connection->sent) {
		n = send(connection->fd, first, n_first, MSG_NOSIGNAL);
		connection->sent = true;
		if (n != (ssize_t)n_first) {
			finish(connection);
			return;
		}
		check(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) == 0, "epoll_ctl");
		return;
	}
	n = recv(connection->fd, buffer, sizeof(buffer), 0);
	if (n > 0) {
		connection->answered = true;
	} else {
		connection->answered &= n == 0;
		finish(connection);
	}
}

static int compare(const void *a, const void *b)
{
	float difference = *(const float *)a - *(const float *)b;

	return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv)
{
	int n = argc == 5 ? atoi(argv[2]) : 0;
	FILE *file = argc == 5 ? fopen(argv[4], "rb") : NULL;
	double end_us;

	if (file == NULL || n < 1 || n > CONNECTIONS_MAX) {
		(void)fprintf(stderr, "usage: opener PORT CONNECTIONS SECONDS FILE\n");
		return 2;
	}
	n_first = fread(first, 1, sizeof(first), file);
	(void)fclose(file);
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	epoll_fd = epoll_create1(0);
	check(epoll_fd >= 0, "epoll_create1");
	end_us = now_us() + atof(argv[3]) * 1e6;
	for (int i = 0; i < n; i++) {
		begin(&connections[i]);
	}
	while (now_us() < end_us) {
		struct epoll_event events[64];
		int n_events = epoll_wait(epoll_fd, events, 64, 100);

		for (int i = 0; i < n_events; i++) {
			go_on(events[i].data.ptr);
		}
	}
	qsort(samples, n_samples, sizeof(*samples), compare);
	printf("%zu %lu %.1f\n", n_samples, n_failed,
		n_samples == 0 ? 0.0 : (double)samples[n_samples * 99 / 100]);
	return 0;
}
