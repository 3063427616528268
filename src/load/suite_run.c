/* SPDX-License-Identifier: ISC */
/*
 * Sequentially, a row is run when the one before it has ended. In parallel, each proxy has a
 * thread, which runs its rows one after another, because they share the address of its server; and
 * the caller's thread reports the rows in sequence.
 *
 * A signal is not consumed, so it stays pending. It ends the rows that are running, and later rows
 * do not begin; each of these has a result that says so.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "load/budget.h"
#include "load/result.h"
#include "load/results.h"
#include "load/run.h"
#include "load/suite.h"
#include "load/suite_keys.h"

/* ---- one row ---- */

/** The result of a run. NULL: no memory, or weirload cannot read its own report. */
static struct result *result_of(const struct run *run)
{
	struct results *results = results_new(run);
	struct result *result = NULL;
	char why[RESULT_WHY_MAX];
	int r = results == NULL ? -ENOMEM : result_of_run(results, &result, why);

	if (r < 0) {
		result = NULL;
	}
	if (r < 0 && r != -ENOMEM) {
		(void)fprintf(stderr,
			"weirload: it cannot read its own report: %s; this is a fault of weirload, "
			"please tell its maintainers\n",
			why);
	}
	(void)results_free(results);
	return result;
}

/** Runs a row. If it cannot begin, the result says why. */
static int run_or_refuse(struct run *run, struct options *options)
{
	char why[OPTIONS_WHY_MAX];
	int r = options_resolve(options, why);

	if (r == 0) {
		r = budget_take(options, why);
	}
	if (r == 0) {
		r = run_all(run, options, why);
		if (r < 0) {
			run_fini(run);
		}
	}
	if (r < 0) {
		suite_name_as_keys(why, sizeof(why));
		r = run_none(run, options, why);
	}
	return r;
}

static void run_row(struct suite_row *row, const char *refusal)
{
	struct run run;
	int r = refusal != NULL || run_pending_signal() != 0
			? run_none(&run, &row->options, refusal)
			: run_or_refuse(&run, &row->options);

	if (r == 0) {
		row->result = result_of(&run);
	}
	run_fini(&run);
	if (row->result != NULL) {
		(void)snprintf(row->result->title, sizeof(row->result->title), "%s through %s",
			row->name, row->proxy);
	}
}

/* ---- proxies in parallel ---- */

/** What the threads of all proxies share. */
struct parties {
	struct suite *suite;
	const char *refusal; /**< why nothing can be run; NULL: it can */
	pthread_mutex_t lock;
	pthread_cond_t ended; /**< signalled when a row of any proxy has ended */
	bool *is_over;        /**< for each row */
	size_t n_over;        /**< how many rows are over */
};

/** The rows of one proxy. */
struct party {
	struct parties *all;
	size_t proxy_index;
	pthread_t thread;
	bool is_started;
};

static void *run_party(void *owner)
{
	struct party *party = owner;
	struct parties *all = party->all;
	struct suite *suite = all->suite;

	for (size_t i = 0; i < suite->n_rows; i++) {
		if (suite->rows[i].proxy_index == party->proxy_index) {
			run_row(&suite->rows[i], all->refusal);
			(void)pthread_mutex_lock(&all->lock);
			all->is_over[i] = true;
			all->n_over++;
			(void)pthread_cond_signal(&all->ended);
			(void)pthread_mutex_unlock(&all->lock);
		}
	}
	return NULL;
}

/** The sum over the proxies of the most fds that one of their rows needs. */
static uint64_t count_fds(const struct suite *suite)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < suite->n_proxies; k++) {
		uint64_t most = 0;

		for (size_t i = 0; i < suite->n_rows; i++) {
			if (suite->rows[i].proxy_index == k) {
				most = clock_later(most, budget_fds(&suite->rows[i].options));
			}
		}
		sum += most;
	}
	return sum;
}

/** Shows on a terminal how many rows are over, because rows are reported in sequence; 0 erases
 * that. */
static void show_count(const struct parties *all, size_t n)
{
	if (isatty(STDERR_FILENO) == 1) {
		fprintf(stderr, "\r\033[K");
		if (n > 0) {
			fprintf(stderr, "%zu of %zu runs are over", n, all->suite->n_rows);
		}
		(void)fflush(stderr);
	}
}

static void tell_in_order(struct parties *all, void (*tell)(const struct suite *suite, size_t row))
{
	for (size_t i = 0; i < all->suite->n_rows; i++) {
		(void)pthread_mutex_lock(&all->lock);
		while (!all->is_over[i]) {
			show_count(all, all->n_over);
			(void)pthread_cond_wait(&all->ended, &all->lock);
		}
		(void)pthread_mutex_unlock(&all->lock);
		show_count(all, 0);
		if (tell != NULL) {
			tell(all->suite, i);
		}
	}
}

static int run_parties(struct suite *suite, void (*tell)(const struct suite *suite, size_t row))
{
	struct party *parties = calloc(suite->n_proxies, sizeof(*parties));
	struct parties all = {
		.suite = suite,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER,
		.is_over = calloc(suite->n_rows + 1, sizeof(bool)),
	};
	char why[OPTIONS_WHY_MAX];

	if (parties == NULL || all.is_over == NULL) {
		free(parties);
		free(all.is_over);
		return -ENOMEM;
	}
	if (budget_take_fds(count_fds(suite), why) < 0) {
		all.refusal = why;
	}
	for (size_t k = 0; k < suite->n_proxies; k++) {
		parties[k] = (struct party){.all = &all, .proxy_index = k};
		parties[k].is_started =
			thread_start(&parties[k].thread, run_party, &parties[k]) == 0;
		if (!parties[k].is_started) {
			(void)run_party(&parties[k]); /* without a thread its rows run here first */
		}
	}
	tell_in_order(&all, tell);
	for (size_t k = 0; k < suite->n_proxies; k++) {
		if (parties[k].is_started) {
			(void)pthread_join(parties[k].thread, NULL);
		}
	}
	free(parties);
	free(all.is_over);
	return 0;
}

/* ---- all of it ---- */

int suite_run(struct suite *suite, void (*tell)(const struct suite *suite, size_t row))
{
	int signal_fd = run_open_signals();
	int r = signal_fd < 0 ? signal_fd : 0;

	if (r == 0 && suite->parallel) {
		r = run_parties(suite, tell);
	}
	for (size_t i = 0; i < suite->n_rows && r == 0 && !suite->parallel; i++) {
		run_row(&suite->rows[i], NULL);
		if (tell != NULL) {
			tell(suite, i);
		}
	}
	suite->signal = run_pending_signal();
	if (signal_fd >= 0) {
		close(signal_fd);
	}
	return r;
}
