/* SPDX-License-Identifier: ISC */
/* A report in JSON, field by field. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "load/result.h"
#include "load/result_fields.h"

/** The greatest count of a bucket, so that the counts of all buckets can be added up. */
#define BUCKET_COUNT_MAX ((json_int_t)1 << 46)

static struct result_summary read_summary(const struct fields *fields, const char *name)
{
	struct fields inner = fields_object_or_none(fields, name);

	return (struct result_summary){
		.count = fields_number(&inner, "count"),
		.min = fields_number(&inner, "min"),
		.p50 = fields_number(&inner, "p50"),
		.p90 = fields_number(&inner, "p90"),
		.p99 = fields_number(&inner, "p99"),
		.p999 = fields_number(&inner, "p999"),
		.max = fields_number(&inner, "max"),
	};
}

/** Reads one [least, greatest, count]. */
static bool read_bucket(const json_t *triple, struct result_bucket *ret)
{
	json_int_t numbers[3];

	for (size_t i = 0; i < 3; i++) {
		const json_t *value = json_array_get(triple, i);

		if (!json_is_integer(value)) {
			return false;
		}
		numbers[i] = json_integer_value(value);
	}
	*ret = (struct result_bucket){numbers[0], numbers[1], (uint64_t)numbers[2]};
	return json_array_size(triple) == 3 && ret->least >= -FIELDS_NUMBER_MAX &&
	       ret->least <= ret->greatest && ret->greatest <= FIELDS_NUMBER_MAX &&
	       numbers[2] > 0 && numbers[2] <= BUCKET_COUNT_MAX;
}

static void read_distribution(
	const struct fields *fields, const char *name, struct result_distribution *ret)
{
	const json_t *array = fields_array(fields, name, RESULT_BUCKETS_MAX);
	size_t n = json_array_size(array);

	if (n == 0) {
		return;
	}
	ret->buckets = calloc(n, sizeof(*ret->buckets));
	if (ret->buckets == NULL) {
		fields_refuse(fields, name, "out of memory");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct result_bucket *bucket = &ret->buckets[i];

		if (!read_bucket(json_array_get(array, i), bucket) ||
			(i > 0 && bucket->least <= bucket[-1].greatest)) {
			fields_refuse(fields, name,
				"element %zu is no [least, greatest, count] after the one before",
				i);
			return;
		}
		ret->n_buckets++;
		ret->count += bucket->count;
	}
}

static void read_side(const struct fields *report, const char *name, struct result_side *ret)
{
	bool is_server = strcmp(name, "server") == 0;
	struct fields side =
		is_server ? fields_object_or_none(report, name) : fields_object(report, name);

	ret->is_known = side.object != NULL;
	if (!ret->is_known) {
		return;
	}
	ret->count = fields_number(&side, "count");
	for (unsigned i = CONN_END_FIN; i <= CONN_END_OURS; i++) {
		ret->n_ended[i] = fields_number(&side, conn_end_name(i));
	}
	ret->early = read_summary(&side, "early_us");
	ret->late = read_summary(&side, "late_us");
	ret->after = read_summary(&side, "after_us");
	read_distribution(&side, "deviations_us", &ret->deviation);
}

/* ---- what was tried ---- */

/** The value as people write it; numbers and durations are written into `text`. */
static const char *option_text(const char *name, const json_t *value, char text[DURATION_TEXT_MAX])
{
	size_t len = strlen(name);

	if (json_is_integer(value) && len > 3 && strcmp(name + len - 3, "_us") == 0) {
		return format_duration((uint64_t)json_integer_value(value) * NS_PER_US, text);
	}
	if (json_is_integer(value)) {
		(void)snprintf(text, DURATION_TEXT_MAX, "%" JSON_INTEGER_FORMAT,
			json_integer_value(value));
		return text;
	}
	if (json_is_real(value)) {
		(void)snprintf(text, DURATION_TEXT_MAX, "%g", json_real_value(value));
		return text;
	}
	return json_is_string(value) ? json_string_value(value) : json_is_true(value) ? "yes" : "";
}

