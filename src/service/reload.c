/* SPDX-License-Identifier: ISC */
/*
 * What may fail: the config is wrong, or needs a restart; a new address cannot be bound; a worker
 * has no memory for a new listener. Then the new sockets are closed, or drained if a worker accepts
 * from them already. Open pairs are not affected.
 *
 * After the order to switch nothing can fail.
 */
#include "service/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "control/control.h"
#include "control/request.h"
#include "crew/crew.h"
#include "crew/own_sockets.h"
#include "log/failure.h"
#include "log/log.h"
#include "proxy/generation.h"
#include "proxy/proxy.h"
#include "service/conf_warnings.h"
#include "service/memory.h"
#include "service/notify.h"
#include "upstream/checks.h"
#include "upstream/eject.h"

enum {
	SETTLE_LOOK_MS = 20,
	SETTLE_MAX_S = 2, /**< longer than settling takes */
};

static const struct conf *conf_in_force(const struct reload *reload)
{
	return reload->opts.shared->generation->conf;
}

/* ---- the end ---- */

static void log_reloaded(struct reload *reload)
{
	const struct conf *conf = conf_in_force(reload);
	struct log_line line;

	conf_warnings_log(reload->warnings);
	if (log_begin(&line, LOG_LEVEL_INFO, "reloaded")) {
		log_str(&line, "conf", reload->opts.path);
		log_u64(&line, "listeners", conf->n_listeners);
		log_u64(&line, "max_pairs", limit_max(&reload->opts.shared->places.pairs));
		log_end(&line);
	}
}

/** Logs why the reload has failed, and answers all requests with it. */
static void reload_tell_failure(struct reload *reload)
{
	bool is_stopping = reload->opts.stop->phase != STOP_RUNNING;
	bool has_text = reload->text != NULL && *reload->text != '\0';
	const char *text = has_text ? reload->text : "out of memory\n";

	/* While weir is stopping there is nothing to mend, so this is only a warning. */
	failure_log_lines(is_stopping ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "reload_failed", text);
	control_request_answer_all(&reload->asking, false, text);
}

static void reload_go_on(struct reload *reload)
{
	if (reload->again) {
		loop_defer(reload->opts.loop, &reload->begin);
	}
}

/** Ends the reload. `announced`: RELOADING=1 was sent. */
static void reload_end(struct reload *reload, bool announced)
{
	bool ok;

	trial_close(&reload->trial);
	reload->conf = conf_unref(reload->conf);
	reload->before = generation_unref(reload->before);
	memory_config_went(reload->opts.memory);
	if (fclose(reload->report) != 0 || reload->text == NULL) {
		reload->n_text = 1; /* no memory for the report */
	}
	reload->report = NULL;
	ok = reload->n_text == 0;
	reload->last = (struct status_reload){.at = time(NULL), .failed = !ok};
	*(ok ? &reload->n_ok : &reload->n_failed) += 1;
	reload->phase = RELOAD_IDLE;
	if (announced && reload->opts.stop->phase == STOP_RUNNING) {
		notify_ready();
	}
	/* Logged before the answers are sent: a caller that has its answer finds these lines in the
	 * log. */
	if (ok) {
		log_reloaded(reload);
		control_request_answer_all(&reload->asking, true, "");
	} else {
		reload_tell_failure(reload);
	}
	free(reload->warnings);
	reload->warnings = NULL;
	free(reload->text);
	reload->text = NULL;
	reload->n_text = 0;
	reload_go_on(reload);
}

__attribute__((format(printf, 2, 3))) static void reload_refuse(
	struct reload *reload, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(reload->report, "%s: ", reload->opts.path);
	vfprintf(reload->report, format, args);
	fputc('\n', reload->report);
	va_end(args);
}

/* ---- the workers ---- */

/** Orders the workers to switch to the generation in force. */
static void reload_switch(struct reload *reload)
{
	reload->phase = RELOAD_SWITCH;
	reload->switch_to.generation = reload->opts.shared->generation;
	reload->switch_to.n_pipes = reload->opts.budget->n_pipes;
	crew_ask_all(&reload->switch_to.order);
}

