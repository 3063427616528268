/* SPDX-License-Identifier: ISC */
/*
 * Compares two suites: writes a table with a line for each row of either suite, and below it the
 * details of rows that differ or could not be compared. A row is identified only by its names, so
 * the sequence and the addresses in a file may change.
 */
#include <stdlib.h>
#include <string.h>

#include "base/character.h"
#include "base/clock.h"
#include "load/compare.h"
#include "load/result_file.h"
#include "load/say.h"
#include "load/suite.h"

enum { OUTCOMES = COMPARE_REFUSED + 1 };

/** The streams for the table and for the part below it. */
struct told {
	FILE *out;
	FILE *below;
	int name_width;
	int proxy_width;
	size_t n[OUTCOMES];
	size_t n_alone;
};

static int wider(int width, const char *text)
{
	int len;
	int n = character_fit(text, SUITE_NAME_MAX, &len);

	return n > width ? n : width;
}

static void widen(struct told *told, const struct result_file *file)
{
	told->name_width = wider(told->name_width, "scenario");
	told->proxy_width = wider(told->proxy_width, "proxy");
	for (size_t i = 0; i < file->n_rows; i++) {
		told->name_width = wider(told->name_width, file->rows[i].name);
		told->proxy_width = wider(told->proxy_width, file->rows[i].proxy);
	}
}

static void tell_row(const struct told *told, const struct result_row *row, const char *what)
{
	int name_len;
	int proxy_len;
	int name = character_fit(row->name, told->name_width, &name_len);
	int proxy = character_fit(row->proxy, told->proxy_width, &proxy_len);

	say_line(told->out, "%.*s%*s  %.*s%*s  %s", name_len, row->name, told->name_width - name,
		"", proxy_len, row->proxy, told->proxy_width - proxy, "", what);
}

/** Begins what is told of a row below the table. */
static void tell_below(
	const struct told *told, const struct result_row *row, const char *what, const char *why)
{
	fputc('\n', told->below);
	say_line(told->below, "%s through %s: %s%s", row->name, row->proxy, what, why);
}

static enum compare_outcome refuse(
	const struct told *told, const struct result_row *row, const char *why)
{
	tell_below(told, row, "not to be compared: ", why);
	return COMPARE_REFUSED;
}

static enum compare_outcome complain(const char *why)
{
	say_error("%s", why);
	return COMPARE_REFUSED;
}

/** Compares a row. If it is within the noise, the details are dropped. */
static enum compare_outcome compare_to(
	const struct told *told, const struct comparison *two, const struct result_row *row)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	enum compare_outcome outcome;

	if (out == NULL) {
		return refuse(told, row, "out of memory");
	}
	compare_tell_differences(two, out);
	fprintf(out, "times may differ by %.3f ms\n",
		(double)two->tolerance_us / (NS_PER_MS / NS_PER_US));
	outcome = compare_results(two, out);
	if (fclose(out) != 0) {
		outcome = refuse(told, row, "out of memory");
	} else if (outcome != COMPARE_SAME) {
		tell_below(told, row, compare_words(outcome), "");
		fputs(text, told->below);
	}
	free(text);
	return outcome;
}

static enum compare_outcome compare_row(const struct told *told, const struct result_row *a,
	const struct result_row *b, uint64_t given_ns, uint64_t n_others)
{
	struct comparison two = {.a = a->result, .b = b->result, .n_others = n_others};
	char why[RESULT_WHY_MAX];

	if (a->result == NULL || b->result == NULL) {
		return refuse(told, a,
			a->result == NULL ? "A has no report of it" : "B has no report of it");
	}
	if (compare_check(&two, why) < 0) {
		return refuse(told, a, why);
	}
	two.tolerance_us = compare_tolerance_us(&two, given_ns);
	return compare_to(told, &two, a);
}

static size_t count_common(const struct result_file *a, const struct result_file *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_rows; i++) {
		n += result_file_find(b, a->rows[i].name, a->rows[i].proxy) != NULL;
	}
	return n;
}

/** Compares all rows; `n_common` are in both suites. */
static void compare_rows(struct told *told, const struct result_file *a,
	const struct result_file *b, uint64_t given_ns, size_t n_common)
{
	for (size_t i = 0; i < a->n_rows; i++) {
		const struct result_row *row = &a->rows[i];
		const struct result_row *other = result_file_find(b, row->name, row->proxy);
		enum compare_outcome outcome;

		if (other == NULL) {
			tell_row(told, row, "only in A");
			told->n_alone++;
			continue;
		}
		outcome = compare_row(told, row, other, given_ns, n_common - 1);
		tell_row(told, row, compare_words(outcome));
		told->n[outcome]++;
	}
	for (size_t i = 0; i < b->n_rows; i++) {
		if (result_file_find(a, b->rows[i].name, b->rows[i].proxy) == NULL) {
			tell_row(told, &b->rows[i], "only in B");
			told->n_alone++;
		}
	}
}

/** Writes a summary. Returns the worst outcome. */
static enum compare_outcome sum_up(const struct told *told, FILE *out)
{
	enum compare_outcome worst = COMPARE_REFUSED;

	fprintf(out,
		"\n%zu worse, %zu better, %zu within the noise, %zu not to be compared, %zu "
		"only in one\n",
		told->n[COMPARE_WORSE], told->n[COMPARE_BETTER], told->n[COMPARE_SAME],
		told->n[COMPARE_REFUSED], told->n_alone);
	while (worst > COMPARE_SAME && told->n[worst] == 0) {
		worst--;
	}
	return worst;
}

enum compare_outcome compare_suites(const struct result_file suites[2], const char *const paths[2],
	uint64_t given_ns, FILE *out)
{
	const struct result_file *a = &suites[0];
	const struct result_file *b = &suites[1];
	char *text = NULL;
	size_t n = 0;
	size_t n_common = count_common(a, b);
	struct told told = {.out = out};

	if (n_common == 0) {
		return complain(
			"compare: no row is in both: rows are known by their name and their proxy");
	}
	told.below = open_memstream(&text, &n);
	if (told.below == NULL) {
		return complain("out of memory");
	}
	fputs("weirload compare: suites\n", out);
	say_line(out, "A  %s, %s", paths[0], a->suite);
	say_line(out, "B  %s, %s", paths[1], b->suite);
	fputc('\n', out);
	widen(&told, a);
	widen(&told, b);
	fprintf(out, "%-*s  %-*s  B is\n", told.name_width, "scenario", told.proxy_width, "proxy");
	compare_rows(&told, a, b, given_ns, n_common);
	if (fclose(told.below) != 0) {
		free(text);
		return complain("out of memory");
	}
	fputs(text, out);
	free(text);
	return sum_up(&told, out);
}
