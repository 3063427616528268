/* SPDX-License-Identifier: ISC */
#include "service/watchdog.h"

#include <errno.h>
#include <stdlib.h>

#include "crew/worker.h"
#include "log/log.h"
#include "service/notify.h"

#define ASK_MIN_NS ((uint64_t)WATCHDOG_ASK_MIN_MS * NS_PER_MS)

/** What one worker is asked. */
struct beat {
	struct task task; /**< posted to the worker */
	struct watchdog *watchdog;
	atomic_bool asked; /**< and not answered */
};

/** On the worker's thread: its loop has turned. */
static void on_beat(struct task *task)
{
	struct beat *beat = container_of(task, struct beat, task);
	struct watchdog *watchdog = beat->watchdog;

	atomic_store(&beat->asked, false);
	if (atomic_fetch_sub(&watchdog->n_asked, 1) == 1) {
		loop_post(watchdog->loop, &watchdog->answered);
	}
}

static void on_answered(struct task *task)
{
	struct watchdog *watchdog = container_of(task, struct watchdog, answered);

	watchdog->waiting = false;
	notify_watchdog();
}

static void watchdog_ask(struct watchdog *watchdog, uint64_t now_ns)
{
	watchdog->waiting = true;
	watchdog->warned = false;
	watchdog->asked_ns = now_ns;
	atomic_store(&watchdog->n_asked, watchdog->n_workers);
	for (size_t i = 0; i < watchdog->n_workers; i++) {
		atomic_store(&watchdog->beats[i].asked, true);
		loop_post(watchdog->workers[i].loop, &watchdog->beats[i].task);
	}
}

/** Names, once each time, who has not answered. */
static void watchdog_warn(struct watchdog *watchdog, uint64_t now_ns)
{
	struct log_line line;

	for (size_t i = 0; i < watchdog->n_workers && !watchdog->warned; i++) {
		if (atomic_load(&watchdog->beats[i].asked) &&
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

	if (watchdog->waiting) {
		watchdog_warn(watchdog, now_ns);
	} else {
		watchdog_ask(watchdog, now_ns);
	}
	timer_arm(timer, clock_after(now_ns, watchdog->ask_ns));
}

int watchdog_open(
	struct watchdog *watchdog, struct loop *loop, struct worker *workers, size_t n_workers)
{
	uint64_t interval_us;
	int r = notify_watchdog_wanted(&interval_us);

	if (r <= 0) {
		return r;
	}
	r = timer_open(&watchdog->timer, loop, on_time);
	if (r < 0) {
		return r;
	}
	watchdog->beats = calloc(n_workers, sizeof(*watchdog->beats));
	if (watchdog->beats == NULL) {
		timer_close(&watchdog->timer);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_workers; i++) {
		watchdog->beats[i].watchdog = watchdog;
		task_init(&watchdog->beats[i].task, on_beat);
	}
	task_init(&watchdog->answered, on_answered);
	watchdog->loop = loop;
	watchdog->workers = workers;
	watchdog->n_workers = n_workers;
	watchdog->ask_ns =
		interval_us > NS_NEVER / NS_PER_US ? NS_NEVER : interval_us * NS_PER_US / 2;
	watchdog->ask_ns = clock_later(watchdog->ask_ns, ASK_MIN_NS);
	timer_arm(&watchdog->timer, clock_ns());
	return 0;
}

void watchdog_close(struct watchdog *watchdog)
{
	if (watchdog->loop == NULL) {
		return;
	}
	timer_close(&watchdog->timer);
	if (watchdog->waiting && atomic_load(&watchdog->n_asked) == 0) {
		(void)loop_post_cancel(watchdog->loop, &watchdog->answered);
	}
	free(watchdog->beats);
	*watchdog = (struct watchdog){0};
}
