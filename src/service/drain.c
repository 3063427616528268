/* SPDX-License-Identifier: ISC */
/*
 * What may fail: an address cannot be bound again, or a worker has no memory for a listener. Then
 * weir stays drained, and the request is answered with the errors. Pairs are not affected.
 */
#include "service/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "control/request.h"
#include "crew/crew.h"
#include "crew/inherited.h"
#include "crew/sockets.h"
#include "log/failure.h"
#include "log/log.h"
#include "proxy/generation.h"
#include "proxy/proxy.h"
#include "service/stop.h"

enum {
	LOOK_MS = 20,
	CLOSE_MAX_MS = 200, /**< longer than closing takes, unless clients wait for places */
	SETTLE_MAX_S = 2,   /**< longer than settling takes, likewise */
};

static const char stopping[] = "weir is stopping; it is neither drained nor undrained any more\n";
static const char no_memory[] = "out of memory; free some and try again\n";

static const struct conf *conf_in_force(const struct drain *drain)
{
	return drain->opts.shared->generation->conf;
}

static void look_soon(struct drain *drain)
{
	timer_arm(&drain->timer, clock_after(clock_ns(), (uint64_t)LOOK_MS * NS_PER_MS));
}

static uint64_t left_ns(uint64_t end_ns, uint64_t now_ns)
{
	if (end_ns == NS_NEVER) {
		return NS_NEVER;
	}
	return end_ns > now_ns ? end_ns - now_ns : 0;
}

/* ---- answers ---- */

static void log_drain(const struct drain *drain, const char *event, uint64_t now_ns)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, event)) {
		log_u64(&line, "pairs", limit_taken(&drain->opts.shared->places.pairs));
		if (drain->state == DRAIN_GRACE) {
			log_ms(&line, "grace_ms", left_ns(drain->grace_end_ns, now_ns));
		}
		if (drain->ends_pairs) {
			log_str(&line, "end_pairs", "yes");
		}
		log_end(&line);
	}
}

/** Enters a state that can last: answers the requests under way, and begins those that wait. */
static void drain_rest(struct drain *drain, enum drain_state state)
{
	drain->state = state;
	control_request_answer_all(&drain->asking, true, "");
	loop_defer(drain->opts.loop, &drain->begin);
}

/** The same if the drain could not be undone. */
static void drain_fail(struct drain *drain)
{
	char *text = drain->text;

	drain->state = DRAIN_SHUT;
	drain->text = NULL;
	if (text != NULL) {
		failure_log_lines(LOG_LEVEL_ERROR, "undrain_failed", text);
	}
	control_request_answer_all(&drain->asking, false, text == NULL ? no_memory : text);
	free(text);
	loop_defer(drain->opts.loop, &drain->begin);
}

/* ---- shut ---- */

/** Ends the pairs as a stop does after its grace. Clients that come to systemd's sockets later are
 * spared. */
static void drain_end_pairs(struct drain *drain)
{
	const struct conf *conf = conf_in_force(drain);
	uint64_t now_ns = clock_ns();
	uint64_t budget_ns = conf->timeouts.drain_ns == NS_NEVER
				     ? NS_NEVER
				     : conf->timeouts.drain_ns - conf->drain.grace_ns;

	drain->pairs_end_ns = clock_after(now_ns, budget_ns);
	drain->end_pairs.plan = (struct deadline_drain){
		.start_ns = now_ns,
		.idle_first_ns = conf->drain.idle_first_ns,
		.end_ns = drain->pairs_end_ns,
		.spread_ns = conf->drain.spread_ns,
		.spares_ns = drain->opts.inherited->n_listening > 0 ? now_ns : 0,
	};
	crew_post_all(&drain->end_pairs.order);
}

static void drain_shut(struct drain *drain)
{
	drain->state = DRAIN_SHUTTING;
	timer_arm(&drain->timer, NS_NEVER); /* the timer of a grace that was not over */
	if (drain->opts.sockets->is_busy) {
		look_soon(drain); /* a reload is changing the sockets */
		return;
	}
	drain->opts.sockets->is_busy = true;
	crew_ask_all(&drain->shut.order);
}

static void on_shut(struct order *order, int status)
{
	struct drain *drain = container_of(order, struct drain, shut.order);

	(void)status; /* it cannot fail */
	drain->opts.sockets->is_busy = false;
	sockets_forget(drain->opts.sockets, conf_in_force(drain));
	if (drain->opts.stop->phase == STOP_RUNNING) {
		if (drain->ends_pairs) {
			drain_end_pairs(drain);
		}
		log_drain(drain, "drained", clock_ns());
	}
	if (drain->failed) {
		drain->failed = false;
		drain_fail(drain);
	} else {
		drain_rest(drain, DRAIN_SHUT);
	}
}

