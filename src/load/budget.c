/* SPDX-License-Identifier: ISC */
#include "load/budget.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/fds.h"
#include "base/proc.h"
#include "load/options.h"

enum {
	FDS_PROCESS = 20, /* stdio, signals, libuv's own, the CSV file, /proc, a black hole */
	/* two epoll sets, the wake-up, both ends of libuv's pipe for signals, the timers, the
	 * listening socket */
	FDS_LANE = 7,
};

/** How many ends of a connection are ours. */
static uint64_t n_ends(const struct options *options)
{
	return options->has_serve && !options->is_apart ? 2 : 1;
}

uint64_t budget_fds(const struct options *options)
{
	return FDS_PROCESS + FDS_LANE * options->n_threads +
	       options->n_connections * n_ends(options);
}

/** Raises the limit if it is below `need`, and enlarges the fd table. The caller has checked that
 * the hard limit is enough. */
static void take_fds(struct rlimit *limit, uint64_t need)
{
	if (need > limit->rlim_cur) {
		limit->rlim_cur = limit->rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, limit);
	}
	fds_reserve(need);
}

static int read_limit(struct rlimit *ret, char *why)
{
	if (getrlimit(RLIMIT_NOFILE, ret) < 0) {
		(void)snprintf(why, OPTIONS_WHY_MAX, "the limit of open files cannot be read");
		return -EINVAL;
	}
	return 0;
}

int budget_take_fds(uint64_t need, char *ret_why)
{
	struct rlimit limit;

	if (read_limit(&limit, ret_why) < 0) {
		return -EINVAL;
	}
	if (need > limit.rlim_max) {
		(void)snprintf(ret_why, OPTIONS_WHY_MAX,
			"the runs beside each other need %ju file descriptors, the limit is %ju: "
			"raise it (ulimit -Hn %ju), or write parallel = false",
			(uintmax_t)need, (uintmax_t)limit.rlim_max, (uintmax_t)need);
		return -EINVAL;
	}
	take_fds(&limit, need);
	return 0;
}

static int check_fds(const struct options *options, char *why)
{
	uint64_t reserve = FDS_PROCESS + FDS_LANE * options->n_threads;
	uint64_t each = n_ends(options);
	uint64_t need = budget_fds(options);
	struct rlimit limit;

	if (read_limit(&limit, why) < 0) {
		return -EINVAL;
	}
	if (need > limit.rlim_max) {
		(void)snprintf(why, OPTIONS_WHY_MAX,
			"--connections %ju needs %ju file descriptors%s, the limit is %ju: raise "
			"it "
			"(ulimit -Hn %ju), or write --connections %ju or less",
			(uintmax_t)options->n_connections, (uintmax_t)need,
			each == 2 ? " (two for each, with --serve)" : "", (uintmax_t)limit.rlim_max,
			(uintmax_t)need,
			(uintmax_t)(limit.rlim_max > reserve ? (limit.rlim_max - reserve) / each
							     : 0));
		return -EINVAL;
	}
	take_fds(&limit, need);
	return 0;
}

/** The first and the last port that the kernel gives to outgoing connections; false if hidden. */
static bool find_ports(uint64_t ret_ports[2])
{
	return proc_read_numbers("/proc/sys/net/ipv4/ip_local_port_range", ret_ports, 2) == 2 &&
	       ret_ports[1] >= ret_ports[0];
}

static int check_ports(const struct options *options, char *why)
{
	uint64_t n_sources = options->n_sources == 0 ? 1 : options->n_sources;
	uint64_t ports[2];
	uint64_t n_ports;
	uint64_t wanted;

	if (options_obeys(options) || options->target.kind == ADDR_UNIX || !find_ports(ports)) {
		return 0;
	}
	n_ports = ports[1] - ports[0] + 1;
	if (options->n_connections <= n_sources * n_ports) {
		return 0;
	}
	wanted = (options->n_connections + n_ports - 1) / n_ports;
	(void)snprintf(why, OPTIONS_WHY_MAX,
		"--connections %ju needs as many ports, and %ju source address%s %s %ju (%ju to "
		"%ju): "
		"give %ju --source addresses, or widen net.ipv4.ip_local_port_range",
		(uintmax_t)options->n_connections, (uintmax_t)n_sources, n_sources == 1 ? "" : "es",
		n_sources == 1 ? "has" : "have", (uintmax_t)(n_sources * n_ports),
		(uintmax_t)ports[0], (uintmax_t)ports[1], (uintmax_t)wanted);
	return -EINVAL;
}

int budget_take(const struct options *options, char *ret_why)
{
	int r = check_ports(options, ret_why);

	return r < 0 ? r : check_fds(options, ret_why);
}
