/* SPDX-License-Identifier: ISC */
#include "service/asked.h"

#include "base/clock.h"
#include "control/control.h"
#include "log/log.h"
#include "proxy/generation.h"
#include "service/daemon_private.h"

static const char *state_word(enum stop_phase phase, enum drain_state drain)
{
	static const char *const words[] = {
		[STOP_RUNNING] = "running",
		[STOP_GRACE] = "grace",
		[STOP_DRAIN] = "draining",
		[STOP_END] = "stopping",
	};

	if (phase != STOP_RUNNING || drain == DRAIN_NONE) {
		return words[phase];
	}
	return drain == DRAIN_GRACE ? "drain_grace" : "drained";
}

static void on_status(void *owner, struct control_status *ret_status)
{
	struct daemon *daemon = owner;
	struct status_facts facts = daemon_facts(daemon);

	static_assert((int)CONTROL_ENDS_MAX >= (int)END_REASONS, "a count for each");
	*ret_status = (struct control_status){
		.state = state_word(facts.phase, facts.drain),
		.is_ready = facts.phase == STOP_RUNNING && facts.drain == DRAIN_NONE,
		.is_stopping = facts.phase != STOP_RUNNING,
		.left_ns = facts.left_ns,
		.is_drained = facts.phase == STOP_RUNNING && facts.drain != DRAIN_NONE,
		.grace_ns = daemon->drain.grace_ns,
		.ends_pairs = daemon->drain.ends_pairs,
		.generation = daemon->reload.generation,
		.uptime_ns = clock_ns() - daemon->ready_ns,
		.n_workers = daemon->n_workers,
		.n_listeners = facts.n_listeners,
		.n_usable = facts.n_usable,
		.n_servers = facts.n_servers,
		.n_pairs = facts.n_pairs,
		.max_pairs = facts.max_pairs,
		.n_half_closed = facts.n_half_closed,
		.n_accepted = facts.n_accepted,
		.n_ended = END_REASONS,
		.reloaded_at = facts.reload.at,
		.reload_failed = facts.reload.failed,
		.n_reloads_ok = daemon->reload.n_ok,
		.n_reloads_failed = daemon->reload.n_failed,
		.has_p99 = facts.has_p99,
		.p99_us = facts.p99_us,
	};
	for (enum end_reason reason = 0; reason < END_REASONS; reason++) {
		ret_status->ended[reason] =
			(struct control_count){end_reason_name(reason), facts.n_closed[reason]};
	}
}

static void on_reload(void *owner, struct control_request *request)
{
	struct daemon *daemon = owner;

	reload_ask(&daemon->reload, request);
}

static void on_drain(void *owner, struct control_drain *ask)
{
	struct daemon *daemon = owner;

	drain_ask(&daemon->drain, ask);
}

static void on_level(void *owner, enum log_level level)
{
	struct daemon *daemon = owner;

	daemon->reload.level_told = true;
	log_set_level(level);
}

static const struct conf *on_conf(void *owner)
{
	const struct daemon *daemon = owner;

	return daemon->shared.generation->conf;
}

const struct control_calls asked_calls = {
	.status = on_status,
	.reload = on_reload,
	.drain = on_drain,
	.tell_level = on_level,
	.conf = on_conf,
};