static void read_options(const struct fields *report, struct result *ret)
{
	struct fields options = fields_object(report, "options");
	char text[DURATION_TEXT_MAX];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)options.object, name, value)
	{
		struct result_option *option = &ret->options[ret->n_options];

		if (ret->n_options == RESULT_OPTIONS_MAX) {
			fields_refuse(report, "options", "more than %d fields", RESULT_OPTIONS_MAX);
			return;
		}
		if (json_is_object(value) || json_is_array(value) ||
			(json_is_integer(value) &&
				(json_integer_value(value) < 0 ||
					json_integer_value(value) > FIELDS_NUMBER_MAX))) {
			fields_refuse(&options, name, "is no value of an option");
			return;
		}
		option->name = name;
		option->text = strdup(option_text(name, value, text));
		ret->n_options += option->text != NULL;
		if (option->text == NULL) {
			fields_refuse(&options, name, "out of memory");
			return;
		}
	}
}

static void read_command(const struct fields *report, struct result *ret)
{
	const json_t *words = fields_array(report, "command", RESULT_WORDS_MAX);

	for (size_t i = 0; i < json_array_size(words); i++) {
		const char *word = json_string_value(json_array_get(words, i));

		if (word == NULL) {
			fields_refuse(report, "command", "element %zu is no text", i);
			return;
		}
		ret->command[ret->n_command++] = word;
	}
}

static void read_about(const struct fields *report, struct result *ret)
{
	ret->version = fields_text(report, "weirload");
	ret->scenario = fields_text(report, "scenario");
	ret->began = fields_text(report, "began");
	ret->host = fields_text(report, "host");
	ret->kernel = fields_text(report, "kernel");
	ret->machine = fields_text(report, "machine");
	ret->libuv = fields_text(report, "libuv");
	ret->n_processors = fields_number(report, "processors");
	ret->lasted_us = fields_number(report, "lasted_us");
	ret->is_interrupted = fields_bool(report, "interrupted");
	read_command(report, ret);
	read_options(report, ret);
	ret->is_measured = *result_option(ret, "expect_us") == '\0';
	(void)snprintf(ret->title, sizeof(ret->title), "%s to %s", ret->scenario,
		result_option(ret, "target"));
}

/* ---- what was counted ---- */

static void read_connections(const struct fields *report, struct result *ret)
{
	struct fields counts = fields_object(report, "connections");
	struct fields failed_by = fields_object(&counts, "failed_by");
	const char *name;
	json_t *value;

	ret->n_opened = fields_number(&counts, "opened");
	ret->n_matched = fields_number(&counts, "matched");
	ret->n_unserved = fields_number(&counts, "unserved");
	ret->n_unopened = fields_number(&counts, "unopened");
	for (unsigned i = VERDICT_FAILED; i < VERDICTS; i++) {
		ret->verdicts[i] = fields_number(&counts, verdict_name(i));
	}
	json_object_foreach((json_t *)failed_by.object, name, value)
	{
		if (ret->n_errors == RESULT_ERRORS_MAX) {
			fields_refuse(
				&counts, "failed_by", "more than %d fields", RESULT_ERRORS_MAX);
			return;
		}
		ret->errors[ret->n_errors++] =
			(struct result_error){name, fields_number(&failed_by, name)};
	}
}

static void read_moments(const struct fields *report, struct result *ret)
{
	struct fields closes = fields_object(report, "closes");
	size_t n = json_array_size(fields_array(&closes, "opened", RESULT_MOMENTS_MAX));

	ret->moment_us = fields_number(&closes, "every_us");
	if (ret->moment_us == 0) {
		fields_refuse(&closes, "every_us", "is 0");
	}
	ret->n_moments = n;
	for (unsigned verdict = VERDICT_NONE; verdict < VERDICT_UNFINISHED; verdict++) {
		const char *name = verdict == VERDICT_NONE ? "opened" : verdict_name(verdict);
		const json_t *array = fields_array(&closes, name, RESULT_MOMENTS_MAX);

		if (json_array_size(array) != n) {
			fields_refuse(&closes, name, "has not as many elements as \"opened\"");
		}
		for (size_t i = 0; i < n; i++) {
			json_int_t count = json_integer_value(json_array_get(array, i));

			if (!json_is_integer(json_array_get(array, i)) || count < 0 ||
				count > FIELDS_NUMBER_MAX) {
				fields_refuse(&closes, name, "element %zu is no count", i);
				break;
			}
			*(verdict == VERDICT_NONE ? &ret->moments[i].n_opened
						  : &ret->moments[i].verdicts[verdict]) =
				(uint64_t)count;
		}
	}
}

