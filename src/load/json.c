/* SPDX-License-Identifier: ISC */
/*
 * The report in JSON, written by hand: it is numbers, names that we chose and two addresses, so a
 * library would be one more dependency for a comma. The schema is documented in weirload(1); its
 * number changes when a field goes or changes its meaning, not when one is added.
 */
#include <string.h>

#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"

enum { SCHEMA = 1, OPTION_NAME_MAX = 32 };

/** The comma before every member of a group but the first. */
struct json {
	FILE *out;
	bool more;
};

static void key(struct json *json, const char *name)
{
	fprintf(json->out, "%s\"%s\":", json->more ? "," : "", name);
	json->more = true;
}

static void begin(struct json *json, const char *name)
{
	key(json, name);
	fputc('{', json->out);
	json->more = false;
}

static void end(struct json *json)
{
	fputc('}', json->out);
	json->more = true;
}

static void number(struct json *json, const char *name, uint64_t value)
{
	key(json, name);
	fprintf(json->out, "%ju", (uintmax_t)value);
}

static void boolean(struct json *json, const char *name, bool value)
{
	key(json, name);
	fputs(value ? "true" : "false", json->out);
}

static void null(struct json *json, const char *name)
{
	key(json, name);
	fputs("null", json->out);
}

/** RFC 8259, 7: quotes, backslashes and control characters are escaped. */
static void text(const struct json *json, const char *value)
{
	fputc('"', json->out);
	for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\') {
			fprintf(json->out, "\\%c", *c);
		} else if (*c < 0x20 || *c >= 0x7f) {
			fprintf(json->out, "\\u%04x", *c);
		} else {
			fputc(*c, json->out);
		}
	}
	fputc('"', json->out);
}

static void string(struct json *json, const char *name, const char *value)
{
	key(json, name);
	text(json, value);
}

static void duration(struct json *json, const char *name, uint64_t ns)
{
	if (ns == NS_NEVER) {
		null(json, name);
	} else {
		number(json, name, ns / NS_PER_US);
	}
}

static void histogram(struct json *json, const char *name, const struct hdr *hdr)
{
	if (hdr_count(hdr) == 0) {
		null(json, name);
		return;
	}
	begin(json, name);
	number(json, "count", hdr_count(hdr));
	number(json, "min", hdr_min(hdr));
	number(json, "p50", hdr_percentile(hdr, 50));
	number(json, "p90", hdr_percentile(hdr, 90));
	number(json, "p99", hdr_percentile(hdr, 99));
	number(json, "p999", hdr_percentile(hdr, 99.9));
	number(json, "max", hdr_max(hdr));
	end(json);
}

/** What was measured without --expect; its percentiles are exact. */
static void measured(struct json *json, const char *name, const struct side_results *side)
{
	const uint64_t *us = side->after_us;
	uint64_t n = side->n_after;

	if (n == 0) {
		null(json, name);
		return;
	}
	begin(json, name);
	number(json, "count", n);
	number(json, "min", us[0]);
	number(json, "p50", results_percentile(us, n, 50));
	number(json, "p90", results_percentile(us, n, 90));
	number(json, "p99", results_percentile(us, n, 99));
	number(json, "p999", results_percentile(us, n, 99.9));
	number(json, "max", us[n - 1]);
	end(json);
}

static void way(struct json *json, const char *name, const struct way_results *way_results)
{
	begin(json, name);
	number(json, "sent", way_results->n_sent);
	number(json, "received", way_results->n_received);
	number(json, "lost", way_results->n_lost);
	number(json, "in_flight", way_results->n_in_flight);
	number(json, "added", way_results->n_added);
	end(json);
}

static void write_about(struct json *json, const struct options *options, const struct about *about)
{
	string(json, "began", about->date);
	string(json, "host", about->system.nodename);
	key(json, "kernel");
	fprintf(json->out, "\"%s %s\"", about->system.sysname, about->system.release);
	string(json, "machine", about->system.machine);
	number(json, "processors", about->n_processors);
	string(json, "libuv", about->library);
	key(json, "command");
	fputc('[', json->out);
	for (int i = 0; i < options->argc; i++) {
		fputs(i == 0 ? "" : ",", json->out);
		text(json, options->argv[i]);
	}
	fputc(']', json->out);
}

/** "max-late" is "max_late_us". */
static const char *option_name(const struct option_value *value, char name[OPTION_NAME_MAX])
{
	(void)snprintf(name, OPTION_NAME_MAX, "%s%s", value->name,
		value->type == OPTION_DURATION ? "_us" : "");
	for (char *c = strchr(name, '-'); c != NULL; c = strchr(c, '-')) {
		*c = '_';
	}
	return name;
}

static void write_options(struct json *json, const struct options *options)
{
	char name[OPTION_NAME_MAX];
	struct option_value value;
	size_t index = 0;

	begin(json, "options");
	while (options_value(options, &index, &value)) {
		(void)option_name(&value, name);
		if (value.type == OPTION_FLAG) {
			boolean(json, name, value.number != 0);
		} else if (value.word[0] == '\0') {
			null(json, name);
		} else if (value.type == OPTION_NUMBER) {
			number(json, name, value.number);
		} else if (value.type == OPTION_DURATION) {
			duration(json, name, value.number);
		} else if (value.type == OPTION_REAL) {
			key(json, name);
			fprintf(json->out, "%.15g", value.real);
		} else {
			string(json, name, value.word);
		}
	}
	end(json);
}

