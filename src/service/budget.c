/* SPDX-License-Identifier: ISC */
#include "service/budget.h"

#include <errno.h>
#include <sys/resource.h>

enum {
	/* stdio 3, signals 1, libuv's global signal pipe 2, lookups and the odd file 18 */
	FDS_PROCESS = 24,
	/* libuv's epoll set, ours, the wake-up and the timers */
	FDS_LOOP = 4,
	FDS_PAIR = 2,
};

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
	/* One loop more than workers: the main thread's. */
	budget.n_reserve = FDS_PROCESS + FDS_LOOP * (n_workers + 1) + n_sockets;
	budget.max_pairs = 0;
	if (budget.n_fds > budget.n_reserve) {
		uint64_t pairs = (budget.n_fds - budget.n_reserve) / FDS_PAIR;

		budget.max_pairs = pairs < UINT32_MAX ? (uint32_t)pairs : UINT32_MAX;
	}
	*ret_budget = budget;
	return 0;
}

uint64_t budget_needed(const struct budget *budget, uint32_t max_pairs)
{
	return budget->n_reserve + (uint64_t)max_pairs * FDS_PAIR;
}
