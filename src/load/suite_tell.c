/* SPDX-License-Identifier: ISC */
/*
 * Writes the results of a suite: a table with a row for each scenario through each proxy, and below
 * it a sentence for each limit that does not hold; or one JSON object with the report of each row.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/character.h"
#include "base/parse.h"
#include "load/result.h"
#include "load/results.h"
#include "load/say.h"
#include "load/scenario.h"
#include "load/suite.h"
#include "load/suite_keys.h"
#include "load/tell.h"

enum {
	NAME_WIDTH = 20, /**< a longer name is shortened in the table, and whole below it */
	PROXY_WIDTH = 18,
	SCHEMA = 1,
};

/* ---- the table ---- */

static int width(const struct suite *suite, bool of_proxies)
{
	int most = of_proxies ? PROXY_WIDTH : NAME_WIDTH;
	int widest = (int)strlen(of_proxies ? "proxy" : "scenario");

	for (size_t i = 0; i < suite->n_rows; i++) {
		const struct suite_row *row = &suite->rows[i];
		int len;
		int n = character_fit(of_proxies ? row->proxy : row->name, most, &len);

		widest = n > widest ? n : widest;
	}
	return widest;
}

/** Writes a name, which is plain (suite_file.c). One that is too long keeps its beginning and its
 * end, because those of a fleet often begin alike. */
static void tell_cell(const char *text, int cell_width)
{
	static const char gap[] = "..";
	int len;
	int n = character_fit(text, cell_width, &len);
	int head;
	int all;

	if (text[len] == '\0') {
		printf("%s%*s", text, cell_width - n, "");
		return;
	}
	n = cell_width - (int)strlen(gap);
	(void)character_fit(text, n - n / 2, &head);
	all = character_fit(text, INT_MAX, &len);
	(void)character_fit(text, all - n / 2, &len);
	printf("%.*s%s%s", head, text, gap, text + len);
}

static void tell_names(const struct suite *suite, const char *name, const char *proxy)
{
	tell_cell(name, width(suite, false));
	printf("  ");
	tell_cell(proxy, width(suite, true));
}

static void tell_head(const struct suite *suite)
{
	tell_names(suite, "scenario", "proxy");
	printf(" %9s %7s %6s %6s %6s %9s %9s %9s %6s %6s  %s\n", "expected", "opened", "early",
		"late", "never", "p50 ms", "p99 ms", "max ms", "client", "server", "verdict");
	(void)fflush(stdout);
}

/** How the connections of a side ended, if all ended in the same way. */
static const char *end_of(const struct result_side *side)
{
	static const char *const names[] = {
		[CONN_END_FIN] = "FIN",
		[CONN_END_RST] = "RST",
		[CONN_END_ERROR] = "error",
	};
	const char *end = NULL;

	for (unsigned i = CONN_END_FIN; i <= CONN_END_ERROR; i++) {
		if (side->n_ended[i] > 0) {
			end = end == NULL ? names[i] : "both";
		}
	}
	return end == NULL ? "-" : end;
}

/** Finds p50, p99 and the maximum of the closes, in us: how far from the expected time (negative:
 * early), for the side that was later; without `expect`, after how long the client ends were
 * closed, or the server ends if no close of a client end was measured. False: there are none. */
static bool find_times(const struct result *result, int64_t ret_us[3])
{
	const struct result_side *client = &result->sides[SIDE_CLIENT];
	const struct result_side *server = &result->sides[SIDE_SERVER];
	const struct result_distribution *side = &client->deviation;

	if (result->is_measured) {
		const struct result_summary *after =
			client->after.count > 0 ? &client->after : &server->after;

		ret_us[0] = (int64_t)after->p50;
		ret_us[1] = (int64_t)after->p99;
		ret_us[2] = (int64_t)after->max;
		return after->count > 0;
	}
	if (side->count == 0 ||
		(server->deviation.count > 0 &&
			result_percentile(&server->deviation, 99) > result_percentile(side, 99))) {
		side = &server->deviation;
	}
	ret_us[0] = result_percentile(side, 50);
	ret_us[1] = result_percentile(side, 99);
	ret_us[2] = result_percentile(side, 100);
	return side->count > 0;
}

static void tell_times(const struct result *result)
{
	int64_t us[3];

	if (find_times(result, us)) {
		printf(" %9.3f %9.3f %9.3f", (double)us[0] / 1000, (double)us[1] / 1000,
			(double)us[2] / 1000);
	} else {
		printf(" %9s %9s %9s", "-", "-", "-");
	}
}

static const char *verdict_of(const struct result *result)
{
	if (result->is_interrupted) {
		return result->n_opened == 0 ? "not run" : "interrupted";
	}
	return result->holds ? "holds" : "FAILED";
}

static void tell_row(const struct suite *suite, size_t row)
{
	const struct suite_row *one = &suite->rows[row];
	const struct result *result = one->result;
	char expected[DURATION_TEXT_MAX] = "measured";

	tell_names(suite, one->name, one->proxy);
	if (result == NULL) {
		printf("  no report\n");
		return;
	}
	if (!result->is_measured) {
		(void)format_duration(one->options.expect_ns, expected);
	}
	printf(" %9s %7ju %6ju %6ju %6ju", expected, (uintmax_t)result->n_opened,
		(uintmax_t)result->verdicts[VERDICT_EARLY],
		(uintmax_t)result->verdicts[VERDICT_LATE],
		(uintmax_t)result->verdicts[VERDICT_NEVER]);
	tell_times(result);
	printf(" %6s %6s  %s\n", end_of(&result->sides[SIDE_CLIENT]),
		end_of(&result->sides[SIDE_SERVER]), verdict_of(result));
	(void)fflush(stdout);
}