static void on_switched(struct order *order, int status)
{
	struct reload *reload = container_of(order, struct reload, switch_to.order);

	(void)status; /* it cannot fail */
	reload->opts.sockets->is_busy = false;
	reload_end(reload, true);
}

/** Call it when all workers accept from the new sockets: puts the config in force. It cannot be
 * undone. */
static void reload_commit(struct reload *reload)
{
	struct reload_opts *opts = &reload->opts;
	struct generation *before = opts->shared->generation;
	const struct conf *conf = reload->next->conf;

	sockets_commit(opts->sockets, before->conf, conf);
	control_commit(opts->control);
	(void)atomic_fetch_add(&opts->shared->spare_fds,
		(int)reload->budget.n_spares - (int)opts->budget->n_spares);
	(void)atomic_fetch_add(
		&opts->checks->fds, (int)reload->budget.n_checks - (int)opts->budget->n_checks);
	*opts->budget = reload->budget;
	opts->shared->n_pipes = reload->budget.n_pipes;
	generation_enforce(
		reload->next, &opts->shared->places, budget_max_pairs(&reload->budget, conf));
	opts->shared->generation = reload->next;
	reload->next = NULL;
	generation_keep_numbers(opts->shared->generation, &opts->shared->limits);
	generation_discover(opts->shared->generation, opts->finders);
	ejections_settle(opts->ejections);
	generation_check_servers(opts->shared->generation, opts->checks);
	if (!reload->level_told) {
		log_set_level(conf->log_level);
	}
	log_set_node(conf->node);
	reload->generation++;
	/* Names only cause warnings, as at the start. Lookups of the previous config are given
	 * up. */
	names_close(opts->names);
	(void)names_open(opts->names, opts->loop, opts->shared->resolver, conf);
	reload->before = before;
	reload_switch(reload);
}

static void on_accepting(struct order *order, int status)
{
	struct reload *reload = container_of(order, struct reload, accept.order);

	if (status == 0) {
		reload_commit(reload);
	} else {
		reload_refuse(reload, "a worker cannot accept from a new listener: %s",
			strerrordesc_np(-status));
		sockets_cancel(reload->opts.sockets);
		control_cancel(reload->opts.control);
		reload->next = generation_unref(reload->next);
		reload_switch(reload);
	}
}

/* ---- load, compare, bind ---- */

/** Reports settings that cannot be changed while weir runs. */
static void reload_compare(struct reload *reload, const struct conf *conf)
{
	const struct conf *before = conf_in_force(reload);
	size_t n_workers = reload->opts.crew->opts.n_workers;
	size_t n_sockets =
		sockets_count(conf, n_workers, reload->opts.inherited) + control_fds(conf);
	char why[BUDGET_REMEDY_MAX];
	int r;

	if (conf->workers != before->workers && conf->workers != n_workers) {
		if (conf->workers != 0) {
			reload_refuse(reload,
				"workers: %" PRIu32 " instead of the %zu that run needs a restart; "
				"write workers = %zu, or run systemctl restart weir",
				conf->workers, n_workers, n_workers);
		} else {
			reload_refuse(reload,
				"workers: as many as there are CPUs instead of the %zu that run "
				"needs a restart; write workers = %zu, or run systemctl restart "
				"weir",
				n_workers, n_workers);
		}
	}
	r = budget_plan(conf, n_workers, n_sockets, &reload->budget, why);
	if (r < 0 && *why == '\0') {
		reload_refuse(reload, "RLIMIT_NOFILE: %s", strerrordesc_np(-r));
	} else if (r < 0) {
		reload_refuse(reload, "max_pairs: needs a restart: %s", why);
	}
}

/** Prepares the doors of the next config. 0, or a negative errno, already reported. */
static int reload_open_doors(struct reload *reload)
{
	struct control_failure failure;
	int r = control_prepare(reload->opts.control, reload->conf, &failure);

	if (r < 0) {
		reload_refuse(reload, "%s: \"%s\": %s; %s", failure.key, failure.address,
			strerrordesc_np(-r), failure.remedy);
		sockets_cancel(reload->opts.sockets);
	}
	return r;
}

