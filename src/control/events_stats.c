/* SPDX-License-Identifier: ISC */
/*
 * The stats for all followers: written once a second, in slices.
 *
 *	head ──▶ listeners, one after the other ──▶ servers ──▶ done()
 *
 * Listeners and servers are those of the config in force at the beginning.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buckets.h"
#include "base/clock.h"
#include "base/slice.h"
#include "conf/conf.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/events.h"
#include "control/members.h"
#include "crew/crew.h"
#include "crew/numbers.h"
#include "log/log.h"
#include "upstream/group.h"
#include "upstream/set.h"

struct events_stats {
	struct control *control;
	void (*done)(struct control *control, char *text);
	struct task task;
	FILE *out;
	char *text;
	size_t n;
	const struct conf *conf; /* a reference */
	size_t listener;         /* index of the next one */
	uint64_t up;             /* bytes of the listeners until now */
	uint64_t down;
	struct members members;
	uint64_t delay_ns; /* of the loop */
	bool is_begun;
	bool is_short; /* memory was short, so something is missing */
	bool in_servers;
	bool is_first; /* of the current list */
};

/** Writes a text as a JSON string, with its quotes. */
static void put_text(struct events_stats *stats, const char *text)
{
	json_t *json = control_text(text);
	char *quoted = json_dumps(json, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	stats->is_short = control_was_short() || stats->is_short;
	(void)fputs(quoted == NULL ? "null" : quoted, stats->out);
	free(quoted);
	json_decref(json);
}

static void put_ended(FILE *out, const struct control_status *status)
{
	const char *comma = "";

	(void)fputs(",\"ended\":{", out);
	for (size_t i = 0; i < status->n_ended; i++) {
		if (status->ended[i].n > 0) {
			(void)fprintf(out, "%s\"%s\":%" PRIu64, comma, status->ended[i].word,
				status->ended[i].n);
			comma = ",";
		}
	}
	(void)fputs("}", out);
}

/** For each kind of timer that has expired, writes how many times its lateness was in each bucket.
 * The last bucket has no bound. */
static void put_lateness(FILE *out, const struct crew *crew)
{
	struct buckets_read late;
	const char *comma = "";
	const char *name;

	(void)fputs(",\"late_bounds_us\":[", out);
	for (unsigned i = 0; i < BUCKETS - 1; i++) {
		(void)fprintf(
			out, "%s%" PRIu64, i == 0 ? "" : ",", buckets_bound_ns(i) / NS_PER_US);
	}
	(void)fputs("],\"late\":{", out);
	for (size_t at = 0; (name = crew_timer_lateness(crew, at, &late)) != NULL; at++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < BUCKETS; i++) {
			n += late.counts[i];
		}
		if (n == 0) {
			continue;
		}
		(void)fprintf(out, "%s\"%s\":[", comma, name);
		for (unsigned i = 0; i < BUCKETS; i++) {
			(void)fprintf(out, "%s%" PRIu64, i == 0 ? "" : ",", late.counts[i]);
		}
		(void)fputs("]", out);
		comma = ",";
	}
	(void)fputs("}", out);
}

static void put_node(struct events_stats *stats)
{
	char host[HOST_NAME_MAX + 1];
	const char *node = control_node(stats->conf, host);

	(void)fputs(",\"node\":", stats->out);
	if (node == NULL) {
		(void)fputs("null", stats->out);
	} else {
		put_text(stats, node);
	}
}

static void put_head(struct events_stats *stats)
{
	const struct control_opts *opts = &stats->control->opts;
	struct control_status status = {0};
	char time[EVENTS_TIME_MAX];
	FILE *out = stats->out;

	opts->calls.status(opts->owner, &status);
	(void)fprintf(out, "event: stats\ndata: {\"time\":\"%s\",\"event\":\"stats\"",
		events_time(events_now_ns(), time));
	put_node(stats);
	(void)fprintf(out,
		",\"version\":\"%s\",\"started\":%jd,\"state\":\"%s\",\"ready\":%s,"
		"\"generation\":%" PRIu64 ",\"uptime_ms\":%" PRIu64 ",\"left_ms\":",
		WEIR_VERSION, (intmax_t)stats->control->opened_at, status.state,
		status.is_ready ? "true" : "false", status.generation,
		status.uptime_ns / NS_PER_MS);
	if (status.left_ns == NS_NEVER) {
		(void)fputs("null", out);
	} else {
		(void)fprintf(out, "%" PRIu64, status.left_ns / NS_PER_MS);
	}
	(void)fprintf(out,
		",\"pairs\":{\"open\":%" PRIu32 ",\"max\":%" PRIu32 ",\"half_closed\":%" PRIu64
		",\"accepted\":%" PRIu64 "}",
		status.n_pairs, status.max_pairs, status.n_half_closed, status.n_accepted);
	put_ended(out, &status);
	put_lateness(out, opts->crew);
	(void)fprintf(out,
		",\"loop_delay_us\":%" PRIu64 ",\"log_dropped\":%" PRIu64 ",\"listeners\":[",
		stats->delay_ns / NS_PER_US, log_dropped());
}