static void tell_failures(const struct suite_row *row)
{
	char words[RESULT_WHY_MAX];

	for (size_t i = 0; row->result != NULL && i < row->result->n_limits; i++) {
		if (!row->result->limits[i].holds) {
			(void)snprintf(words, sizeof(words), "%s", row->result->limits[i].words);
			suite_name_as_keys(words, sizeof(words));
			say_line(stdout, "FAILED: %s through %s: %s", row->name, row->proxy, words);
		}
	}
}

static bool is_held(const struct suite *suite)
{
	bool holds = suite->signal == 0;

	for (size_t i = 0; i < suite->n_rows; i++) {
		holds = holds && suite->rows[i].result != NULL && suite->rows[i].result->holds;
	}
	return holds;
}

static void tell_end(const struct suite *suite)
{
	size_t n_held = 0;
	size_t n_over = 0;

	putchar('\n');
	for (size_t i = 0; i < suite->n_rows; i++) {
		const struct result *result = suite->rows[i].result;

		tell_failures(&suite->rows[i]);
		n_over += result != NULL && !result->is_interrupted;
		n_held += result != NULL && result->holds;
	}
	if (n_over < suite->n_rows) {
		printf("INTERRUPTED: %zu of %zu runs were not run to their end\n",
			suite->n_rows - n_over, suite->n_rows);
	}
	if (n_held == n_over) {
		printf("every limit holds%s\n", n_over < suite->n_rows ? " so far" : "");
	} else {
		printf("%zu of %zu runs failed\n", n_over - n_held, n_over);
	}
}

/* ---- reports ---- */

static void tell_json(const struct suite *suite, const struct options *command)
{
	json_t *report = json_object();
	json_t *rows = json_array();

	(void)json_object_set_new(report, "schema", json_integer(SCHEMA));
	(void)json_object_set_new(report, "weirload", json_string(WEIR_VERSION));
	(void)json_object_set_new(report, "suite", report_json_text(command->suite));
	for (size_t i = 0; i < suite->n_rows; i++) {
		const struct suite_row *row = &suite->rows[i];
		json_t *object = json_object();

		(void)json_object_set_new(object, "name", json_string(row->name));
		(void)json_object_set_new(object, "proxy", json_string(row->proxy));
		(void)json_object_set_new(object, "report",
			row->result == NULL ? json_null() : json_incref(row->result->json));
		(void)json_array_append_new(rows, object);
	}
	(void)json_object_set_new(report, "rows", rows);
	(void)json_object_set_new(report, "interrupted", json_boolean(suite->signal != 0));
	(void)json_object_set_new(report, "holds", json_boolean(is_held(suite)));
	(void)json_dumpf(
		report, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	putchar('\n');
	json_decref(report);
}

/** Writes the report files, with all rows. */
static int tell_reports(const struct suite *suite, const struct options *command)
{
	const struct result **results = calloc(suite->n_rows + 1, sizeof(*results));
	size_t n = 0;
	int code;

	if (results == NULL) {
		say_error("out of memory");
		return LOAD_EXIT_FAILED;
	}
	for (size_t i = 0; i < suite->n_rows; i++) {
		if (suite->rows[i].result != NULL) {
			results[n++] = suite->rows[i].result;
		}
	}
	code = tell_files(command, command->suite, results, n);
	free(results);
	return code;
}

/** Runs the suite, and reports it. */
static int run_and_tell(struct suite *suite, const struct options *command)
{
	int code;
	int r;

	if (!command->json) {
		tell_head(suite);
	}
	r = suite_run(suite, command->json ? NULL : tell_row);
	if (r < 0) {
		say_error("cannot start: %s", strerror(-r));
		return LOAD_EXIT_USAGE;
	}
	if (command->json) {
		tell_json(suite, command);
	} else {
		tell_end(suite);
	}
	code = suite->signal != 0 ? LOAD_EXIT_SIGNAL + suite->signal
	       : is_held(suite)   ? LOAD_EXIT_OK
				  : LOAD_EXIT_FAILED;
	if (fflush(stdout) != 0) {
		say_error("standard output: %s", strerror(errno));
		code = LOAD_EXIT_FAILED;
	}
	return tell_reports(suite, command) == LOAD_EXIT_OK ? code : LOAD_EXIT_FAILED;
}

int suite_main(const struct options *command)
{
	struct suite suite;
	int r = suite_load(&suite, command);
	int code = r < 0 ? LOAD_EXIT_USAGE : run_and_tell(&suite, command);

	suite_fini(&suite);
	return code;
}

/* ---- the scenario ---- */

static const char *check(const struct options *options)
{
	return options->suite == NULL ? "a file is missing; write weirload suite FILE" : NULL;
}

const struct scenario scenario_suite = {
	.name = "suite",
	.bit = SCENARIO_SUITE,
	.summary = "run several scenarios through several proxies, from a file",
	.description = "Runs each scenario of the file through each of its proxies, and prints a "
		       "table. With\n"
		       "parallel = true in the file, the proxies are tested at the same time. "
		       "weirload-suite(5)\n"
		       "describes the file.\n",
	.check = check,
};
