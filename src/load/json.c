/* SPDX-License-Identifier: ISC */
/*
 * The report in JSON. The schema is documented in weirload(1). Its number changes when a field is
 * removed or changes its meaning, but not when a field is added.
 *
 * If jansson cannot make a value, for lack of memory or because a text is not UTF-8, it returns
 * NULL, which its other functions accept. Then the report lacks that field, or there is no report.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "load/alone.h"
#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"

enum { OPTION_NAME_MAX = 32, REAL_DIGITS = 15 };

static void set(json_t *object, const char *name, json_t *value)
{
	(void)json_object_set_new(object, name, value);
}

static void number(json_t *object, const char *name, uint64_t value)
{
	set(object, name, json_integer((json_int_t)value));
}

json_t *report_json_text(const char *value)
{
	json_t *string = json_string(value);
	char *utf8;

	if (string == NULL) {
		utf8 = text_copy_latin1(value);
		string = json_string(utf8); /* NULL if `utf8` is NULL */
		free(utf8);
	}
	return string;
}

static void string(json_t *object, const char *name, const char *value)
{
	set(object, name, report_json_text(value));
}

static json_t *duration(uint64_t ns)
{
	return ns == NS_NEVER ? json_null() : json_integer((json_int_t)(ns / NS_PER_US));
}

static json_t *histogram(const struct hdr *hdr)
{
	json_t *object;

	if (hdr_count(hdr) == 0) {
		return json_null();
	}
	object = json_object();
	number(object, "count", hdr_count(hdr));
	number(object, "min", hdr_min(hdr));
	number(object, "p50", hdr_percentile(hdr, 50));
	number(object, "p90", hdr_percentile(hdr, 90));
	number(object, "p99", hdr_percentile(hdr, 99));
	number(object, "p999", hdr_percentile(hdr, 99.9));
	number(object, "max", hdr_max(hdr));
	return object;
}

/** The JSON of times measured without --expect; their percentiles are exact. */
static json_t *measured(const struct side_results *side)
{
	const uint64_t *us = side->after_us;
	uint64_t n = side->n_after;
	json_t *object;

	if (n == 0) {
		return json_null();
	}
	object = json_object();
	number(object, "count", n);
	number(object, "min", us[0]);
	number(object, "p50", results_percentile(us, n, 50));
	number(object, "p90", results_percentile(us, n, 90));
	number(object, "p99", results_percentile(us, n, 99));
	number(object, "p999", results_percentile(us, n, 99.9));
	number(object, "max", us[n - 1]);
	return object;
}

static json_t *way(const struct way_results *way_results)
{
	json_t *object = json_object();

	number(object, "sent", way_results->n_sent);
	number(object, "received", way_results->n_received);
	number(object, "lost", way_results->n_lost);
	number(object, "in_flight", way_results->n_in_flight);
	number(object, "added", way_results->n_added);
	return object;
}

static void add_about(json_t *report, const struct options *options, const struct about *about)
{
	json_t *command = json_array();

	string(report, "began", about->date);
	string(report, "host", about->system.nodename);
	set(report, "kernel", json_sprintf("%s %s", about->system.sysname, about->system.release));
	string(report, "machine", about->system.machine);
	number(report, "processors", about->n_processors);
	string(report, "libuv", about->library);
	for (int i = 0; i < options->argc; i++) {
		(void)json_array_append_new(command, report_json_text(options->argv[i]));
	}
	set(report, "command", command);
}

/** The name of an option in JSON: "max-late" becomes "max_late_us". */
static const char *option_name(const struct option_value *value, char name[OPTION_NAME_MAX])
{
	(void)snprintf(name, OPTION_NAME_MAX, "%s%s", value->name,
		value->type == OPTION_DURATION ? "_us" : "");
	for (char *c = strchr(name, '-'); c != NULL; c = strchr(c, '-')) {
		*c = '_';
	}
	return name;
}

