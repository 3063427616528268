/* SPDX-License-Identifier: ISC */
#include "service/status.h"

#include <stdio.h>

#include "service/lateness.h"
#include "service/notify.h"
#include "service/worker.h"
#include "stream/loop.h"

static uint64_t count(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

struct status_totals status_sum(const struct worker *workers, size_t n_workers)
{
	struct status_totals totals = {0};

	for (size_t i = 0; i < n_workers; i++) {
		totals.n_accepted += count(&workers[i].proxy.counters.n_accepted);
		totals.n_closed += count(&workers[i].proxy.counters.n_closed);
		totals.waiting_bytes += loop_waiting_bytes(workers[i].loop);
	}
	return totals;
}

static bool status_is_told(const struct status *status, const struct status_facts *facts,
	const struct status_totals *totals)
{
	return status->told && status->draining == facts->draining &&
	       status->totals.n_accepted == totals->n_accepted &&
	       status->totals.n_closed == totals->n_closed;
}

void status_tell(struct status *status, const struct status_facts *facts,
	const struct status_totals *totals, const struct worker *workers, size_t n_workers)
{
	char timers[64] = "";
	uint64_t p99_us;

	if (status_is_told(status, facts, totals)) {
		return;
	}
	*status = (struct status){.told = true, .draining = facts->draining, .totals = *totals};
	if (lateness_p99(workers, n_workers, &p99_us)) {
		(void)snprintf(timers, sizeof(timers), ", timers p99 +%ju.%03ju ms",
			(uintmax_t)p99_us / 1000, (uintmax_t)p99_us % 1000);
	}
	notify_status("%s%zu listeners, %u of %u pairs open, %ju accepted, %ju closed%s",
		facts->draining ? "Draining: " : "", facts->n_listeners, facts->n_pairs,
		facts->max_pairs, (uintmax_t)totals->n_accepted, (uintmax_t)totals->n_closed,
		timers);
}
