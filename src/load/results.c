/* SPDX-License-Identifier: ISC */
#include "load/results.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "load/run.h"
#include "load/scenario.h"

/* ---- verdicts ---- */

enum verdict results_verdict(const struct conn *client)
{
	const struct conn *mate = conn_mate(client);
	enum verdict verdict = client->verdict;

	if (client->state == CONN_UNUSED || client->script->is_lasting) {
		return verdict;
	}
	if (mate != NULL) {
		verdict = verdict_worse(verdict, mate->verdict);
	} else if (verdict == VERDICT_NONE && client->end != CONN_END_OURS) {
		/* The server end would be judged, but the proxy closed the client before there was
		 * one. */
		verdict = VERDICT_EARLY;
	}
	return verdict == VERDICT_NONE ? VERDICT_UNFINISHED : verdict;
}

static void count_error(struct results *results, int error)
{
	size_t i = 0;

	while (i < results->n_errors && results->errors[i].error != error) {
		i++;
	}
	if (i == RESULTS_ERRORS_MAX) {
		i--;
		results->errors[i].error = 0;
	} else if (i == results->n_errors) {
		results->errors[i].error = error;
		results->n_errors++;
	}
	results->errors[i].n++;
}

static void count_earliest(struct results *results, const struct conn *conn)
{
	if (conn->verdict == VERDICT_EARLY && !conn->script->is_lasting && conn->late_ns < 0 &&
		(uint64_t)-conn->late_ns / NS_PER_US > results->earliest_us) {
		results->earliest_us = (uint64_t)-conn->late_ns / NS_PER_US;
	}
}

/* ---- times of closes ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t results_percentile(const uint64_t *sorted, uint64_t n, double percent)
{
	uint64_t rank = (uint64_t)((double)n * percent / 100);

	return sorted[rank < n ? rank : n - 1];
}

/** Collects the measured times, sorted, and how far each is from their median. */
static int count_after(struct side_results *side, const struct conn *conns, uint64_t n)
{
	uint64_t median;

	side->after_us = calloc(n + 1, sizeof(*side->after_us));
	if (side->after_us == NULL) {
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < n; i++) {
		if (conns[i].verdict == VERDICT_MEASURED) {
			side->after_us[side->n_after++] = (uint64_t)conns[i].late_ns / NS_PER_US;
		}
	}
	if (side->n_after == 0) {
		return 0;
	}
	qsort(side->after_us, side->n_after, sizeof(*side->after_us), compare);
	median = results_percentile(side->after_us, side->n_after, 50);
	for (uint64_t i = 0; i < side->n_after; i++) {
		if (side->after_us[i] < median) {
			hdr_record(&side->early, median - side->after_us[i]);
		} else {
			hdr_record(&side->late, side->after_us[i] - median);
		}
	}
	return 0;
}

/** Whether an end was closed in another way than expected. */
static bool is_wrong(const struct options *options, const struct conn *conn)
{
	bool is_judged = conn->verdict == VERDICT_EARLY || conn->verdict == VERDICT_ON_TIME ||
			 conn->verdict == VERDICT_LATE || conn->verdict == VERDICT_MEASURED;
	bool is_stalled = options->scenario->bit == SCENARIO_STALL && !conn->script->is_judged;

	if ((!is_judged && !is_stalled) || conn->is_finished) {
		return false;
	}
	return conn->end == CONN_END_ERROR ||
	       (conn->end == CONN_END_FIN && options->by == BY_RST) ||
	       (conn->end == CONN_END_RST && options->by == BY_FIN);
}

/** Drain: counts what became of a live stream. */
static void count_drained(struct results *results, const struct conn *client)
{
	bool is_live = client->script->is_live;

	results->drain.n_live += is_live;
	results->drain.n_finished += is_live && client->is_finished;
	results->drain.n_cut += is_live && client->verdict == VERDICT_EARLY;
}

/* ---- all of it ---- */

