/* SPDX-License-Identifier: ISC */
/*
 * A start, and the end that undoes it:
 *
 *	fd budget ──▶ log ──▶ loop, crew ──▶ sockets ──▶ workers ──▶ orders taken ──▶ pairs
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "conf/conf.h"
#include "crew/orders.h"
#include "crew/own_sockets.h"
#include "log/failure.h"
#include "log/log.h"
#include "proxy/generation.h"
#include "service/asked.h"
#include "service/conf_warnings.h"
#include "service/daemon_private.h"
#include "service/notify.h"
#include "service/socket_limits.h"
#include "stream/loop.h"
#include "stream/resolver.h"

/* ---- the steps ---- */

static int done(int r, const char *what)
{
	return r < 0 ? start_failed(what, r, NULL) : 0;
}

static int prepare_memory(struct daemon *daemon)
{
	(void)daemon;
	memory_prepare();
	return 0;
}

/** Raises the fd limit and compares max_pairs with it. */
static int take_budget(struct daemon *daemon)
{
	const struct conf *conf = daemon->conf;
	struct budget *budget = &daemon->budget;
	char remedy[BUDGET_REMEDY_MAX];
	size_t n_sockets =
		sockets_count(conf, daemon->n_workers, &daemon->inherited) + control_fds(conf);
	int r = budget_plan(conf, daemon->n_workers, n_sockets, budget, remedy);

	if (r < 0) {
		return *remedy == '\0' ? start_failed("RLIMIT_NOFILE", r, NULL)
				       : start_failed("max_pairs", r, remedy);
	}
	daemon->shared.n_pipes = budget->n_pipes;
	atomic_init(&daemon->shared.spare_fds, (int)budget->n_spares);
	(void)limit_set(&daemon->shared.places.pairs, budget_max_pairs(budget, conf));
	(void)limit_close(&daemon->shared.places.pairs);
	return 0;
}

static int open_log(struct daemon *daemon)
{
	int r = log_open(STDERR_FILENO);

	(void)daemon;
	if (r < 0) {
		return start_failed("log thread", r, NULL);
	}
	r = log_thread_open();
	if (r < 0) {
		log_thread_close(); /* so that this thread itself writes the following lines */
		return start_failed("log queue", r, NULL);
	}
	return 0;
}

/** Opens the spawner. Without it pairs are still relayed, and a reload reports why it is
 * impossible. */
static int open_spawner(struct daemon *daemon)
{
	(void)spawner_open(&daemon->spawner);
	return 0;
}

/** Runs the handles that are closing; there are no others. */
static void close_host(uv_loop_t *host)
{
	int r;

	(void)uv_run(host, UV_RUN_DEFAULT);
	r = uv_loop_close(host);
	assert(r == 0);
	(void)r;
}

static int open_loop(struct daemon *daemon)
{
	int r = loop_init_host(&daemon->host);

	if (r == 0) {
		daemon->loop = loop_open_on(&daemon->host);
		if (daemon->loop == NULL) {
			r = -errno;
			close_host(&daemon->host);
		}
	}
	if (r == 0) {
		loop_hold(daemon->loop); /* it runs until it is stopped */
	}
	return done(r, "event loop");
}

static int open_tick(struct daemon *daemon)
{
	return done(timer_open(&daemon->tick, daemon->loop, daemon_on_tick), "timer");
}

static int open_signals(struct daemon *daemon)
{
	return done(signals_open(&daemon->signals, daemon->loop, daemon_on_signal), "signals");
}

/** Makes the workers, without starting them, and what they share. */
static int open_crew(struct daemon *daemon)
{
	struct proxy_shared *shared = &daemon->shared;
	struct crew_opts opts = {
		.loop = daemon->loop,
		.n_workers = daemon->n_workers,
		.shared = shared,
		.quiet = daemon_on_crew_quiet,
		.refuses = daemon_on_crew_refuses,
		.owner = daemon,
	};
	int r = proxy_shared_init(shared, daemon->n_workers);

	if (r == 0) {
		r = ejections_open(&daemon->ejections, &shared->groups, daemon->loop);
	}
	if (r == 0) {
		r = crew_open(&daemon->crew, &opts);
	}
	if (r == 0) {
		shared->generation = generation_new(daemon->conf, shared);
		r = shared->generation == NULL ? -ENOMEM : 0;
	}
	if (r == 0) {
		generation_keep_numbers(shared->generation, &shared->limits);
	}
	return done(r, "memory");
}

