/* SPDX-License-Identifier: ISC */
#include "crew/lateness.h"

#include <stdlib.h>

#include "base/buckets.h"
#include "base/clock.h"
#include "base/hdr.h"
#include "crew/crew.h"
#include "crew/worker.h"
#include "log/log.h"
#include "stream/loop.h"

#define WARN_NS  ((uint64_t)LATENESS_WARN_MS * NS_PER_MS)
#define PAUSE_NS ((uint64_t)LATENESS_PAUSE_S * NS_PER_S)

static void lateness_warn(struct lateness *lateness, uint64_t now_ns)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_WARN, "loop_delayed")) {
		log_u64(&line, "worker", lateness->worst_worker);
		log_ms(&line, "worst_ms", lateness->worst_ns);
		log_u64(&line, "times", lateness->n_delays);
		log_str(&line, "remedy", "give weir more processor time; timers were as late");
		log_end(&line);
	}
	*lateness = (struct lateness){.warned_ns = now_ns};
}

void lateness_look(struct lateness *lateness, struct crew *crew)
{
	uint64_t now_ns = clock_ns();

	buckets_count(&crew->delays, loop_take_delay_ns(crew->opts.loop));
	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		uint64_t delay_ns = loop_take_delay_ns(crew->workers[i].loop);

		buckets_count(&crew->workers[i].delays, delay_ns);
		if (delay_ns <= WARN_NS) {
			continue;
		}
		lateness->n_delays++;
		if (delay_ns > lateness->worst_ns) {
			lateness->worst_ns = delay_ns;
			lateness->worst_worker = i;
		}
	}
	if (lateness->n_delays > 0 &&
		(lateness->warned_ns == 0 || now_ns - lateness->warned_ns >= PAUSE_NS)) {
		lateness_warn(lateness, now_ns);
	}
}

bool lateness_p99(const struct crew *crew, uint64_t *ret_us)
{
	struct hdr *sum = calloc(1, sizeof(*sum));
	bool any;

	if (sum == NULL) {
		return false;
	}
	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		const struct hdr *late = crew->workers[i].proxy.part.late;

		if (late != NULL) {
			hdr_merge(sum, late);
		}
	}
	any = hdr_count(sum) > 0;
	if (any) {
		*ret_us = hdr_percentile(sum, 99);
	}
	free(sum);
	return any;
}
