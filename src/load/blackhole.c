/* SPDX-License-Identifier: ISC */
#include "load/blackhole.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "load/options.h"

enum { FILL_MS = 100 };

/** Counts the SYNs that the kernel has dropped here; false: the kernel does not count them. */
static bool count_dropped(const struct blackhole *hole, uint32_t *ret)
{
	uint32_t counts[SK_MEMINFO_VARS];
	socklen_t len = sizeof(counts);

	if (getsockopt(hole->fds[0], SOL_SOCKET, SO_MEMINFO, counts, &len) < 0 ||
		len < sizeof(counts)) {
		return false;
	}
	*ret = counts[SK_MEMINFO_DROPS];
	return true;
}

static int add_socket(struct blackhole *hole, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -errno;
	}
	hole->fds[hole->n_fds++] = fd;
	return fd;
}

static int listen_at(struct blackhole *hole, const struct addr *addr)
{
	int fd = add_socket(hole, addr->sa.any.sa_family);
	int off = 0;
	int on = 1;

	if (fd < 0) {
		return fd;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		(addr->kind == ADDR_ANY &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0) ||
		bind(fd, &addr->sa.any, addr->sa_len) < 0 || listen(fd, 0) < 0) {
		return -errno;
	}
	return 0;
}

/** Connects to itself once. 1: it was answered; 0: it was not; or a negative errno. */
static int fill(struct blackhole *hole, const struct addr *addr)
{
	struct pollfd poll_fd = {.events = POLLOUT};
	int r;

	/* Connecting to "any" address leads to this machine. */
	poll_fd.fd = add_socket(hole, addr->sa.any.sa_family);
	if (poll_fd.fd < 0) {
		return poll_fd.fd;
	}
	if (connect(poll_fd.fd, &addr->sa.any, addr->sa_len) < 0 && errno != EINPROGRESS) {
		return -errno;
	}
	r = poll(&poll_fd, 1, FILL_MS);
	return r < 0 ? -errno : r;
}

int blackhole_open(struct blackhole *hole, const struct addr *addr, char *ret_why)
{
	const unsigned max = sizeof(hole->fds) / sizeof(hole->fds[0]);
	char text[ADDR_TEXT_MAX];
	int r = listen_at(hole, addr);

	if (r == 0) {
		do {
			r = fill(hole, addr);
		} while (r == 1 && hole->n_fds < max);
		r = r == 1 ? -EBUSY : r;
	}
	if (r < 0) {
		(void)snprintf(ret_why, OPTIONS_WHY_MAX, "--blackhole %s: %s%s",
			addr_text(addr, text), strerror(-r),
			r == -EADDRINUSE ? "; end what listens there, or choose another port" : "");
		return r;
	}
	/* The last one is not in the queue, and would go on sending SYNs. */
	(void)close(hole->fds[--hole->n_fds]);
	(void)count_dropped(hole, &hole->n_dropped);
	return 0;
}

bool blackhole_was_tried(const struct blackhole *hole)
{
	uint32_t n_dropped;

	return !count_dropped(hole, &n_dropped) || n_dropped != hole->n_dropped;
}

void blackhole_close(struct blackhole *hole)
{
	while (hole->n_fds > 0) {
		(void)close(hole->fds[--hole->n_fds]);
	}
}
