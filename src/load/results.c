/* SPDX-License-Identifier: ISC */
#include "load/results.h"

#include <stdlib.h>

#include "load/run.h"
#include "load/scenario.h"

enum { VOID_MAX_PERCENT = 1 };

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

/* ---- bytes ---- */

static void count_bytes(struct results *results, const struct conn *client)
{
	const struct conn *server = conn_mate(client);

	if (server == NULL) {
		return;
	}
	results->n_matched++;
	results->up.n_sent += client->n_sent;
	results->up.n_received += server->n_read;
	results->down.n_sent += server->n_sent;
	results->down.n_received += client->n_read;
}

/** halfclose: `other` sends after the FIN of `finisher`. */
static void count_after_fin(struct results *results, const struct conn *client)
{
	const struct conn *server = conn_mate(client);
	bool by_server = results->run->options->side == SIDE_SERVER;
	const struct conn *finisher = by_server ? server : client;
	const struct conn *other = by_server ? client : server;

	if (server != NULL && other->n_sent > other->n_before) {
		results->after_fin.n_sent += other->n_sent - other->n_before;
		results->after_fin.n_received +=
			finisher->n_read > (by_server ? other->n_before : 0)
				? finisher->n_read - (by_server ? other->n_before : 0)
				: 0;
	}
}

/** stall: where the bytes are that the sender's kernel took. */
static void count_stall(struct results *results, const struct conn *client)
{
	const struct conn *server = conn_mate(client);
	bool by_server = results->run->options->side == SIDE_SERVER;
	const struct conn *sender = by_server ? client : server;
	const struct conn *stalled = by_server ? server : client;
	uint64_t own;

	if (sender == NULL || sender->begin_ns == 0) {
		return;
	}
	own = sender->n_queued;
	if (stalled != NULL) {
		own += stalled->n_before + stalled->n_queued;
	}
	hdr_record(&results->accepted, sender->n_sent);
	hdr_record(&results->own, own);
	hdr_record(&results->held, sender->n_sent > own ? sender->n_sent - own : 0);
}

static void count_messages(struct results *results, const struct conn *client)
{
	if (client->state != CONN_UNUSED && client->script->is_lasting) {
		uint64_t token = results->run->options->has_serve ? 8 : 0;
		uint64_t sent = client->n_sent > token ? client->n_sent - token : 0;

		results->n_messages_sent += sent / results->run->options->message_bytes;
	}
}

/* ---- all of it ---- */

static void count_side(struct side_results *side, const struct conn *conn)
{
	if (conn->state == CONN_OVER && conn->opened_ns != 0 && conn->verdict != VERDICT_FAILED) {
		side->n++;
		side->n_ended[conn->end]++;
	}
}

static void count_client(struct results *results, const struct conn *client)
{
	if (client->state == CONN_UNUSED) {
		return;
	}
	results->verdicts[results_verdict(client)]++;
	count_side(&results->sides[SIDE_CLIENT], client);
	count_earliest(results, client);
	count_bytes(results, client);
	if (client->verdict == VERDICT_FAILED) {
		count_error(results, client->error);
	} else if (client->opened_ns != 0) {
		double seconds = (double)(client->opened_ns - results->run->began_ns) / NS_PER_S;

		results->n_opened++;
		results->open_seconds =
			seconds > results->open_seconds ? seconds : results->open_seconds;
	}
	switch (results->run->options->scenario->bit) {
	case SCENARIO_HALFCLOSE:
		count_after_fin(results, client);
		break;
	case SCENARIO_STALL:
		count_stall(results, client);
		break;
	case SCENARIO_MIXED:
		count_messages(results, client);
		break;
	default:
		break;
	}
}

static void merge_lanes(struct results *results)
{
	const struct run *run = results->run;

	for (uint64_t i = 0; i < run->options->n_threads; i++) {
		const struct lane *lane = &run->lanes[i];

		hdr_merge(&results->sides[SIDE_CLIENT].late, &lane->late);
		hdr_merge(&results->sides[SIDE_SERVER].late, &lane->late_server);
		hdr_merge(&results->connect, &lane->connect);
		hdr_merge(&results->failed, &lane->failed);
		hdr_merge(&results->latency, &lane->latency);
		hdr_merge(&results->delay, &lane->delay);
		results->n_messages_received += lane->n_received;
	}
}

static void add_limit(
	struct results *results, const char *name, uint64_t limit, uint64_t value, bool holds)
{
	results->limits[results->n_limits++] = (struct limit_result){name, limit, value, holds};
	results->holds = results->holds && holds;
}

static void check_limits(struct results *results)
{
	const struct options *options = results->run->options;
	const uint64_t *n = results->verdicts;
	uint64_t voids_max = results->n_opened * VOID_MAX_PERCENT / 100;
	uint64_t latest_us = hdr_max(&results->sides[SIDE_CLIENT].late);

	if (hdr_max(&results->sides[SIDE_SERVER].late) > latest_us) {
		latest_us = hdr_max(&results->sides[SIDE_SERVER].late);
	}
	results->holds = true;
	add_limit(results, "max_early", options->max_early, n[VERDICT_EARLY],
		n[VERDICT_EARLY] <= options->max_early);
	add_limit(results, "max_failed", options->max_failed, n[VERDICT_FAILED],
		n[VERDICT_FAILED] <= options->max_failed);
	add_limit(results, "max_never", options->max_never, n[VERDICT_NEVER],
		n[VERDICT_NEVER] <= options->max_never);
	add_limit(results, "max_void", voids_max, n[VERDICT_VOID], n[VERDICT_VOID] <= voids_max);
	if (options->max_late_ns != NS_NEVER) {
		add_limit(results, "max_late", options->max_late_ns / NS_PER_US, latest_us,
			n[VERDICT_LATE] == 0);
	}
}

struct results *results_new(const struct run *run)
{
	struct results *results = calloc(1, sizeof(*results));
	uint64_t n_servers;

	if (results == NULL) {
		return NULL;
	}
	results->run = run;
	results->n_busy = options_busy(run->options);
	for (uint64_t i = 0; i < run->options->n_connections; i++) {
		count_client(results, &run->clients[i]);
	}
	n_servers = run->n_servers < run->n_servers_max ? run->n_servers : run->n_servers_max;
	for (uint64_t i = 0; i < n_servers; i++) {
		count_side(&results->sides[SIDE_SERVER], &run->servers[i]);
		count_earliest(results, &run->servers[i]);
	}
	merge_lanes(results);
	if (results->n_opened > 0 && run->memory_peak > run->memory_before) {
		results->memory_bytes = (run->memory_peak - run->memory_before) / results->n_opened;
	}
	check_limits(results);
	return results;
}