static uint64_t sum(const uint64_t bytes[NUMBERS_PATHS])
{
	return bytes[NUMBERS_COPIED] + bytes[NUMBERS_SPLICED];
}

static void put_listener(struct events_stats *stats, const char *name)
{
	struct listener_numbers numbers;
	FILE *out = stats->out;

	crew_listener_numbers(
		stats->control->opts.crew, name, NUMBERS_OF_PAIRS | NUMBERS_OF_BYTES, &numbers);
	(void)fputs(stats->listener == 1 ? "{\"name\":" : ",{\"name\":", out);
	put_text(stats, name);
	(void)fprintf(out,
		",\"open\":%" PRIu32 ",\"accepted\":%" PRIu64 ",\"up\":%" PRIu64
		",\"down\":%" PRIu64 "}",
		numbers.n_open, numbers.n_accepted, sum(numbers.up), sum(numbers.down));
	stats->up += sum(numbers.up);
	stats->down += sum(numbers.down);
}

static void put_server(struct events_stats *stats, const struct member *member)
{
	FILE *out = stats->out;

	(void)fputs(stats->is_first ? "{\"upstream\":" : ",{\"upstream\":", out);
	stats->is_first = false;
	put_text(stats, stats->members.group->name);
	(void)fputs(",\"name\":", out);
	put_text(stats, member->name);
	(void)fprintf(out, ",\"usable\":%s,\"pairs\":%" PRIu32 "}",
		member_is_usable(member) ? "true" : "false", server_n_open(member->server));
}

/** Writes the head, or the next listener or server; false: there are no more. */
static bool put_next(struct events_stats *stats)
{
	const struct conf *conf = stats->conf;
	const struct member *member;

	if (!stats->is_begun) {
		stats->is_begun = true;
		put_head(stats);
		return true;
	}
	if (stats->listener < conf->n_listeners) {
		const char *name = conf->listeners[stats->listener++].name;

		put_listener(stats, name);
		return true;
	}
	if (!stats->in_servers) {
		(void)fputs("],\"servers\":[", stats->out);
		stats->in_servers = true;
	}
	member = members_next_of_all(&stats->members);
	if (member != NULL) {
		put_server(stats, member);
	}
	return member != NULL;
}

static void put_end(struct events_stats *stats)
{
	(void)fprintf(stats->out, "],\"bytes\":{\"up\":%" PRIu64 ",\"down\":%" PRIu64 "}}\n\n",
		stats->up, stats->down);
}

static void on_slice(struct task *task)
{
	struct events_stats *stats = container_of(task, struct events_stats, task);
	struct control *control = stats->control;
	void (*done)(struct control * control, char *text) = stats->done;
	char *text = NULL;

	struct slice slice;
	bool more;

	slice_begin(&slice);
	do {
		more = put_next(stats);
	} while (more && !slice_is_over(&slice));
	slice_end(&slice, &control->slices);
	if (more) {
		loop_next(control->opts.loop, &stats->task);
		return;
	}
	put_end(stats);
	if (fclose(stats->out) == 0 && !stats->is_short) {
		text = stats->text;
		stats->text = NULL;
	}
	stats->out = NULL;
	events_stats_free(stats);
	done(control, text);
}

struct events_stats *events_stats_new(struct control *control, uint64_t delay_ns,
	void (*done)(struct control *control, char *text))
{
	struct events_stats *stats = calloc(1, sizeof(*stats));

	if (stats == NULL) {
		return NULL;
	}
	stats->out = open_memstream(&stats->text, &stats->n);
	if (stats->out == NULL) {
		free(stats);
		return NULL;
	}
	stats->control = control;
	stats->done = done;
	stats->delay_ns = delay_ns;
	stats->conf = conf_ref(control->opts.calls.conf(control->opts.owner));
	stats->members = (struct members){.groups = control->opts.groups, .conf = stats->conf};
	stats->is_first = true;
	task_init(&stats->task, on_slice);
	loop_next(control->opts.loop, &stats->task);
	return stats;
}

struct events_stats *events_stats_free(struct events_stats *stats)
{
	if (stats == NULL) {
		return NULL;
	}
	loop_cancel(stats->control->opts.loop, &stats->task);
	if (stats->out != NULL) {
		(void)fclose(stats->out); /* it was given up */
	}
	free(stats->text);
	members_rewind(&stats->members);
	conf_unref(stats->conf);
	free(stats);
	return NULL;
}