/* ---- open again ---- */

/** Binds all addresses of the config in force, or none: then each one that cannot be bound was
 * reported. */
static int drain_bind(struct drain *drain)
{
	struct conf_errors errors;
	struct sockets_opts opts = {
		.conf = conf_in_force(drain),
		.n_workers = drain->opts.crew->opts.n_workers,
		.inherited = drain->opts.inherited,
		.errors = &errors,
		.path = drain->opts.path != NULL ? drain->opts.path : "weir",
		.reopens = true,
	};
	int r;

	conf_errors_init(&errors);
	r = sockets_prepare(drain->opts.sockets, &opts);
	if (r < 0) {
		size_t n;
		FILE *file = open_memstream(&drain->text, &n);

		if (file != NULL) {
			conf_errors_print(&errors, "", file);
			(void)fclose(file);
		}
	}
	conf_errors_fini(&errors);
	return r;
}

/** Whether the sockets that were shut are closed, so that repeated drains do not accumulate fds.
 * After CLOSE_MAX_MS it is enough that they do not occupy an address. */
static bool is_settled(const struct drain *drain)
{
	struct sockets *sockets = drain->opts.sockets;
	uint64_t passed_ns = clock_ns() - drain->settle_ns;

	if (sockets->is_busy) {
		return false; /* busy with a reload */
	}
	if (sockets_sweep(sockets) == 0 || passed_ns >= (uint64_t)SETTLE_MAX_S * NS_PER_S) {
		return true;
	}
	return passed_ns >= (uint64_t)CLOSE_MAX_MS * NS_PER_MS && sockets_are_settled(sockets);
}

static void drain_settle(struct drain *drain)
{
	struct sockets *sockets = drain->opts.sockets;

	drain->state = DRAIN_SETTLING;
	if (!is_settled(drain)) {
		look_soon(drain);
		return;
	}
	if (drain_bind(drain) < 0) {
		drain_fail(drain);
		return;
	}
	drain->state = DRAIN_OPENING;
	sockets->is_busy = true;
	drain->accept.sockets = sockets;
	drain->accept.generation = drain->opts.shared->generation;
	drain->accept.reopens = true;
	crew_ask_all(&drain->accept.order);
}

static void drain_is_over(struct drain *drain)
{
	drain->state = DRAIN_NONE;
	drain->ends_pairs = false;
	log_drain(drain, "undrain", clock_ns());
	drain_rest(drain, DRAIN_NONE);
}

static void on_accepting(struct order *order, int status)
{
	struct drain *drain = container_of(order, struct drain, accept.order);
	struct sockets *sockets = drain->opts.sockets;
	const struct conf *conf = conf_in_force(drain);

	if (status == 0 && drain->opts.stop->phase == STOP_RUNNING) {
		sockets->is_busy = false;
		sockets_commit(sockets, conf, conf);
		drain_is_over(drain);
		return;
	}
	sockets_cancel(sockets);
	if (status < 0 && asprintf(&drain->text, "a worker cannot accept from a listener: %s; %s\n",
				  strerrordesc_np(-status), failure_remedy(status)) < 0) {
		drain->text = NULL;
	}
	drain->failed = true;
	drain->state = DRAIN_SHUTTING;
	crew_ask_all(&drain->shut.order); /* other workers accept already: all are shut again */
}

/* ---- requests ---- */

static void drain_do(struct drain *drain, const struct control_drain *ask)
{
	uint64_t now_ns = clock_ns();
	bool begins = drain->state == DRAIN_NONE;
	bool ended_pairs = !begins && drain->ends_pairs;

	drain->ends_pairs = ended_pairs || ask->end_pairs;
	if (drain->state == DRAIN_SHUT) {
		log_drain(drain, "drain", now_ns);
		if (!ended_pairs && drain->ends_pairs) {
			drain_end_pairs(drain);
		}
		drain_rest(drain, DRAIN_SHUT);
		return;
	}
	if (begins) {
		drain->start_ns = now_ns;
		drain->pairs_end_ns = NS_NEVER;
	}
	if (begins || ask->has_grace) {
		drain->grace_ns =
			ask->has_grace ? ask->grace_ns : conf_in_force(drain)->drain.grace_ns;
		drain->grace_end_ns = clock_after(now_ns, drain->grace_ns);
	}
	drain->state = DRAIN_GRACE;
	log_drain(drain, "drain", now_ns);
	if (drain->grace_end_ns <= now_ns) {
		drain_shut(drain);
	} else {
		timer_arm(&drain->timer, drain->grace_end_ns);
		drain_rest(drain, DRAIN_GRACE);
	}
}

