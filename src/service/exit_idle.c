/* SPDX-License-Identifier: ISC */
/*
 * Pairs do not touch the timer: each stores the time of its end, and this thread looks once in each
 * idle time, however many pairs come and go.
 */
#include "service/exit_idle.h"

#include <stddef.h>

#include "crew/crew.h"
#include "log/log.h"
#include "proxy/proxy.h"
#include "service/notify.h"
#include "stream/loop.h"

/** The least interval of looks, while a pair is open or a place is taken for a client. */
#define LOOK_MIN_NS ((uint64_t)100 * NS_PER_MS)

static uint64_t last_end_ns(const struct exit_idle *exit_idle)
{
	return clock_later(exit_idle->start_ns,
		crew_max(exit_idle->crew, offsetof(struct counters, ended_ns)));
}

static void log_stopping(uint64_t idle_ns)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "stopping")) {
		log_u64(&line, "pairs", 0);
		log_ms(&line, "idle_ms", idle_ns);
		log_end(&line);
	}
}

static void on_timer(struct timer *timer)
{
	struct exit_idle *exit_idle = container_of(timer, struct exit_idle, timer);
	uint64_t look_ns = clock_later(exit_idle->after_ns, LOOK_MIN_NS);
	struct limit *pairs = &exit_idle->shared->places.pairs;
	uint32_t n_pairs = limit_taken(pairs); /* read first, so that ended_ns is at least as new */
	uint64_t last_ns = last_end_ns(exit_idle);
	uint64_t now_ns = clock_ns();

	if (n_pairs > 0) {
		/* A pair that ends from now on does not make the exit due before that time. */
		timer_arm(timer, clock_after(now_ns, look_ns));
	} else if (now_ns < clock_after(last_ns, exit_idle->after_ns)) {
		timer_arm(timer, clock_after(last_ns, exit_idle->after_ns));
	} else if (!limit_close(pairs)) {
		timer_arm(timer, clock_after(now_ns, LOOK_MIN_NS));
	} else {
		log_stopping(now_ns - last_ns);
		notify_stopping();
		exit_idle->over(exit_idle);
	}
}

int exit_idle_open(struct exit_idle *exit_idle)
{
	int r = timer_open(&exit_idle->timer, exit_idle->loop, on_timer);

	if (r == 0) {
		exit_idle->start_ns = clock_ns();
		timer_arm(&exit_idle->timer, clock_after(exit_idle->start_ns, exit_idle->after_ns));
	}
	return r;
}

void exit_idle_close(struct exit_idle *exit_idle)
{
	timer_close(&exit_idle->timer);
}