static json_t *option(const struct option_value *value)
{
	if (value->type == OPTION_FLAG) {
		return json_boolean(value->number != 0);
	}
	if (value->word[0] == '\0') {
		return json_null();
	}
	switch (value->type) {
	case OPTION_NUMBER:
		return json_integer((json_int_t)value->number);
	case OPTION_DURATION:
		return duration(value->number);
	case OPTION_REAL:
		return json_real(value->real);
	default:
		return report_json_text(value->word);
	}
}

static json_t *options_object(const struct options *options)
{
	json_t *object = json_object();
	char name[OPTION_NAME_MAX];
	struct option_value value;
	size_t index = 0;

	while (options_value(options, &index, &value)) {
		set(object, option_name(&value, name), option(&value));
	}
	return object;
}

static json_t *connections(const struct results *results)
{
	json_t *object = json_object();
	json_t *failed_by = json_object();
	double rate =
		results->open_seconds > 0 ? (double)results->n_opened / results->open_seconds : 0;

	number(object, "opened", results->n_opened);
	number(object, "matched", results->n_matched);
	number(object, "unserved", results->n_unserved);
	number(object, "unopened", results->n_unopened);
	for (unsigned i = VERDICT_FAILED; i < VERDICTS; i++) {
		number(object, verdict_name(i), results->verdicts[i]);
	}
	for (size_t i = 0; i < results->n_errors; i++) {
		const char *name = strerrorname_np(-results->errors[i].error);

		number(failed_by, name == NULL ? "other" : name, results->errors[i].n);
	}
	set(object, "failed_by", failed_by);
	number(object, "earliest_us", results->earliest_us);
	/* One decimal is enough. */
	set(object, "opened_per_second", json_real((double)(uint64_t)(rate * 10 + 0.5) / 10));
	return object;
}

static json_t *side_object(const struct side_results *side)
{
	json_t *object = json_object();

	number(object, "count", side->n);
	for (unsigned i = CONN_END_FIN; i <= CONN_END_OURS; i++) {
		number(object, conn_end_name(i), side->n_ended[i]);
	}
	set(object, "early_us", histogram(&side->early));
	set(object, "late_us", histogram(&side->late));
	set(object, "after_us", measured(side));
	set(object, "deviations_us", report_json_deviations(&side->early, &side->late));
	return object;
}

static void add_sides(json_t *report, const struct results *results)
{
	json_t *bytes = json_null();
	json_t *server = json_null();

	set(report, "client", side_object(&results->sides[SIDE_CLIENT]));
	if (results->run->options->has_serve) {
		server = side_object(&results->sides[SIDE_SERVER]);
		bytes = json_object();
		set(bytes, "up", way(&results->up));
		set(bytes, "down", way(&results->down));
	}
	set(report, "server", server);
	set(report, "bytes", bytes);
}

static json_t *busy(const struct results *results)
{
	json_t *object = json_object();

	number(object, "connections", results->n_busy);
	number(object, "sent", results->n_messages_sent);
	number(object, "received", results->n_messages_received);
	set(object, "latency_us", histogram(&results->latency));
	set(object, "latencies_us", report_json_deviations(NULL, &results->latency));
	return object;
}

static json_t *drain(const struct results *results)
{
	const struct drain_run *drain = &results->run->drain;
	json_t *object = json_object();

	number(object, "live", results->drain.n_live);
	number(object, "finished", results->drain.n_finished);
	number(object, "cut", results->drain.n_cut);
	number(object, "accepted", drain->n_accepted);
	number(object, "refused", drain->n_refused);
	number(object, "unanswered", drain->n_unanswered);
	set(object, "refused_after_us",
		drain->refused_ns < 0 ? json_null()
				      : json_integer(drain->refused_ns / (int64_t)NS_PER_US));
	return object;
}

