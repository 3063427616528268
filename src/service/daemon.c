/* SPDX-License-Identifier: ISC */
/*
 *	fd budget ──▶ sockets ──▶ workers ──▶ pairs, READY=1 ──▶ loop ── signal ──▶ draining ──▶ end
 *
 * Whatever fails before READY=1 is logged with its remedy, undone, and ends with exit code 1.
 */
#include "service/daemon.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"
#include "crew/inherited.h"
#include "crew/lateness.h"
#include "crew/own_sockets.h"
#include "crew/sockets.h"
#include "crew/worker.h"
#include "log/failure.h"
#include "log/log.h"
#include "proxy/generation.h"
#include "service/budget.h"
#include "service/control.h"
#include "service/cpus.h"
#include "service/exit_idle.h"
#include "service/memory.h"
#include "service/names.h"
#include "service/notify.h"
#include "service/reload.h"
#include "service/signals.h"
#include "service/socket_limits.h"
#include "service/spawner.h"
#include "service/stall_warning.h"
#include "service/status.h"
#include "service/stop.h"
#include "service/watchdog.h"
#include "stream/loop.h"
#include "stream/resolver.h"
#include "stream/timer.h"

#define TICK_NS      ((uint64_t)NS_PER_S)
#define LOG_FLUSH_NS ((uint64_t)NS_PER_S)

struct daemon {
	const struct conf *conf; /**< while it starts; later see daemon_conf() */
	struct loop *loop;
	const char *conf_path; /**< NULL: it has none */
	struct inherited inherited;
	struct sockets sockets;
	struct names names;
	struct budget budget;
	struct proxy_shared shared;
	struct worker *workers;
	size_t n_workers;
	struct signals signals;
	struct stop stop;
	struct exit_idle exit_idle;
	struct timer tick;
	struct memory memory;
	struct lateness lateness;
	struct status status;
	struct reload reload;
	struct spawner spawner;
	struct control control;
	struct watchdog watchdog;
};

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

static struct status_facts daemon_facts(struct daemon *daemon)
{
	struct status_facts facts = {
		.phase = daemon->stop.phase,
		.left_ns = stop_left_ns(&daemon->stop, clock_ns()),
		.n_listeners = daemon_conf(daemon)->n_listeners,
		.n_pairs = limit_taken(&daemon->shared.pairs),
		.max_pairs = limit_max(&daemon->shared.pairs),
		.reload = daemon->reload.last,
	};

	status_gather(&daemon->status, &facts, daemon->workers, daemon->n_workers);
	return facts;
}

/** What the control socket answers. */
static void write_status(void *owner, char *text, size_t size)
{
	struct daemon *daemon = owner;
	struct status_facts facts = daemon_facts(daemon);

	assert(size >= STATUS_TEXT_MAX);
	(void)size;
	status_text(&facts, text);
}

/**
 * Children that are not ours: orphans, where weir is PID 1 of a container, and those of a shell
 * that has become weir. Who is the spawner's is waited for there.
 */
static void reap(const struct spawner *spawner)
{
	if (!spawner_is_busy(spawner)) {
		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
	}
}

static void on_tick(struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, tick);
	struct status_facts facts = daemon_facts(daemon);
	uint64_t waiting_bytes = 0;

	for (size_t i = 0; i < daemon->n_workers; i++) {
		waiting_bytes += loop_waiting_bytes(daemon->workers[i].loop);
	}
	memory_look(&daemon->memory, facts.n_pairs, waiting_bytes);
	failures_tell(&daemon->shared.failures);
	lateness_look(&daemon->lateness, daemon->workers, daemon->n_workers);
	stop_tick(&daemon->stop);
	reload_tick(&daemon->reload);
	notify_retry();
	reap(&daemon->spawner);
	status_tell(&daemon->status, &facts);
	timer_arm(timer, clock_ns() + TICK_NS);
}

/* ---- signals ---- */

static void on_drains(struct stop *stop)
{
	control_yield(&container_of(stop, struct daemon, stop)->control);
}

static void on_worker_quiet(struct worker *worker)
{
	stop_check_quiet(&container_of(worker->shared, struct daemon, shared)->stop);
}

static void on_worker_refuses(struct worker *worker)
{
	sockets_leave(&container_of(worker->shared, struct daemon, shared)->sockets);
}

static void on_signal(struct signals *signals, int number)
{
	struct daemon *daemon = container_of(signals, struct daemon, signals);

	if (number == SIGHUP) {
		if (daemon->stop.phase == STOP_RUNNING) {
			control_renew(&daemon->control);
		}
		reload_ask(&daemon->reload, NULL);
	} else {
		stop_signal(&daemon->stop, daemon_conf(daemon), number);
	}
}

/* ---- starting ---- */