static int open_stop(struct daemon *daemon)
{
	daemon->stop = (struct stop){
		.drains = daemon_on_drain,
		.over = daemon_on_stop_over,
		.loop = daemon->loop,
		.shared = &daemon->shared,
		.crew = &daemon->crew,
	};
	return done(stop_open(&daemon->stop), "memory");
}

static int open_drain(struct daemon *daemon)
{
	struct drain_opts opts = {
		.loop = daemon->loop,
		.path = daemon->conf_path,
		.shared = &daemon->shared,
		.crew = &daemon->crew,
		.sockets = &daemon->sockets,
		.inherited = &daemon->inherited,
		.stop = &daemon->stop,
	};

	return done(drain_open(&daemon->drain, &opts), "memory");
}

static void on_names_cut(const char *host, const struct resolver_answer *answer)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_WARN, "addresses_left_out")) {
		log_str(&line, "name", host);
		log_u64(&line, "used", answer->n_addresses);
		log_u64(&line, "left_out", answer->n_left_out);
		log_str(&line, "remedy", "let the name have fewer addresses");
		log_end(&line);
	}
}

/** Opens the resolver, even if the config has no names: the next config may have some, and then its
 * threads must exist. */
static int open_resolver(struct daemon *daemon)
{
	daemon->shared.resolver = resolver_new(daemon->loop, on_names_cut);
	if (daemon->shared.resolver == NULL) {
		return start_failed("threads for lookups of names", -errno,
			"weir may have too few tasks: raise TasksMax= or LimitNPROC= in the unit, "
			"or ulimit -u in the shell that starts it; or memory is short: raise "
			"MemoryMax= and LimitAS=");
	}
	return 0;
}

static int warn_of_conf(struct daemon *daemon)
{
	conf_warnings_log(daemon->conf_warnings);
	socket_limits_warn(daemon->conf);
	return 0;
}

/** Opens the sockets, and reports itself which listener it could not open. */
static int open_sockets(struct daemon *daemon)
{
	struct sockets_opts opts = {
		.conf = daemon->conf,
		.n_workers = daemon->n_workers,
		.inherited = &daemon->inherited,
	};

	inherited_tell_untaken(&daemon->inherited);
	return sockets_open(&daemon->sockets, &opts);
}

static int know_own_sockets(struct daemon *daemon)
{
	daemon->shared.generation->own = own_sockets(daemon->conf, &daemon->inherited);
	return done(daemon->shared.generation->own == NULL ? -ENOMEM : 0, "memory");
}

/** Starts the workers. They accept only when all run, because a connection may be handed to any of
 * them. */
static int start_workers(struct daemon *daemon)
{
	struct accept_order accept = {
		.sockets = &daemon->sockets,
		.generation = daemon->shared.generation,
	};
	int r = crew_start(&daemon->crew);

	if (r == 0) {
		r = crew_open_order(&daemon->crew, &accept.order, accept_order_run, NULL);
	}
	if (r == 0) {
		r = crew_wait_all(&accept.order);
	}
	order_close(&accept.order);
	return done(r, "workers");
}

static int open_watchdog(struct daemon *daemon)
{
	uint64_t interval_us;
	int r = notify_watchdog_wanted(&interval_us);

	if (r > 0) {
		r = watchdog_open(&daemon->watchdog, &daemon->crew, interval_us, notify_watchdog);
	}
	if (r < 0) {
		return start_failed("watchdog", r,
			"WATCHDOG_USEC and WATCHDOG_PID are for systemd to set: leave them to it");
	}
	return 0;
}

static int open_exit_idle(struct daemon *daemon)
{
	daemon->exit_idle.loop = daemon->loop;
	daemon->exit_idle.over = daemon_on_idle_over;
	daemon->exit_idle.shared = &daemon->shared;
	daemon->exit_idle.crew = &daemon->crew;
	return done(exit_idle_open(&daemon->exit_idle), "timer");
}

/** Starts lookups that only cause warnings. Without memory there are none, and the first pairs will
 * show the errors. */
static int open_names(struct daemon *daemon)
{
	(void)names_open(&daemon->names, daemon->loop, daemon->shared.resolver, daemon->conf);
	return 0;
}

/** Starts discovery. The start does not wait for its results. */
static int open_finders(struct daemon *daemon)
{
	finders_open(&daemon->finders, daemon->loop);
	daemon->finders.renewed = daemon_on_servers_found;
	daemon->finders.owner = daemon;
	generation_discover(daemon->shared.generation, &daemon->finders);
	return 0;
}

