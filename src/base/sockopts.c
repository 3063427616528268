/* SPDX-License-Identifier: ISC */
#include "base/sockopts.h"

#include <errno.h>
#include <linux/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

static const struct sockopts usual = {
	.nodelay = true,
	.keepalive_idle_ns = NS_NEVER,
	.user_timeout_ns = NS_NEVER,
};

struct option {
	int level;
	int name;
	bool wanted;
	bool has_off;   /* 0 means the same as never set */
	uint64_t value; /* fits an int: the config limits it */
};

static void list_all(const struct sockopts *o, struct option all[SOCKOPTS_N])
{
	bool probes = o->keepalive_idle_ns != 0 && o->keepalive_idle_ns != NS_NEVER;
	bool is_timed = o->user_timeout_ns != 0 && o->user_timeout_ns != NS_NEVER;
	const struct option listed[SOCKOPTS_N] = {
		{SOL_SOCKET, SO_OOBINLINE, true, false, 1},
		{IPPROTO_TCP, TCP_NODELAY, o->nodelay, true, 1},
		{SOL_SOCKET, SO_KEEPALIVE, probes, true, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, probes, false, o->keepalive_idle_ns / NS_PER_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, probes, false, o->keepalive_interval_ns / NS_PER_S},
		{IPPROTO_TCP, TCP_KEEPCNT, probes && o->keepalive_count > 0, false,
			o->keepalive_count},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, is_timed, true, o->user_timeout_ns / NS_PER_MS},
		{SOL_SOCKET, SO_SNDBUF, o->send_buffer > 0, false, o->send_buffer},
		{SOL_SOCKET, SO_RCVBUF, o->receive_buffer > 0, false, o->receive_buffer},
		{IPPROTO_TCP, TCP_NOTSENT_LOWAT, o->notsent_lowat > 0, true, o->notsent_lowat},
		{IPPROTO_TCP, TCP_FASTOPEN, o->fastopen_queue > 0, true, o->fastopen_queue},
	};

	memcpy(all, listed, sizeof(listed));
}

static int set(int fd, const struct option *option, int value)
{
	int r = setsockopt(fd, option->level, option->name, &value, sizeof(value));

	return r < 0 ? -errno : 0;
}

/**
 * Whether the error only means that Multipath TCP lacks the option, and may be ignored: for
 * SO_OOBINLINE, and for an option that is switched off. `o` tells that Multipath TCP was asked for;
 * the socket may be plain TCP all the same.
 */
static bool has_no_such(const struct sockopts *o, const struct option *option, int err)
{
	return o->mptcp && (err == -EOPNOTSUPP || err == -ENOPROTOOPT) &&
	       (option->name == SO_OOBINLINE || !option->wanted);
}

/** Sets the options; those that were on before, and are not wanted, are switched off. */
static int set_all(int fd, const struct sockopts *before, const struct sockopts *o)
{
	struct option old[SOCKOPTS_N];
	struct option all[SOCKOPTS_N];
	int r = 0;

	list_all(before, old);
	list_all(o, all);
	for (size_t i = 0; i < SOCKOPTS_N && r == 0; i++) {
		if (all[i].wanted || (old[i].wanted && all[i].has_off)) {
			r = set(fd, &all[i], all[i].wanted ? (int)all[i].value : 0);
			r = has_no_such(o, &all[i], r) ? 0 : r;
		}
	}
	return r;
}

int sockopts_socket(int family, int flags, const struct sockopts *options)
{
	int fd = -1;

	if (options != NULL && options->mptcp) {
		fd = socket(family, flags, IPPROTO_MPTCP);
		if (fd < 0 && errno != EPROTONOSUPPORT && errno != ENOPROTOOPT && errno != EINVAL) {
			return -errno;
		}
	}
	if (fd < 0) {
		fd = socket(family, flags, 0);
	}
	return fd < 0 ? -errno : fd;
}

int sockopts_set(int fd, const struct sockopts *options)
{
	const struct sockopts *o = options == NULL ? &usual : options;

	return set_all(fd, o, o);
}

/* ---- on a socket that somebody else made ---- */

static bool is_buffer(const struct option *option)
{
	return option->level == SOL_SOCKET &&
	       (option->name == SO_SNDBUF || option->name == SO_RCVBUF);
}

/** Stores the original value, before the first change. */
static int keep(int fd, const struct option *option, size_t i, struct sockopts_kept *kept)
{
	socklen_t len = sizeof(kept->before[i]);

	if ((kept->changed & (1U << i)) != 0) {
		return 0;
	}
	if (getsockopt(fd, option->level, option->name, &kept->before[i], &len) < 0) {
		return -errno;
	}
	kept->changed |= 1U << i;
	return 0;
}

/** Restores a size: the kernel had doubled it, and tunes it itself unless it was set explicitly. */
static int restore_buffer(int fd, const struct option *option, int before, int locked)
{
	bool sends = option->name == SO_SNDBUF;
	int forced = sends ? SO_SNDBUFFORCE : SO_RCVBUFFORCE;
	int lock = sends ? SOCK_SNDBUF_LOCK : SOCK_RCVBUF_LOCK;
	int now = 0;
	socklen_t len = sizeof(now);
	int size = before / 2;

	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) < 0 &&
		setsockopt(fd, SOL_SOCKET, option->name, &size, sizeof(size)) < 0) {
		return -errno;
	}
	if ((locked & lock) == 0 && getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &now, &len) == 0) {
		now &= ~lock;
		return setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &now, sizeof(now)) < 0 ? -errno : 0;
	}
	return 0;
}

static int restore(int fd, const struct option *option, size_t i, struct sockopts_kept *kept)
{
	int r = is_buffer(option)
			? restore_buffer(fd, option, kept->before[i], kept->buffers_locked)
			: set(fd, option, kept->before[i]);

	if (r == 0) {
		kept->changed &= ~(1U << i);
	}
	return r;
}

int sockopts_change(int fd, const struct sockopts *before, const struct sockopts *options,
	struct sockopts_kept *kept)
{
	const struct sockopts *o = options == NULL ? &usual : options;
	struct option all[SOCKOPTS_N];
	socklen_t len = sizeof(int);
	int r = 0;

	if (kept == NULL) {
		return set_all(fd, before == NULL ? &usual : before, o);
	}
	list_all(o, all);
	if (kept->changed == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &kept->buffers_locked, &len) < 0) {
		/* Linux before 5.14 does not tell: the sizes then count as set explicitly. */
		kept->buffers_locked = SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK;
	}
	for (size_t i = 0; i < SOCKOPTS_N && r == 0; i++) {
		if (all[i].wanted) {
			r = keep(fd, &all[i], i, kept);
			if (r == 0) {
				r = set(fd, &all[i], (int)all[i].value);
			}
		} else if ((kept->changed & (1U << i)) != 0) {
			r = restore(fd, &all[i], i, kept);
		}
	}
	return r;
}

int sockopts_restore(int fd, struct sockopts_kept *kept)
{
	struct option all[SOCKOPTS_N];
	int first = 0;

	list_all(&usual, all);
	for (size_t i = 0; i < SOCKOPTS_N; i++) {
		if ((kept->changed & (1U << i)) != 0) {
			int r = restore(fd, &all[i], i, kept);

			first = first < 0 ? first : r;
		}
	}
	return first;
}