static void write_connections(struct json *json, const struct results *results)
{
	begin(json, "connections");
	number(json, "opened", results->n_opened);
	number(json, "matched", results->n_matched);
	number(json, "unserved", results->n_unserved);
	number(json, "unopened", results->n_unopened);
	for (unsigned i = VERDICT_FAILED; i < VERDICTS; i++) {
		number(json, verdict_name(i), results->verdicts[i]);
	}
	begin(json, "failed_by");
	for (size_t i = 0; i < results->n_errors; i++) {
		const char *name = strerrorname_np(-results->errors[i].error);

		number(json, name == NULL ? "other" : name, results->errors[i].n);
	}
	end(json);
	number(json, "earliest_us", results->earliest_us);
	key(json, "opened_per_second");
	fprintf(json->out, "%.1f",
		results->open_seconds > 0 ? (double)results->n_opened / results->open_seconds : 0);
	end(json);
}

static void write_side(struct json *json, const char *name, const struct side_results *side)
{
	begin(json, name);
	number(json, "count", side->n);
	for (unsigned i = CONN_END_FIN; i <= CONN_END_OURS; i++) {
		number(json, conn_end_name(i), side->n_ended[i]);
	}
	histogram(json, "early_us", &side->early);
	histogram(json, "late_us", &side->late);
	measured(json, "after_us", side);
	end(json);
}

static void write_sides(struct json *json, const struct results *results)
{
	write_side(json, "client", &results->sides[SIDE_CLIENT]);
	if (results->run->options->has_serve) {
		write_side(json, "server", &results->sides[SIDE_SERVER]);
		begin(json, "bytes");
		way(json, "up", &results->up);
		way(json, "down", &results->down);
		end(json);
	} else {
		null(json, "server");
		null(json, "bytes");
	}
}

static void write_scenario(struct json *json, const struct results *results)
{
	switch (results->run->options->scenario->bit) {
	case SCENARIO_HALFCLOSE:
		way(json, "after_fin", &results->after_fin);
		break;
	case SCENARIO_STALL:
		begin(json, "stall");
		histogram(json, "accepted_bytes", &results->accepted);
		histogram(json, "weirload_bytes", &results->own);
		histogram(json, "proxy_bytes", &results->held);
		end(json);
		break;
	case SCENARIO_MIXED:
		begin(json, "busy");
		number(json, "connections", results->n_busy);
		number(json, "sent", results->n_messages_sent);
		number(json, "received", results->n_messages_received);
		histogram(json, "latency_us", &results->latency);
		end(json);
		break;
	default:
		break;
	}
}

static void write_limits(struct json *json, const struct results *results)
{
	bool more = false;

	begin(json, "limits");
	for (size_t i = 0; i < results->n_limits; i++) {
		const struct limit_result *limit = &results->limits[i];

		begin(json, limit->name);
		number(json, "limit", limit->limit);
		number(json, "value", limit->value);
		boolean(json, "holds", limit->holds);
		end(json);
	}
	end(json);
	key(json, "failed");
	fputc('[', json->out);
	for (size_t i = 0; i < results->n_limits; i++) {
		if (!results->limits[i].holds) {
			fputs(more ? "," : "", json->out);
			text(json, results->limits[i].words);
			more = true;
		}
	}
	fputc(']', json->out);
	boolean(json, "holds", results->holds);
}

void report_json(const struct results *results, FILE *out)
{
	struct json json = {.out = out};

	fputc('{', out);
	number(&json, "schema", SCHEMA);
	string(&json, "weirload", WEIR_VERSION);
	string(&json, "scenario", results->run->options->scenario->name);
	boolean(&json, "interrupted", results->run->signal != 0);
	write_about(&json, results->run->options, &results->run->about);
	write_options(&json, results->run->options);
	write_connections(&json, results);
	histogram(&json, "connect_us", &results->connect);
	histogram(&json, "failed_us", &results->failed);
	write_sides(&json, results);
	write_scenario(&json, results);
	begin(&json, "tool");
	histogram(&json, "loop_delay_us", &results->delay);
	number(&json, "memory_bytes_per_connection", results->memory_bytes);
	number(&json, "strangers", results->run->n_strangers);
	end(&json);
	write_limits(&json, results);
	fputs("}\n", out);
}

void report_alone_json(const struct alone_results *results, FILE *out)
{
	struct json json = {.out = out};

	fputc('{', out);
	number(&json, "schema", SCHEMA);
	string(&json, "weirload", WEIR_VERSION);
	string(&json, "scenario", results->options->scenario->name);
	write_about(&json, results->options, &results->about);
	write_options(&json, results->options);
	begin(&json, "server");
	number(&json, "count", results->n_accepted);
	for (unsigned i = CONN_END_FIN; i <= CONN_END_OURS; i++) {
		number(&json, conn_end_name(i), results->n_ended[i]);
	}
	number(&json, "sent_fin", results->n_fins);
	end(&json);
	begin(&json, "bytes");
	number(&json, "received", results->n_received);
	number(&json, "sent", results->n_sent);
	end(&json);
	fputs("}\n", out);
}
