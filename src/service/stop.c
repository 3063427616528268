/* SPDX-License-Identifier: ISC */
#include "service/stop.h"

#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "service/notify.h"
#include "service/worker.h"
#include "stream/loop.h"

void stop_check_quiet(struct stop *stop)
{
	for (size_t i = 0; i < stop->n_workers; i++) {
		if (atomic_load(&stop->workers[i].accepts)) {
			return;
		}
	}
	/* Connections on their way between workers have taken their places too. */
	if (limit_taken(&stop->shared->pairs) == 0) {
		loop_stop(stop->loop);
	}
}

static void log_stopping(const struct stop *stop, int number, uint64_t drain_ns)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "stopping")) {
		log_str(&line, "signal", sigabbrev_np(number));
		log_u64(&line, "pairs", limit_taken(&stop->shared->pairs));
		if (drain_ns != NS_NEVER) {
			log_ms(&line, "drain_ms", drain_ns);
		}
		log_end(&line);
	}
}

/** There is no third signal. */
void stop_signal(struct stop *stop, const struct conf *conf, int number)
{
	bool again = stop->n_signals > 0;
	uint64_t drain_ns = again ? 0 : conf->timeouts.drain_ns;
	uint64_t deadline_ns = clock_after(clock_ns(), drain_ns);

	if (stop->n_signals++ > 1) {
		return;
	}
	if (!again) {
		notify_stopping();
	}
	log_stopping(stop, number, drain_ns);
	for (size_t i = 0; i < stop->n_workers; i++) {
		worker_drain(&stop->workers[i], deadline_ns, again);
	}
}
