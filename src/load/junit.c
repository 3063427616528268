/* SPDX-License-Identifier: ISC */
/*
 * The schema that Jenkins, GitLab and others read: one <testsuites> with a <testsuite> for each
 * result, which has properties and testcases; a testcase may have a failure or an error.
 */
#include "load/junit.h"

#include <string.h>

#include "base/clock.h"
#include "base/whole_file.h"
#include "load/markup.h"
#include "load/result.h"

#define US_PER_S ((double)NS_PER_S / NS_PER_US)

static void attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	markup_text(out, value);
	fputc('"', out);
}

static size_t count_failures(const struct result *result)
{
	size_t n = 0;

	for (size_t i = 0; i < result->n_limits; i++) {
		n += !result->limits[i].holds;
	}
	return n;
}

/** The number of tests: one for each limit, and one for not being interrupted. */
static size_t count_tests(const struct result *result)
{
	return result->n_limits + 1;
}

static void put_counts(FILE *out, size_t n_tests, size_t n_failures, size_t n_errors, double time)
{
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"%.3f\"",
		n_tests, n_failures, n_errors, time);
}

/** Dots are replaced, because readers take the part before a dot for a package. */
static void put_case(FILE *out, const struct result *result, const char *name)
{
	char title[RESULT_TITLE_MAX];

	(void)snprintf(title, sizeof(title), "%s", result->title);
	for (char *c = strchr(title, '.'); c != NULL; c = strchr(c, '.')) {
		*c = '_';
	}
	fputs("    <testcase", out);
	attribute(out, "name", name);
	fputs(" classname=\"weirload.", out);
	markup_text(out, title);
	fputs("\" time=\"0\"", out);
}

static void put_problem(FILE *out, const char *element, const char *type, const char *words)
{
	fprintf(out, ">\n      <%s type=\"%s\"", element, type);
	attribute(out, "message", words);
	fputc('>', out);
	markup_text(out, words);
	fprintf(out, "</%s>\n    </testcase>\n", element);
}

static void put_limit(FILE *out, const struct result *result, const struct result_limit *limit)
{
	put_case(out, result, limit->name);
	if (limit->holds) {
		fputs("/>\n", out);
	} else {
		put_problem(out, "failure", "limit", limit->words);
	}
}

static void put_finished(FILE *out, const struct result *result)
{
	char words[128];

	put_case(out, result, "finished");
	if (result->is_interrupted) {
		(void)snprintf(words, sizeof(words), "interrupted: %ju streams were not judged",
			(uintmax_t)(result->verdicts[VERDICT_UNFINISHED] + result->n_unopened));
		put_problem(out, "error", "interrupted", words);
	} else {
		fputs("/>\n", out);
	}
}

static void put_properties(FILE *out, const struct result *result)
{
	fputs("    <properties>\n      <property name=\"weirload\"", out);
	attribute(out, "value", result->version);
	fputs("/>\n", out);
	for (size_t i = 0; i < result->n_options; i++) {
		if (*result->options[i].text != '\0') {
			fputs("      <property", out);
			attribute(out, "name", result->options[i].name);
			attribute(out, "value", result->options[i].text);
			fputs("/>\n", out);
		}
	}
	fputs("    </properties>\n", out);
}

static void put_suite(FILE *out, const struct result *result, size_t id)
{
	char began[32];

	/* Without the Z, because the schema allows no time zone. */
	(void)snprintf(
		began, sizeof(began), "%.*s", (int)strcspn(result->began, "Z"), result->began);
	fprintf(out, "  <testsuite id=\"%zu\" package=\"weirload\"", id);
	attribute(out, "name", result->title);
	attribute(out, "timestamp", began);
	attribute(out, "hostname", result->host);
	put_counts(out, count_tests(result), count_failures(result), result->is_interrupted,
		(double)result->lasted_us / US_PER_S);
	fputs(">\n", out);
	put_properties(out, result);
	put_finished(out, result);
	for (size_t i = 0; i < result->n_limits; i++) {
		put_limit(out, result, &result->limits[i]);
	}
	fputs("    <system-out/>\n    <system-err/>\n  </testsuite>\n", out);
}

static void put_all(FILE *out, const char *title, const struct result *const *results, size_t n)
{
	size_t n_tests = 0;
	size_t n_failures = 0;
	size_t n_errors = 0;
	double time = 0;

	for (size_t i = 0; i < n; i++) {
		n_tests += count_tests(results[i]);
		n_failures += count_failures(results[i]);
		n_errors += results[i]->is_interrupted;
		time += (double)results[i]->lasted_us / US_PER_S;
	}
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
	attribute(out, "name", title);
	put_counts(out, n_tests, n_failures, n_errors, time);
	fputs(">\n", out);
	for (size_t i = 0; i < n; i++) {
		put_suite(out, results[i], i);
	}
	fputs("</testsuites>\n", out);
}

int junit_write(const char *path, const char *title, const struct result *const *results, size_t n)
{
	struct whole_file file;
	int r = whole_file_open(&file, path);

	if (r < 0) {
		return r;
	}
	put_all(file.out, title, results, n);
	return whole_file_close(&file);
}