static void reload_bind(struct reload *reload, struct conf_errors *errors)
{
	struct reload_opts *opts = &reload->opts;
	struct sockets_opts sockets_opts = {
		.conf = reload->conf,
		.n_workers = opts->crew->opts.n_workers,
		.inherited = opts->inherited,
		.errors = errors,
		.path = opts->path,
	};
	int r;

	reload->next = generation_new(reload->conf, opts->shared);
	if (reload->next == NULL) {
		reload_refuse(reload, "out of memory; free some and try again");
		return;
	}
	r = sockets_prepare(opts->sockets, &sockets_opts); /* which reports what it cannot open */
	if (r == 0) {
		reload->next->own = own_sockets(reload->conf, opts->inherited);
		if (reload->next->own == NULL) {
			reload_refuse(reload, "out of memory; free some and try again");
			sockets_cancel(opts->sockets);
			r = -ENOMEM;
		}
	}
	if (r == 0) {
		r = reload_open_doors(reload);
	}
	if (r < 0) {
		reload->next = generation_unref(reload->next);
	}
}

/** Applies a config in which the child has found no error. */
static void reload_apply(struct reload *reload)
{
	struct reload_opts *opts = &reload->opts;
	struct conf_errors errors;

	conf_errors_init(&errors);
	reload_compare(reload, reload->conf);
	fflush(reload->report);
	if (reload->n_text == 0) {
		reload_bind(reload, &errors);
	}
	conf_errors_print(&errors, "", reload->report);
	conf_errors_fini(&errors);
	if (reload->next == NULL) {
		reload_end(reload, true);
		return;
	}
	reload->phase = RELOAD_ACCEPT;
	opts->sockets->is_busy = true;
	reload->accept.sockets = opts->sockets;
	reload->accept.generation = reload->next;
	crew_ask_all(&reload->accept.order);
}

/** Whether the sockets may be changed now, and their addresses are free. */
static bool is_settled(const struct reload *reload, uint64_t now_ns)
{
	struct sockets *sockets = reload->opts.sockets;

	if (sockets->is_busy) {
		return false; /* busy with a drain by hand, which ends soon */
	}
	(void)sockets_sweep(sockets);
	return sockets_are_settled(sockets) || now_ns >= reload->settle_end_ns;
}

/** Waits until the addresses of sockets that are being drained are free, because the config may
 * need them again. */
static void reload_settle(struct reload *reload)
{
	uint64_t now_ns = clock_ns();

	if (reload->opts.stop->phase != STOP_RUNNING) {
		reload_refuse(reload, "weir is stopping; nothing is reloaded any more");
		reload_end(reload, true);
		return;
	}
	reload->phase = RELOAD_SETTLE;
	if (is_settled(reload, now_ns)) {
		reload_apply(reload);
	} else {
		timer_arm(
			&reload->settle, clock_after(now_ns, (uint64_t)SETTLE_LOOK_MS * NS_PER_MS));
	}
}

static void on_settle(struct timer *timer)
{
	reload_settle(container_of(timer, struct reload, settle));
}

/** Makes the model from the tape of the child, which has found no error. */
static void reload_take(struct reload *reload)
{
	const struct conf_tape tape = {
		.bytes = reload->trial.tape.bytes, .len = reload->trial.tape.len};
	struct conf_errors errors;
	int r;

	conf_errors_init(&errors);
	r = conf_take(reload->opts.path, &tape, &errors, &reload->conf);
	if (r < 0) {
		conf_errors_print(&errors, "", reload->report);
	}
	conf_errors_fini(&errors);
	if (r < 0) {
		reload_end(reload, true);
		return;
	}
	/* The warnings are the child's, because it knows the lines. Without memory they are
	 * dropped. */
	if (reload->trial.words.len > 0) {
		reload->warnings = strndup(reload->trial.words.bytes, reload->trial.words.len);
	}
	trial_close(&reload->trial);
	reload->settle_end_ns = clock_after(clock_ns(), (uint64_t)SETTLE_MAX_S * NS_PER_S);
	reload_settle(reload);
}

