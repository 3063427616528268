/* SPDX-License-Identifier: ISC */
#include "service/budget.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/fds.h"
#include "conf/conf.h"
#include "stream/lookups.h"
#include "stream/pipe.h"
#include "upstream/dns.h"

enum {
	/* stdio 3, signals 1, journal 1, libuv's global signal pipe 2; the spawner 2 and the check
	 * before a reload 8 (1 and 6 if the spawner has a table of its own); lookups and odd files
	 * 11 */
	FDS_PROCESS = 28,
	/* libuv's epoll set, wake-up and pipe for signals (2), our epoll set and the timers */
	FDS_LOOP = 6,
	FDS_PAIR = 2,
	FDS_PIPE = 2,
	/* getaddrinfo(3): a socket, and a file or another socket */
	FDS_LOOKUP = 2,
	/* They have 1 MiB each, together half of the pipe memory that an unprivileged user may have
	 * (pipe(7)). */
	PIPES_MAX_ALL = 32,
	FRACTION = 16,
	/* 512 KiB of kernel memory. With more pairs each doubling of the table takes some ms. */
	FDS_AHEAD_MAX = 64 * 1024,
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t budget_left(const struct budget *budget)
{
	return budget->n_fds > budget->n_reserve ? budget->n_fds - budget->n_reserve : 0;
}

static void budget_fit_pairs(struct budget *budget)
{
	budget->max_pairs = (uint32_t)min_u64(budget_left(budget) / FDS_PAIR, UINT32_MAX);
}

int budget_take(size_t n_workers, size_t n_sockets, struct budget *ret_budget)
{
	struct budget budget;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return -errno;
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return -errno;
	}
	budget.n_fds = limit.rlim_cur;
	/* One loop more than workers, for the main thread. */
	budget.n_reserve = FDS_PROCESS + FDS_LOOP * (n_workers + 1) + n_sockets;
	budget.n_spares = 0;
	budget.n_checks = 0;
	budget.n_pipes = 0;
	budget_fit_pairs(&budget);
	*ret_budget = budget;
	return 0;
}

/** How many fds may be used for something that is less important than `max_pairs` pairs. */
static uint64_t budget_extra(const struct budget *budget, uint32_t max_pairs)
{
	uint64_t left = budget_left(budget);
	uint64_t for_pairs = min_u64((uint64_t)max_pairs * FDS_PAIR, left);

	return min_u64(left / FRACTION, left - for_pairs);
}

void budget_add_names(struct budget *budget, uint32_t max_pairs)
{
	budget->n_reserve += min_u64(FDS_LOOKUP * LOOKUPS_MAX, budget_extra(budget, max_pairs));
	budget->n_spares = (size_t)min_u64(BUDGET_SPARES_MAX, budget_extra(budget, max_pairs));
	budget->n_reserve += budget->n_spares;
	budget_fit_pairs(budget);
}

/** Adds the checks that are possible in any case. Call it before the pairs that fit are counted. */
static void budget_add_first_checks(struct budget *budget, size_t n)
{
	budget->n_checks = (size_t)min_u64(n, BUDGET_CHECKS_MIN);
	budget->n_reserve += budget->n_checks;
	budget_fit_pairs(budget);
}

static void budget_add_other_checks(struct budget *budget, size_t n, uint32_t max_pairs)
{
	size_t n_more = (size_t)min_u64(n - budget->n_checks, budget_extra(budget, max_pairs));

	budget->n_checks += n_more;
	budget->n_reserve += n_more;
	budget_fit_pairs(budget);
}

void budget_add_checks(struct budget *budget, size_t n, uint32_t max_pairs)
{
	budget_add_first_checks(budget, n);
	budget_add_other_checks(budget, n, max_pairs);
}

/** How many servers are checked, or may be checked later. */
static size_t count_checks(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_upstreams; i++) {
		const struct conf_upstream *upstream = &conf->upstreams[i];

		for (size_t k = 0; k < upstream->n_servers; k++) {
			n += upstream->servers[k].check != NULL;
		}
		if (upstream->discovery.kind != DISCOVER_NONE && upstream->check != NULL) {
			n += upstream->discovery.max_servers;
		}
	}
	return n;
}

