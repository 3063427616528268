/* SPDX-License-Identifier: ISC */
#include "service/stop.h"

#include <string.h>

#include "crew/crew.h"
#include "log/log.h"
#include "proxy/proxy.h"
#include "service/notify.h"
#include "stream/loop.h"

#define EXTEND_NS ((uint64_t)STOP_EXTEND_S * NS_PER_S)
#define MARGIN_NS ((uint64_t)STOP_MARGIN_S * NS_PER_S)

void stop_check_quiet(struct stop *stop)
{
	/* Connections on their way to another worker have places too. A weir that is drained by
	 * hand is quiet too, but does not end. */
	if (stop->phase >= STOP_DRAIN && limit_taken(&stop->shared->places.pairs) == 0) {
		stop->over(stop);
	}
}

/* ---- time from systemd ---- */

uint64_t stop_extension_us(const struct stop *stop, uint64_t now_ns, bool fewer)
{
	bool entitled = stop->end_ns != NS_NEVER ? now_ns < stop->end_ns
						 : fewer || now_ns < stop->grace_end_ns;
	uint64_t until_ns =
		clock_earlier(clock_after(now_ns, EXTEND_NS), clock_after(stop->end_ns, MARGIN_NS));

	if ((stop->phase != STOP_GRACE && stop->phase != STOP_DRAIN) || !entitled) {
		return 0;
	}
	return (until_ns - now_ns) / NS_PER_US;
}

uint64_t stop_left_ns(const struct stop *stop, uint64_t now_ns)
{
	uint64_t end_ns = stop->phase == STOP_GRACE ? stop->grace_end_ns : stop->end_ns;

	if (end_ns == NS_NEVER) {
		return NS_NEVER;
	}
	return end_ns > now_ns ? end_ns - now_ns : 0;
}

void stop_tick(struct stop *stop)
{
	uint32_t n_pairs = limit_taken(&stop->shared->places.pairs);
	uint64_t extension_us = stop_extension_us(stop, clock_ns(), n_pairs < stop->n_pairs);

	stop->n_pairs = n_pairs;
	if (extension_us > 0) {
		notify_extend(extension_us);
	}
}

/* ---- the phases ---- */

static void stop_end(struct stop *stop, uint64_t now_ns)
{
	timer_arm(&stop->timer, NS_NEVER);
	stop->phase = STOP_END;
	stop->end.now_ns = now_ns;
	crew_post_all(&stop->end.order);
}

static void stop_begin_drain(struct stop *stop)
{
	stop->drain.plan = (struct deadline_drain){
		.start_ns = stop->grace_end_ns,
		.idle_first_ns = stop->how.idle_first_ns,
		.end_ns = stop->end_ns,
		.spread_ns = stop->how.spread_ns,
	};

	stop->phase = STOP_DRAIN;
	if (stop->drains != NULL) {
		stop->drains(stop);
	}
	crew_post_all(&stop->shut.order);
	crew_post_all(&stop->drain.order);
	timer_arm(&stop->timer, stop->end_ns);
}

/** The grace is over, or the budget; at the end of the budget clients that still wait for a place
 * are given up. */
static void on_timer(struct timer *timer)
{
	struct stop *stop = container_of(timer, struct stop, timer);

	if (stop->phase == STOP_GRACE) {
		stop_begin_drain(stop);
	} else {
		stop_end(stop, stop->end_ns);
	}
}

static void stop_begin(
	struct stop *stop, const struct conf *conf, uint64_t grace_ns, uint64_t now_ns)
{
	stop->how = conf->drain;
	stop->grace_end_ns = clock_after(now_ns, grace_ns);
	stop->end_ns = clock_after(now_ns, conf->timeouts.drain_ns);
	notify_stopping();
	if (grace_ns == 0) {
		stop_begin_drain(stop);
	} else {
		stop->phase = STOP_GRACE;
		timer_arm(&stop->timer, stop->grace_end_ns);
	}
	stop_tick(stop);
}

static void log_stopping(const struct stop *stop, int number, uint64_t grace_ns, uint64_t drain_ns)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "stopping")) {
		log_str(&line, "signal", sigabbrev_np(number));
		log_u64(&line, "pairs", limit_taken(&stop->shared->places.pairs));
		if (grace_ns != 0) {
			log_ms(&line, "grace_ms", grace_ns);
		}
		if (drain_ns != NS_NEVER) {
			log_ms(&line, "drain_ms", drain_ns);
		}
		log_end(&line);
	}
}

void stop_signal(struct stop *stop, const struct conf *conf, uint64_t grace_ns, int number)
{
	uint64_t now_ns = clock_ns();

	switch (stop->phase) {
	case STOP_RUNNING:
		stop->signal = number;
		stop->start_ns = now_ns;
		log_stopping(stop, number, grace_ns, conf->timeouts.drain_ns);
		stop_begin(stop, conf, grace_ns, now_ns);
		break;
	case STOP_GRACE:
	case STOP_DRAIN:
		if (number != stop->signal || now_ns - stop->start_ns >= STOP_SAME_NS) {
			log_stopping(stop, number, 0, 0);
			stop_end(stop, now_ns);
		}
		break;
	case STOP_END:
		break; /* a third signal changes nothing */
	}
}

/* ---- life ---- */

int stop_open(struct stop *stop)
{
	int r = crew_open_order(stop->crew, &stop->shut.order, shut_order_run, NULL);

	if (r == 0) {
		r = crew_open_order(stop->crew, &stop->drain.order, drain_order_run, NULL);
	}
	if (r == 0) {
		r = crew_open_order(stop->crew, &stop->end.order, end_order_run, NULL);
	}
	return r < 0 ? r : timer_open(&stop->timer, stop->loop, on_timer);
}

void stop_close(struct stop *stop)
{
	timer_close(&stop->timer);
	order_close(&stop->shut.order);
	order_close(&stop->drain.order);
	order_close(&stop->end.order);
}