/** Raises the fd limit and holds max_pairs against it. */
static int daemon_take_budget(struct daemon *daemon)
{
	const struct conf *conf = daemon->conf;
	struct budget *budget = &daemon->budget;
	char remedy[BUDGET_REMEDY_MAX];
	size_t n_sockets = sockets_count(conf, daemon->n_workers, &daemon->inherited) +
			   daemon->inherited.n_others;
	int r = budget_plan(conf, daemon->n_workers, n_sockets, budget, remedy);

	if (r < 0) {
		return *remedy == '\0' ? start_failed("RLIMIT_NOFILE", r, NULL)
				       : start_failed("max_pairs", r, remedy);
	}
	daemon->shared.n_pipes = budget->n_pipes;
	atomic_init(&daemon->shared.spare_fds, (int)budget->n_spares);
	(void)limit_set(&daemon->shared.pairs, budget_max_pairs(budget, conf));
	(void)limit_close(&daemon->shared.pairs);
	return 0;
}

static int daemon_make_shared(struct daemon *daemon)
{
	struct proxy_shared *shared = &daemon->shared;

	failures_list_init(&shared->failures);
	chains_init(&shared->chains);
	shared->n_proxies = daemon->n_workers;
	shared->proxies = calloc(daemon->n_workers, sizeof(struct proxy *));
	daemon->workers = calloc(daemon->n_workers, sizeof(*daemon->workers));
	if (shared->proxies == NULL || daemon->workers == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < daemon->n_workers; i++) {
		shared->proxies[i] = &daemon->workers[i].proxy;
	}
	shared->generation = generation_new(daemon->conf, shared);
	if (shared->generation == NULL) {
		return -ENOMEM;
	}
	daemon->exit_idle.loop = daemon->loop;
	daemon->exit_idle.shared = shared;
	daemon->exit_idle.workers = daemon->workers;
	daemon->exit_idle.n_workers = daemon->n_workers;
	daemon->stop = (struct stop){
		.drains = on_drains,
		.loop = daemon->loop,
		.shared = shared,
		.workers = daemon->workers,
		.n_workers = daemon->n_workers,
	};
	return stop_open(&daemon->stop);
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

/** Also where the config has no names: the next one may, and then there must be threads. */
static int daemon_make_resolver(struct daemon *daemon)
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

static int daemon_start_workers(struct daemon *daemon)
{
	int r = 0;

	for (size_t i = 0; i < daemon->n_workers && r == 0; i++) {
		daemon->workers[i].on_refuses = on_worker_refuses;
		r = worker_start(
			&daemon->workers[i], i, &daemon->shared, daemon->loop, on_worker_quiet);
	}
	/* Only when all are there: a connection may be handed to any of them. */
	for (size_t i = 0; i < daemon->n_workers && r == 0; i++) {
		r = worker_accept(&daemon->workers[i], &daemon->sockets);
	}
	return r;
}

static int daemon_open_sockets(struct daemon *daemon)
{
	struct sockets_opts opts = {
		.conf = daemon->conf,
		.n_workers = daemon->n_workers,
		.inherited = &daemon->inherited,
	};

	return sockets_open(&daemon->sockets, &opts);
}

/** From now on weir may be asked to reload. */
static int daemon_take_orders(struct daemon *daemon)
{
	struct reload_opts reload = {
		.loop = daemon->loop,
		.path = daemon->conf_path,
		.shared = &daemon->shared,
		.workers = daemon->workers,
		.n_workers = daemon->n_workers,
		.sockets = &daemon->sockets,
		.inherited = &daemon->inherited,
		.budget = &daemon->budget,
		.names = &daemon->names,
		.stop = &daemon->stop,
		.spawner = &daemon->spawner,
		.memory = &daemon->memory,
	};
	struct control_opts control = {
		.loop = daemon->loop,
		.reload = &daemon->reload,
		.status = write_status,
		.owner = daemon,
	};
	int r = reload_open(&daemon->reload, &reload);

	if (r == 0) {
		/* It has said so if it cannot; pairs are relayed without it. */
		(void)control_open(&daemon->control, &control);
	}
	return r;
}

static int daemon_start(struct daemon *daemon)
{
	int r;

	/* First of all. Without it pairs are relayed, and a reload says why it cannot be. */
	(void)spawner_open(&daemon->spawner);
	daemon->loop = loop_new();
	if (daemon->loop == NULL) {
		return start_failed("event loop", -errno, NULL);
	}
	loop_hold(daemon->loop);
	r = timer_open(&daemon->tick, daemon->loop, on_tick);
	if (r < 0) {
		return start_failed("timer", r, NULL);
	}
	r = signals_open(&daemon->signals, daemon->loop, on_signal);
	if (r < 0) {
		return start_failed("signals", r, NULL);
	}
	r = daemon_make_shared(daemon);
	if (r < 0) {
		return start_failed("memory", r, NULL);
	}
	r = daemon_make_resolver(daemon);
	if (r < 0) {
		return r;
	}
	socket_limits_warn(daemon->conf);
	stall_warning(daemon->conf);
	r = daemon_open_sockets(daemon);
	if (r < 0) {
		return r; /* it has said which listener */
	}
	daemon->shared.generation->own = own_sockets(daemon->conf, &daemon->inherited);
	if (daemon->shared.generation->own == NULL) {
		return start_failed("memory", -ENOMEM, NULL);
	}
	r = daemon_start_workers(daemon);
	if (r < 0) {
		return start_failed("workers", r, NULL);
	}
	r = watchdog_open(&daemon->watchdog, daemon->loop, daemon->workers, daemon->n_workers);
	if (r < 0) {
		return start_failed("watchdog", r,
			"WATCHDOG_USEC and WATCHDOG_PID are for systemd to set: leave them to it");
	}
	r = exit_idle_open(&daemon->exit_idle);
	if (r < 0) {
		return start_failed("timer", r, NULL);
	}
	/* Warnings only: without memory for them, the pairs will tell. */
	(void)names_open(&daemon->names, daemon->loop, daemon->shared.resolver, daemon->conf);
	r = daemon_take_orders(daemon);
	if (r < 0) {
		return start_failed("memory", r, NULL);
	}
	timer_arm(&daemon->tick, clock_ns()); /* the first STATUS= comes with the first turn */
	/* Last of all: a start that fails leaves its clients where they wait, and has no pairs. */
	proxy_open(&daemon->shared);
	return 0;
}

static int open_log(void)
{
	int r = log_open(STDERR_FILENO);

	if (r < 0) {
		return start_failed("log thread", r, NULL);
	}
	r = log_thread_open();
	if (r < 0) {
		log_thread_close(); /* so that this thread writes what follows by itself */
		return start_failed("log queue", r, NULL);
	}
	return 0;
}

static void daemon_log_ready(const struct daemon *daemon)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "ready")) {
		log_str(&line, "version", WEIR_VERSION);
		log_str(&line, "conf", daemon->conf_path);
		log_u64(&line, "workers", daemon->n_workers);
		log_u64(&line, "max_pairs", limit_max(&daemon->shared.pairs));
		log_u64(&line, "fds", daemon->budget.n_fds);
		log_end(&line);
	}
}