static bool checks_name(const struct conf_check *check)
{
	return check != NULL && check->addr.kind == ADDR_NAME;
}

static bool has_names(const struct conf *conf)
{
	bool found = false;

	for (size_t i = 0; i < conf->n_upstreams; i++) {
		const struct conf_upstream *upstream = &conf->upstreams[i];

		found |= checks_name(upstream->check);
		for (size_t k = 0; k < upstream->n_servers; k++) {
			const struct conf_server *server = &upstream->servers[k];

			found |= server->addr.kind == ADDR_NAME || checks_name(server->check);
		}
	}
	return found;
}

void budget_add_pipes(struct budget *budget, size_t n_workers, uint32_t max_pairs)
{
	uint64_t n_fds = budget_extra(budget, max_pairs);
	uint64_t n_pipes = min_u64(n_fds / FDS_PIPE, PIPES_MAX_ALL) / n_workers;

	budget->n_pipes = (size_t)min_u64(n_pipes, PIPES_MAX);
	budget->n_reserve += budget->n_pipes * FDS_PIPE * n_workers;
	budget_fit_pairs(budget);
}

uint64_t budget_needed(const struct budget *budget, uint32_t max_pairs)
{
	return budget->n_reserve + (uint64_t)max_pairs * FDS_PAIR;
}

void budget_explain(const struct budget *budget, uint32_t max_pairs, char *remedy, size_t size)
{
	uint64_t needed = budget_needed(budget, max_pairs == 0 ? 1 : max_pairs);
	int n = max_pairs == 0 ? snprintf(remedy, size, "weir")
			       : snprintf(remedy, size, "max_pairs = %u", max_pairs);

	n += snprintf(remedy + n, size - (size_t)n,
		" needs %ju file descriptors, the limit is %ju: set LimitNOFILE=%ju in the unit, "
		"or "
		"ulimit -n %ju in the shell that starts it",
		(uintmax_t)needed, (uintmax_t)budget->n_fds, (uintmax_t)needed, (uintmax_t)needed);
	if (max_pairs != 0 && budget->max_pairs != 0) {
		(void)snprintf(remedy + n, size - (size_t)n, ", or write max_pairs = %u or less",
			budget->max_pairs);
	}
}

static bool discovers(const struct conf *conf)
{
	bool found = false;

	for (size_t i = 0; i < conf->n_upstreams; i++) {
		found |= conf->upstreams[i].discovery.kind != DISCOVER_NONE;
	}
	return found;
}

int budget_plan(const struct conf *conf, size_t n_workers, size_t n_sockets,
	struct budget *ret_budget, char remedy[BUDGET_REMEDY_MAX])
{
	size_t n_checks = count_checks(conf);
	int r = budget_take(n_workers, n_sockets, ret_budget);

	*remedy = '\0';
	if (r < 0) {
		return r;
	}
	budget_add_first_checks(ret_budget, n_checks);
	if (discovers(conf)) {
		ret_budget->n_reserve += DNS_FDS;
		budget_fit_pairs(ret_budget);
	}
	if (ret_budget->max_pairs == 0 || conf->max_pairs > ret_budget->max_pairs) {
		budget_explain(ret_budget, conf->max_pairs, remedy, BUDGET_REMEDY_MAX);
		return -EMFILE;
	}
	budget_add_other_checks(ret_budget, n_checks, conf->max_pairs);
	if (has_names(conf)) {
		budget_add_names(ret_budget, conf->max_pairs);
	}
	if (conf->splice) {
		budget_add_pipes(ret_budget, n_workers, conf->max_pairs);
	}
	fds_reserve(min_u64(
		budget_needed(ret_budget, budget_max_pairs(ret_budget, conf)), FDS_AHEAD_MAX));
	return 0;
}

uint32_t budget_max_pairs(const struct budget *budget, const struct conf *conf)
{
	return conf->max_pairs == 0 ? budget->max_pairs : conf->max_pairs;
}