static void add_scenario(json_t *report, const struct results *results)
{
	json_t *object = json_object();

	switch (results->run->options->scenario->bit) {
	case SCENARIO_HALFCLOSE:
		set(report, "after_fin", way(&results->after_fin));
		break;
	case SCENARIO_STALL:
		set(object, "accepted_bytes", histogram(&results->accepted));
		set(object, "weirload_bytes", histogram(&results->own));
		set(object, "proxy_bytes", histogram(&results->held));
		set(report, "stall", json_incref(object));
		break;
	case SCENARIO_MIXED:
		set(report, "busy", busy(results));
		break;
	case SCENARIO_DRAIN:
		set(report, "busy", busy(results));
		set(report, "drain", drain(results));
		break;
	default:
		break;
	}
	json_decref(object);
}

static json_t *tool(const struct results *results)
{
	json_t *object = json_object();

	set(object, "loop_delay_us", histogram(&results->delay));
	number(object, "memory_bytes_per_connection", results->memory_bytes);
	number(object, "strangers", results->run->n_strangers);
	return object;
}

static void add_limits(json_t *report, const struct results *results)
{
	json_t *limits = json_object();
	json_t *failed = json_array();

	for (size_t i = 0; i < results->n_limits; i++) {
		const struct limit_result *limit = &results->limits[i];
		json_t *object = json_object();

		number(object, "limit", limit->limit);
		number(object, "value", limit->value);
		set(object, "holds", json_boolean(limit->holds));
		set(object, "words", limit->holds ? json_null() : report_json_text(limit->words));
		set(limits, limit->name, object);
		if (!limit->holds) {
			(void)json_array_append_new(failed, report_json_text(limit->words));
		}
	}
	set(report, "limits", limits);
	set(report, "failed", failed);
	set(report, "holds", json_boolean(results->holds));
}

/** Writes the report, in one line, and frees it. */
static void write_report(json_t *report, FILE *out)
{
	(void)json_dumpf(
		report, out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(REAL_DIGITS));
	(void)fputc('\n', out);
	json_decref(report);
}

json_t *report_json_value(const struct results *results)
{
	const struct run *run = results->run;
	json_t *report = json_object();

	number(report, "schema", RESULT_SCHEMA);
	string(report, "weirload", WEIR_VERSION);
	string(report, "scenario", results->run->options->scenario->name);
	set(report, "interrupted", json_boolean(run->signal != 0));
	number(report, "lasted_us", (run->ended_ns - run->began_ns) / NS_PER_US);
	add_about(report, results->run->options, &results->run->about);
	set(report, "options", options_object(results->run->options));
	set(report, "connections", connections(results));
	set(report, "connect_us", histogram(&results->connect));
	set(report, "failed_us", histogram(&results->failed));
	add_sides(report, results);
	add_scenario(report, results);
	set(report, "closes", report_json_closes(&results->closes));
	set(report, "worst", report_json_worst(results));
	set(report, "tool", tool(results));
	add_limits(report, results);
	return report;
}

int result_of_run(const struct results *results, struct result **ret, char *ret_why)
{
	json_t *json = report_json_value(results);
	int r = -ENOMEM;

	if (json == NULL) {
		(void)snprintf(ret_why, RESULT_WHY_MAX, "out of memory");
	} else {
		r = result_read(json, ret, ret_why);
	}
	json_decref(json);
	return r;
}

void report_json(const struct results *results, FILE *out)
{
	write_report(report_json_value(results), out);
}

void report_alone_json(const struct alone_results *results, FILE *out)
{
	json_t *report = json_object();
	json_t *server = json_object();
	json_t *bytes = json_object();

	number(report, "schema", RESULT_SCHEMA);
	string(report, "weirload", WEIR_VERSION);
	string(report, "scenario", results->options->scenario->name);
	add_about(report, results->options, &results->about);
	set(report, "options", options_object(results->options));
	number(server, "count", results->n_accepted);
	for (unsigned i = CONN_END_FIN; i <= CONN_END_OURS; i++) {
		number(server, conn_end_name(i), results->n_ended[i]);
	}
	number(server, "sent_fin", results->n_fins);
	set(report, "server", server);
	number(bytes, "received", results->n_received);
	number(bytes, "sent", results->n_sent);
	set(report, "bytes", bytes);
	write_report(report, out);
}