/** The last line of a start that failed: which file to edit. */
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

/**
 * Undoes daemon_start(), all or in part; false when a thread hangs and must be left, in a lookup,
 * which needs its loop, or in the start of a child.
 */
static bool daemon_fini(struct daemon *daemon)
{
	bool spawned;
	bool stuck;

	names_close(&daemon->names);
	for (size_t i = 0; i < daemon->n_workers && daemon->workers != NULL; i++) {
		worker_stop(&daemon->workers[i]);
	}
	watchdog_close(&daemon->watchdog);
	control_close(&daemon->control);
	reload_close(&daemon->reload);
	spawned = spawner_close(&daemon->spawner);
	sockets_close(&daemon->sockets);
	stuck = daemon->shared.resolver != NULL && resolver_lookups(daemon->shared.resolver) > 0;
	if (daemon->loop != NULL && !stuck) {
		daemon->shared.resolver = resolver_free(daemon->shared.resolver);
		timer_close(&daemon->tick);
		signals_close(&daemon->signals);
		exit_idle_close(&daemon->exit_idle);
		stop_close(&daemon->stop);
		loop_release(daemon->loop);
		daemon->loop = loop_free(daemon->loop);
	}
	inherited_fini(&daemon->inherited);
	free(daemon->workers);
	free(daemon->shared.proxies);
	generation_unref(daemon->shared.generation);
	chains_fini(&daemon->shared.chains);
	return !stuck && spawned;
}

int daemon_run(const struct daemon_opts *opts, bool *ret_stuck)
{
	struct daemon daemon = {
		.conf = opts->conf,
		.conf_path = opts->conf_path,
		.inherited = *opts->inherited,
		.n_workers =
			opts->conf->workers != 0 ? opts->conf->workers : cpus_count("/proc/self"),
		.exit_idle.after_ns = opts->exit_idle_ns,
	};
	int r;

	*opts->inherited = (struct inherited){0};
	log_set_level(opts->conf->log_level);
	/* Before there are threads: the table of fds grows at once. */
	r = daemon_take_budget(&daemon);
	if (r == 0) {
		r = open_log();
	}
	if (r == 0) {
		r = daemon_start(&daemon);
	}
	daemon.conf = conf_unref(daemon.conf);
	if (r == 0) {
		log_settle();
		daemon_log_ready(&daemon);
		notify_ready();
		(void)loop_run(daemon.loop);
	}
	*ret_stuck = !daemon_fini(&daemon);
	if (r == 0) {
		log_event("stopped"); /* behind the closing lines of the workers */
	} else if (opts->conf_path != NULL) {
		log_not_started(opts->conf_path);
	}
	*ret_stuck |= !log_close(LOG_FLUSH_NS);
	return r == 0 ? EXIT_CODE_OK : EXIT_CODE_START;
}