static void count_side(
	struct side_results *side, const struct options *options, const struct conn *conn)
{
	if (conn->state == CONN_OVER && conn->opened_ns != 0 && conn->verdict != VERDICT_FAILED) {
		side->n++;
		side->n_ended[conn->end]++;
		side->n_wrong += is_wrong(options, conn);
		side->n_garbled += conn->is_garbled;
		if (conn->verdict == VERDICT_EARLY && !conn->script->is_lasting &&
			conn->late_ns < 0) {
			hdr_record(&side->early, (uint64_t)-conn->late_ns / NS_PER_US);
		}
		if (results_is_timed(conn) &&
			(conn->verdict == VERDICT_ON_TIME || conn->verdict == VERDICT_LATE)) {
			hdr_record(&side->late, (uint64_t)conn->late_ns / NS_PER_US);
		}
	}
}

static void count_client(struct results *results, const struct conn *client)
{
	if (client->state == CONN_UNUSED) {
		results->n_unopened++;
		return;
	}
	results->verdicts[results_verdict(client)]++;
	count_side(&results->sides[SIDE_CLIENT], results->run->options, client);
	count_earliest(results, client);
	results_count_bytes(results, client);
	count_drained(results, client);
	if (client->verdict == VERDICT_FAILED) {
		count_error(results, client->error);
	} else if (client->opened_ns != 0) {
		double seconds = (double)(client->opened_ns - results->run->began_ns) / NS_PER_S;

		results->n_opened++;
		results->open_seconds =
			seconds > results->open_seconds ? seconds : results->open_seconds;
	}
}

static void merge_lanes(struct results *results)
{
	const struct run *run = results->run;

	for (uint64_t i = 0; i < run->options->n_threads; i++) {
		const struct lane *lane = &run->lanes[i];

		hdr_merge(&results->connect, &lane->connect);
		hdr_merge(&results->failed, &lane->failed);
		hdr_merge(&results->latency, &lane->latency);
		hdr_merge(&results->delay, &lane->delay);
		results->n_messages_received += lane->n_received;
	}
}

/** With --silent it is not known which server end belongs to which client, but there must be one
 * for each. */
static void count_unserved_silent(struct results *results, uint64_t n_servers)
{
	const struct options *options = results->run->options;
	const uint64_t *n = results->verdicts;
	uint64_t n_judged =
		n[VERDICT_ON_TIME] + n[VERDICT_LATE] + n[VERDICT_NEVER] + n[VERDICT_MEASURED];

	if (options->has_serve && options->silent && n_judged > n_servers) {
		results->n_unserved = n_judged - n_servers;
	}
}

static int count_all(struct results *results)
{
	const struct run *run = results->run;
	const struct options *options = run->options;
	uint64_t n_servers = run_n_servers(run);
	int r = 0;

	for (uint64_t i = 0; i < options->n_connections; i++) {
		count_client(results, &run->clients[i]);
	}
	for (uint64_t i = 0; i < n_servers; i++) {
		count_side(&results->sides[SIDE_SERVER], options, &run->servers[i]);
		count_earliest(results, &run->servers[i]);
	}
	count_unserved_silent(results, n_servers);
	if (options_measures(options)) {
		r = count_after(&results->sides[SIDE_CLIENT], run->clients, options->n_connections);
		if (r == 0) {
			r = count_after(&results->sides[SIDE_SERVER], run->servers, n_servers);
		}
	}
	return r;
}

struct results *results_free(struct results *results)
{
	if (results != NULL) {
		free(results->sides[SIDE_CLIENT].after_us);
		free(results->sides[SIDE_SERVER].after_us);
		free(results);
	}
	return NULL;
}

struct results *results_new(const struct run *run)
{
	struct results *results = calloc(1, sizeof(*results));

	if (results == NULL) {
		return NULL;
	}
	results->run = run;
	results->n_busy = options_live(run->options);
	if (count_all(results) < 0) {
		return results_free(results);
	}
	merge_lanes(results);
	results_count_closes(results);
	if (results->n_opened > 0 && run->memory_peak > run->memory_before) {
		results->memory_bytes = (run->memory_peak - run->memory_before) / results->n_opened;
	}
	results_check(results);
	return results;
}
