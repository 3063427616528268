/* SPDX-License-Identifier: ISC */
#include "base/sockopts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
	bool has_off;   /* 0 is as if it had never been set */
	uint64_t value; /* within int: the config's bounds see to it */
};

static int set_all(int fd, const struct sockopts *o, bool off_too)
{
	bool probes = o->keepalive_idle_ns != 0 && o->keepalive_idle_ns != NS_NEVER;
	const struct option all[] = {
		{SOL_SOCKET, SO_OOBINLINE, true, false, 1},
		{IPPROTO_TCP, TCP_NODELAY, o->nodelay, true, 1},
		{SOL_SOCKET, SO_KEEPALIVE, probes, true, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, probes, false, o->keepalive_idle_ns / NS_PER_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, probes, false, o->keepalive_interval_ns / NS_PER_S},
		{IPPROTO_TCP, TCP_KEEPCNT, probes && o->keepalive_count > 0, false,
			o->keepalive_count},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, o->user_timeout_ns != NS_NEVER, true,
			o->user_timeout_ns / NS_PER_MS},
		{SOL_SOCKET, SO_SNDBUF, o->send_buffer > 0, false, o->send_buffer},
		{SOL_SOCKET, SO_RCVBUF, o->receive_buffer > 0, false, o->receive_buffer},
		{IPPROTO_TCP, TCP_NOTSENT_LOWAT, o->notsent_lowat > 0, true, o->notsent_lowat},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int value = all[i].wanted ? (int)all[i].value : 0;

		if ((all[i].wanted || (off_too && all[i].has_off)) &&
			setsockopt(fd, all[i].level, all[i].name, &value, sizeof(value)) < 0) {
			return -errno;
		}
	}
	return 0;
}

int sockopts_set(int fd, const struct sockopts *options)
{
	return set_all(fd, options == NULL ? &usual : options, false);
}

int sockopts_change(int fd, const struct sockopts *options)
{
	return set_all(fd, options, true);
}