static void on_trial(struct trial *trial, const char *problem)
{
	struct reload *reload = container_of(trial, struct reload, trial);

	if (problem == NULL) {
		reload_take(reload);
		return;
	}
	/* The text is from our own program; all the same its control characters are replaced. */
	for (size_t i = 0; i < trial->words.len; i++) {
		char c = trial->words.bytes[i];

		fputc(c == '\n' || (c >= ' ' && c <= '~') || (c & 0x80) != 0 ? c : '?',
			reload->report);
	}
	if (*problem != '\0') {
		reload_refuse(reload, "%s", problem);
	}
	reload_end(reload, true);
}

/* ---- the beginning ---- */

static void reload_begin(struct reload *reload)
{
	struct reload_opts *opts = &reload->opts;
	struct trial_opts trial = {
		.loop = opts->loop,
		.spawner = opts->spawner,
		.path = opts->path,
		.done = on_trial,
	};
	int r;

	reload->again = false;
	list_move_all(&reload->asking, &reload->waiting);
	reload->report = open_memstream(&reload->text, &reload->n_text);
	if (reload->report == NULL) {
		control_request_answer_all(&reload->asking, false, "out of memory\n");
		return;
	}
	if (opts->path == NULL) {
		fputs("there is no config file to reload: weir was started with --socket-proxy\n",
			reload->report);
		reload_end(reload, false);
		return;
	}
	if (opts->stop->phase != STOP_RUNNING) {
		reload_refuse(reload, "weir is stopping; nothing is reloaded any more");
		reload_end(reload, false);
		return;
	}
	notify_reloading();
	reload->phase = RELOAD_TRIAL;
	r = trial_open(&reload->trial, &trial);
	if (r < 0) {
		reload_refuse(reload, "the config cannot be checked: %s; %s", strerrordesc_np(-r),
			failure_remedy(r));
		reload_end(reload, true);
	}
}

static void on_begin(struct task *task)
{
	struct reload *reload = container_of(task, struct reload, begin);

	if (reload->phase == RELOAD_IDLE) {
		reload_begin(reload);
	}
}

void reload_tick(struct reload *reload)
{
	/* The sockets must not change while the workers read them. */
	if (!reload->opts.sockets->is_busy) {
		(void)sockets_sweep(reload->opts.sockets);
	}
}

void reload_ask(struct reload *reload, struct control_request *request)
{
	if (request != NULL) {
		list_append(&reload->waiting, &request->link);
	}
	reload->again = true;
	if (reload->phase == RELOAD_IDLE) {
		loop_defer(reload->opts.loop, &reload->begin);
	}
}

/* ---- life ---- */

int reload_open(struct reload *reload, const struct reload_opts *opts)
{
	int r;

	*reload = (struct reload){.opts = *opts, .generation = 1};
	list_init(&reload->asking);
	list_init(&reload->waiting);
	task_init(&reload->begin, on_begin);
	r = crew_open_order(opts->crew, &reload->accept.order, accept_order_run, on_accepting);
	if (r == 0) {
		r = crew_open_order(
			opts->crew, &reload->switch_to.order, switch_order_run, on_switched);
	}
	return r < 0 ? r : timer_open(&reload->settle, opts->loop, on_settle);
}

void reload_close(struct reload *reload)
{
	if (reload->opts.loop == NULL) {
		return;
	}
	trial_close(&reload->trial);
	timer_close(&reload->settle);
	order_close(&reload->accept.order);
	order_close(&reload->switch_to.order);
	loop_cancel(reload->opts.loop, &reload->begin);
	conf_unref(reload->conf);
	generation_unref(reload->next);
	generation_unref(reload->before);
	free(reload->warnings);
	if (reload->report != NULL) {
		fclose(reload->report);
		free(reload->text);
	}
	*reload = (struct reload){0};
}