/** Starts the checks. Servers are up until their first check. */
static int open_checks(struct daemon *daemon)
{
	int r = crew_open_order(&daemon->crew, &daemon->end_pairs.order, end_pairs_order_run,
		daemon_on_pairs_ending);

	if (r == 0) {
		daemon->shared.groups.end_pairs = daemon_on_pairs_to_end;
		daemon->shared.groups.owner = daemon;
		checks_open(&daemon->checks, daemon->loop, daemon->shared.resolver);
		atomic_init(&daemon->checks.fds, (int)daemon->budget.n_checks);
		generation_check_servers(daemon->shared.generation, &daemon->checks);
	}
	return done(r, "memory");
}

static int open_reload(struct daemon *daemon)
{
	struct reload_opts opts = {
		.loop = daemon->loop,
		.path = daemon->conf_path,
		.shared = &daemon->shared,
		.crew = &daemon->crew,
		.sockets = &daemon->sockets,
		.inherited = &daemon->inherited,
		.budget = &daemon->budget,
		.names = &daemon->names,
		.checks = &daemon->checks,
		.finders = &daemon->finders,
		.ejections = &daemon->ejections,
		.stop = &daemon->stop,
		.spawner = &daemon->spawner,
		.memory = &daemon->memory,
		.control = &daemon->control,
	};

	/* No config was freed here, but reading the config took memory that was freed. */
	memory_config_went(&daemon->memory);
	return done(reload_open(&daemon->reload, &opts), "memory");
}

/** Opens the doors, and reports itself which one it could not open. */
static int open_control(struct daemon *daemon)
{
	struct control_opts opts = {
		.loop = daemon->loop,
		.crew = &daemon->crew,
		.groups = &daemon->shared.groups,
		.inherited = &daemon->inherited,
		.calls = asked_calls,
		.owner = daemon,
	};

	struct control_failure failure;
	char what[sizeof("control.listen ") + ADDR_TEXT_MAX];
	int r;

	control_open(&daemon->control, &opts);
	r = control_prepare(&daemon->control, daemon->conf, &failure);
	if (r < 0) {
		(void)snprintf(what, sizeof(what), "%s %s", failure.key, failure.address);
		return start_failed(what, r, failure.remedy);
	}
	control_commit(&daemon->control);
	return 0;
}

/** Lets pairs begin. A start that fails before this has no pair, and its clients stay in the accept
 * queues. */
static int open_doors(struct daemon *daemon)
{
	timer_arm(&daemon->tick, clock_ns()); /* the first STATUS= is sent in the first turn */
	places_open(&daemon->shared.places);
	return 0;
}

/** Each step returns 0, or a negative errno with the failure already logged; daemon_fini() undoes
 * them. */
static int (*const steps[])(struct daemon *daemon) = {
	prepare_memory, take_budget, /* both before there are threads; see their headers */
	open_log, open_spawner, open_loop, open_tick, open_signals, open_resolver, open_crew,
	open_stop, open_drain, warn_of_conf, open_sockets, know_own_sockets, start_workers,
	open_watchdog, open_exit_idle, open_names, open_finders, open_checks, open_reload,
	open_control, open_doors, /* last, because afterwards nothing can fail */
};

int daemon_start(struct daemon *daemon)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++) {
		r = steps[i](daemon);
	}
	return r;
}

/* ---- the end ---- */

bool daemon_fini(struct daemon *daemon)
{
	bool spawned;
	bool stuck;

	names_close(&daemon->names);
	crew_stop(&daemon->crew);
	watchdog_close(&daemon->watchdog);
	control_close(&daemon->control);
	reload_close(&daemon->reload);
	finders_close(&daemon->finders);
	spawned = spawner_close(&daemon->spawner);
	drain_close(&daemon->drain);
	sockets_close(&daemon->sockets);
	exit_idle_close(&daemon->exit_idle);
	stop_close(&daemon->stop);
	checks_close(&daemon->checks);
	order_close(&daemon->end_pairs.order);
	ejections_close(&daemon->ejections);
	generation_unref(daemon->shared.generation); /* its servers have resolver handles */
	groups_end_ticks(&daemon->shared.groups);    /* likewise */
	stuck = daemon->shared.resolver != NULL && resolver_lookups(daemon->shared.resolver) > 0;
	if (daemon->loop != NULL && !stuck) {
		daemon->shared.resolver = resolver_free(daemon->shared.resolver);
		timer_close(&daemon->tick);
		signals_close(&daemon->signals);
		loop_release(daemon->loop);
		daemon->loop = loop_free(daemon->loop);
		close_host(&daemon->host);
	}
	inherited_fini(&daemon->inherited);
	crew_close(&daemon->crew);
	proxy_shared_fini(&daemon->shared);
	return !stuck && spawned;
}