static void drain_undo(struct drain *drain)
{
	if (drain->state == DRAIN_SHUT) {
		drain->settle_ns = clock_ns();
		drain_settle(drain);
	} else if (drain->state == DRAIN_GRACE) {
		timer_arm(&drain->timer, NS_NEVER);
		drain_is_over(drain);
	} else {
		drain_rest(drain, DRAIN_NONE);
	}
}

static bool is_at_rest(const struct drain *drain)
{
	return drain->state == DRAIN_NONE || drain->state == DRAIN_GRACE ||
	       drain->state == DRAIN_SHUT;
}

/** Begins the next change. There is only one at a time; the next one begins in a state that can
 * last. */
static void on_begin(struct task *task)
{
	struct drain *drain = container_of(task, struct drain, begin);
	struct list *link = drain->waiting.next;
	const struct control_drain *ask = container_of(link, struct control_drain, request.link);

	if (drain->opts.stop->phase != STOP_RUNNING) {
		control_request_answer_all(&drain->waiting, false, stopping);
	} else if (!list_empty(&drain->waiting) && is_at_rest(drain)) {
		list_remove(link);
		list_append(&drain->asking, link);
		if (ask->undoes) {
			drain_undo(drain);
		} else {
			drain_do(drain, ask);
		}
	}
}

static void on_timer(struct timer *timer)
{
	struct drain *drain = container_of(timer, struct drain, timer);

	if (drain->state == DRAIN_SETTLING) {
		drain_settle(drain);
	} else {
		drain_shut(drain);
	}
}

void drain_ask(struct drain *drain, struct control_drain *ask)
{
	list_append(&drain->waiting, &ask->request.link);
	loop_defer(drain->opts.loop, &drain->begin);
}

/* ---- what is left ---- */

uint64_t drain_left_ns(const struct drain *drain, uint64_t now_ns)
{
	bool has_pairs = limit_taken(&drain->opts.shared->places.pairs) > 0;

	if (drain->state == DRAIN_GRACE) {
		return left_ns(drain->grace_end_ns, now_ns);
	}
	/* Pairs that are open after that time were accepted later, and are spared. */
	if (drain->state == DRAIN_SHUT && has_pairs && drain->pairs_end_ns > now_ns) {
		return left_ns(drain->pairs_end_ns, now_ns);
	}
	return NS_NEVER;
}

uint64_t drain_grace_ns(const struct drain *drain)
{
	uint64_t now_ns = clock_ns();
	uint64_t grace_ns = conf_in_force(drain)->drain.grace_ns;

	if (drain->state == DRAIN_GRACE) {
		grace_ns = clock_earlier(left_ns(clock_after(drain->start_ns, grace_ns), now_ns),
			left_ns(drain->grace_end_ns, now_ns));
	} else if (drain->state != DRAIN_NONE) {
		grace_ns = 0;
	}
	return grace_ns;
}

void drain_yield(struct drain *drain)
{
	/* Orders under way go on; when they are answered, they find that a stop has begun. */
	timer_arm(&drain->timer, NS_NEVER);
	control_request_answer_all(&drain->asking, false, stopping);
	control_request_answer_all(&drain->waiting, false, stopping);
}

/* ---- life ---- */

int drain_open(struct drain *drain, const struct drain_opts *opts)
{
	int r;

	*drain = (struct drain){.opts = *opts, .pairs_end_ns = NS_NEVER, .shut.keeps = true};
	list_init(&drain->waiting);
	list_init(&drain->asking);
	task_init(&drain->begin, on_begin);
	r = crew_open_order(opts->crew, &drain->shut.order, shut_order_run, on_shut);
	if (r == 0) {
		r = crew_open_order(opts->crew, &drain->end_pairs.order, drain_order_run, NULL);
	}
	if (r == 0) {
		r = crew_open_order(
			opts->crew, &drain->accept.order, accept_order_run, on_accepting);
	}
	return r < 0 ? r : timer_open(&drain->timer, opts->loop, on_timer);
}

void drain_close(struct drain *drain)
{
	if (drain->opts.loop == NULL) {
		return;
	}
	timer_close(&drain->timer);
	loop_cancel(drain->opts.loop, &drain->begin);
	order_close(&drain->shut.order);
	order_close(&drain->end_pairs.order);
	order_close(&drain->accept.order);
	free(drain->text);
	*drain = (struct drain){0};
}
