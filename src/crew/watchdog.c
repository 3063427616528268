/* SPDX-License-Identifier: ISC */
#include "crew/watchdog.h"

#include "crew/crew.h"
#include "log/log.h"

#define ASK_MIN_NS ((uint64_t)WATCHDOG_ASK_MIN_MS * NS_PER_MS)

/** Answers on the worker's thread, which shows that its loop turns. */
static int run_beat(struct order_part *part)
{
	(void)part;
	return 0;
}

static void on_beaten(struct order *order, int status)
{
	struct watchdog *watchdog = container_of(order, struct watchdog, beat);

	if (status == 0) {
		watchdog->alive();
	}
}

static void watchdog_ask(struct watchdog *watchdog, uint64_t now_ns)
{
	watchdog->warned = false;
	watchdog->asked_ns = now_ns;
	crew_ask_all(&watchdog->beat);
}

/** Names the workers that have not answered; once for each question. */
static void watchdog_warn(struct watchdog *watchdog, uint64_t now_ns)
{
	struct log_line line;

	for (size_t i = 0; i < watchdog->crew->opts.n_workers && !watchdog->warned; i++) {
		if (order_is_open(&watchdog->beat, i) &&
			log_begin(&line, LOG_LEVEL_WARN, "watchdog_missed")) {
			log_u64(&line, "worker", i);
			log_ms(&line, "waited_ms", now_ns - watchdog->asked_ns);
			log_str(&line, "remedy",
				"systemd restarts weir if the loop does not turn soon; raise "
				"WatchdogSec= if the machine is only slow");
			log_end(&line);
		}
	}
	watchdog->warned = true;
}

static void on_time(struct timer *timer)
{
	struct watchdog *watchdog = container_of(timer, struct watchdog, timer);
	uint64_t now_ns = clock_ns();

	if (!order_is_under_way(&watchdog->beat)) {
		watchdog_ask(watchdog, now_ns);
	} else if (now_ns < clock_after(watchdog->asked_ns, watchdog->warn_ns)) {
		timer_arm(timer, clock_after(watchdog->asked_ns, watchdog->warn_ns));
		return;
	} else {
		watchdog_warn(watchdog, now_ns);
	}
	timer_arm(timer, clock_after(now_ns, watchdog->ask_ns));
}

int watchdog_open(
	struct watchdog *watchdog, struct crew *crew, uint64_t interval_us, void (*alive)(void))
{
	int r = crew_open_order(crew, &watchdog->beat, run_beat, on_beaten);
	uint64_t interval_ns;

	if (r < 0) {
		return r;
	}
	r = timer_open(&watchdog->timer, crew->opts.loop, on_time);
	if (r < 0) {
		order_close(&watchdog->beat);
		return r;
	}
	watchdog->crew = crew;
	watchdog->alive = alive;
	interval_ns = interval_us > NS_NEVER / NS_PER_US ? NS_NEVER : interval_us * NS_PER_US;
	watchdog->ask_ns = clock_later(interval_ns / 3, ASK_MIN_NS);
	watchdog->warn_ns = interval_ns / 2;
	timer_arm(&watchdog->timer, clock_ns());
	return 0;
}

void watchdog_close(struct watchdog *watchdog)
{
	if (watchdog->crew == NULL) {
		return;
	}
	timer_close(&watchdog->timer);
	order_close(&watchdog->beat);
	*watchdog = (struct watchdog){0};
}
