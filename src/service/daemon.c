/* SPDX-License-Identifier: ISC */
/*
 *	start.c ──▶ READY=1 ──▶ loop: a tick a second, signals ── signal ──▶ draining ──▶ end
 *
 * If anything fails before READY=1, it is logged with its remedy, the start is undone, and the exit
 * code is 1.
 */
#include "service/daemon.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "conf/conf.h"
#include "log/log.h"
#include "log/often.h"
#include "proxy/generation.h"
#include "service/cpus.h"
#include "service/daemon_private.h"
#include "service/exit_code.h"
#include "service/notify.h"

#define TICK_NS      ((uint64_t)NS_PER_S)
#define LOG_FLUSH_NS ((uint64_t)NS_PER_S)

static void log_event(const char *event)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, event)) {
		log_end(&line);
	}
}

/* ---- once a second ---- */

static const struct conf *daemon_conf(const struct daemon *daemon)
{
	return daemon->shared.generation->conf;
}

struct status_facts daemon_facts(struct daemon *daemon)
{
	uint64_t now_ns = clock_ns();
	struct status_facts facts = {
		.phase = daemon->stop.phase,
		.drain = daemon->drain.state,
		.n_listeners = daemon_conf(daemon)->n_listeners,
		.n_pairs = limit_taken(&daemon->shared.places.pairs),
		.max_pairs = limit_max(&daemon->shared.places.pairs),
		.reload = daemon->reload.last,
	};

	facts.left_ns = facts.phase == STOP_RUNNING ? drain_left_ns(&daemon->drain, now_ns)
						    : stop_left_ns(&daemon->stop, now_ns);
	checks_count(&daemon->checks, &facts.n_usable, &facts.n_servers);
	status_gather(&daemon->status, &facts, &daemon->crew);
	return facts;
}

/**
 * Reaps children that weir has not started: orphans, if weir is PID 1 of a container, and those of
 * a shell that has exec'd weir. The spawner waits for its own child.
 */
static void reap(const struct spawner *spawner)
{
	if (!spawner_is_busy(spawner)) {
		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
	}
}

void daemon_on_tick(struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, tick);
	struct status_facts facts = daemon_facts(daemon);

	memory_look(&daemon->memory, facts.n_pairs, crew_queued_bytes(&daemon->crew));
	often_tell(&daemon->shared.groups.failures);
	often_tell(&daemon->shared.limits.refusals);
	sources_tick(&daemon->shared.limits.sources, clock_ns());
	limits_tick(&daemon->shared.limits);
	groups_tick(&daemon->shared.groups);
	ejections_settle(&daemon->ejections); /* DNS may have removed servers */
	finders_tick(&daemon->finders);
	checks_tick(&daemon->checks);
	lateness_look(&daemon->lateness, &daemon->crew);
	stop_tick(&daemon->stop);
	reload_tick(&daemon->reload);
	notify_retry();
	reap(&daemon->spawner);
	status_tell(&daemon->status, &facts);
	timer_arm(timer, clock_ns() + TICK_NS);
}

/* ---- signals ---- */

void daemon_on_drain(struct stop *stop)
{
	control_yield(&container_of(stop, struct daemon, stop)->control);
}

void daemon_on_stop_over(struct stop *stop)
{
	uv_stop(&container_of(stop, struct daemon, stop)->host);
}

void daemon_on_idle_over(struct exit_idle *exit_idle)
{
	uv_stop(&container_of(exit_idle, struct daemon, exit_idle)->host);
}

void daemon_on_signal(struct signals *signals, int number)
{
	struct daemon *daemon = container_of(signals, struct daemon, signals);

	if (number == SIGHUP) {
		if (daemon->stop.phase == STOP_RUNNING) {
			control_renew(&daemon->control);
		}
		reload_ask(&daemon->reload, NULL);
	} else {
		stop_signal(
			&daemon->stop, daemon_conf(daemon), drain_grace_ns(&daemon->drain), number);
		drain_yield(&daemon->drain); /* afterwards, so that the answers name the stop */
	}
}

/* ---- callbacks of the crew ---- */

void daemon_on_crew_quiet(void *owner)
{
	struct daemon *daemon = owner;

	stop_check_quiet(&daemon->stop);
}

void daemon_on_crew_refuses(void *owner)
{
	struct daemon *daemon = owner;

	sockets_leave(&daemon->sockets);
}

/* ---- pairs that end with their server ---- */

/** One order serves any number of servers. Servers that are reported while it is under way get
 * another one. */
void daemon_on_pairs_to_end(void *owner)
{
	struct daemon *daemon = owner;

	daemon->end_pairs.again = order_is_under_way(&daemon->end_pairs.order);
	if (!daemon->end_pairs.again) {
		crew_ask_all(&daemon->end_pairs.order);
	}
}

void daemon_on_pairs_ending(struct order *order, int status)
{
	struct daemon *daemon = container_of(order, struct daemon, end_pairs.order);

	if (status == 0 && daemon->end_pairs.again) {
		daemon->end_pairs.again = false;
		crew_ask_all(order);
	}
}

/* ---- what DNS finds ---- */

void daemon_on_servers_found(void *owner, struct group *group)
{
	struct daemon *daemon = owner;

	checks_renew(&daemon->checks, group);
}

/* ---- from the start to the end ---- */

static void daemon_log_ready(const struct daemon *daemon)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "ready")) {
		log_str(&line, "version", WEIR_VERSION);
		log_str(&line, "conf", daemon->conf_path);
		log_u64(&line, "workers", daemon->n_workers);
		log_u64(&line, "max_pairs", limit_max(&daemon->shared.places.pairs));
		log_u64(&line, "fds", daemon->budget.n_fds);
		log_end(&line);
	}
}

/** Logs the last line of a start that failed: which file to edit. */
static void log_not_started(const char *conf_path)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "not_started")) {
		log_str(&line, "conf", conf_path);
		log_str(&line, "remedy",
			"do what the lines above say, in this file or the unit, then start again");
		log_end(&line);
	}
}

int daemon_run(const struct daemon_opts *opts, bool *ret_stuck)
{
	struct daemon daemon = {
		.conf = opts->conf,
		.conf_warnings = opts->conf_warnings,
		.conf_path = opts->conf_path,
		.inherited = *opts->inherited,
		.n_workers =
			opts->conf->workers != 0 ? opts->conf->workers : cpus_count("/proc/self"),
		.exit_idle.after_ns = opts->exit_idle_ns,
	};
	int r;

	*opts->inherited = (struct inherited){0};
	log_set_level(opts->conf->log_level);
	log_set_node(opts->conf->node);
	r = daemon_start(&daemon);
	daemon.conf = conf_unref(daemon.conf);
	if (r == 0) {
		log_settle();
		daemon.ready_ns = clock_ns();
		daemon_log_ready(&daemon);
		notify_ready();
		(void)uv_run(&daemon.host, UV_RUN_DEFAULT); /* runs until the stop is complete */
	}
	*ret_stuck = !daemon_fini(&daemon);
	if (r == 0) {
		log_event("stopped"); /* after the closing lines of the workers */
	} else if (opts->conf_path != NULL) {
		log_not_started(opts->conf_path);
	}
	*ret_stuck |= !log_close(LOG_FLUSH_NS);
	return r == 0 ? EXIT_CODE_OK : EXIT_CODE_START;
}