static void read_end(const struct fields *worst, const char *name, struct result_end *ret)
{
	struct fields end = fields_object_or_none(worst, name);

	ret->is_known = end.object != NULL;
	ret->sent_us = fields_number_or_none(&end, "sent_us");
	ret->closed_us = fields_number_or_none(&end, "closed_us");
	ret->is_timed = end.object != NULL && !json_is_null(json_object_get(end.object, "late_us"));
	ret->late_us = ret->is_timed ? fields_signed(&end, "late_us") : 0;
	ret->by = fields_text(&end, "by");
	ret->error = fields_text_or_none(&end, "error");
}

static enum verdict read_verdict(const struct fields *fields)
{
	const char *name = fields_text(fields, "verdict");

	for (unsigned i = VERDICT_FAILED; i < VERDICTS; i++) {
		if (strcmp(name, verdict_name(i)) == 0) {
			return i;
		}
	}
	fields_refuse(fields, "verdict", "is no verdict; see weirload(1)");
	return VERDICT_NONE;
}

static void read_worst(const struct fields *report, struct result *ret)
{
	const json_t *array = fields_array(report, "worst", RESULT_WORST_MAX);

	for (size_t i = 0; i < json_array_size(array); i++) {
		struct fields fields = fields_at(report, "worst", array, i);
		struct result_worst *worst = &ret->worst[ret->n_worst++];

		worst->connection = fields_number(&fields, "connection");
		worst->port = fields_number_or_none(&fields, "port");
		worst->verdict = read_verdict(&fields);
		worst->open_us = fields_number_or_none(&fields, "open_us");
		read_end(&fields, "client", &worst->ends[SIDE_CLIENT]);
		read_end(&fields, "server", &worst->ends[SIDE_SERVER]);
	}
}

static void read_limits(const struct fields *report, struct result *ret)
{
	struct fields limits = fields_object(report, "limits");
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)limits.object, name, value)
	{
		struct fields fields = fields_object(&limits, name);

		if (ret->n_limits == RESULT_LIMITS_MAX) {
			fields_refuse(report, "limits", "more than %d fields", RESULT_LIMITS_MAX);
			return;
		}
		ret->limits[ret->n_limits++] = (struct result_limit){
			.name = name,
			.limit = fields_number(&fields, "limit"),
			.value = fields_number(&fields, "value"),
			.holds = fields_bool(&fields, "holds"),
			.words = fields_text_or_none(&fields, "words"),
		};
	}
	ret->holds = fields_bool(report, "holds");
}

static void read_busy(const struct fields *report, struct result *ret)
{
	struct fields busy;

	if (json_object_get(report->object, "busy") != NULL) {
		busy = fields_object(report, "busy");
		ret->latency = read_summary(&busy, "latency_us");
		read_distribution(&busy, "latencies_us", &ret->latency_all);
	}
}

static void read_all(const struct fields *report, struct result *ret)
{
	struct fields tool;

	read_about(report, ret);
	read_connections(report, ret);
	ret->connect = read_summary(report, "connect_us");
	read_side(report, "client", &ret->sides[SIDE_CLIENT]);
	read_side(report, "server", &ret->sides[SIDE_SERVER]);
	read_busy(report, ret);
	read_moments(report, ret);
	read_worst(report, ret);
	read_limits(report, ret);
	tool = fields_object(report, "tool");
	ret->loop_delay = read_summary(&tool, "loop_delay_us");
}

int result_read(json_t *json, struct result **ret, char *ret_why)
{
	struct fields_reader reader = {.why = ret_why};
	struct fields report = {.reader = &reader, .object = json};
	struct result *result;
	uint64_t schema;

	if (!json_is_object(json)) {
		(void)snprintf(ret_why, RESULT_WHY_MAX,
			"no report of weirload --json: it does not begin with {");
		return -EINVAL;
	}
	result = calloc(1, sizeof(*result));
	if (result == NULL) {
		(void)snprintf(ret_why, RESULT_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	result->json = json_incref(json);
	schema = fields_number(&report, "schema");
	if (schema != RESULT_SCHEMA) {
		fields_refuse(
			&report, "schema", RESULT_SCHEMA_OTHER, (uintmax_t)schema, RESULT_SCHEMA);
	}
	if (strcmp(fields_text(&report, "scenario"), "serve") == 0) {
		fields_refuse(&report, "scenario",
			"\"serve\" judges nothing: give the report of a client");
	}
	read_all(&report, result);
	if (reader.has_failed) {
		(void)result_free(result);
		return -EINVAL;
	}
	*ret = result;
	return 0;
}
