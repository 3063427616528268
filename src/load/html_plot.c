/* SPDX-License-Identifier: ISC */
/*
 * The plots. A plot is stretched to the available width, so its labels are outside of it; a table
 * shows the same numbers.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "load/borders.h"
#include "load/html_private.h"
#include "load/result.h"

enum { ROWS_MAX = 2 * BORDERS_MAX, PLOT_HEIGHT = 1000 };

struct row {
	int64_t from;
	int64_t to;
	uint64_t count;
};

/* ---- how far from their time ---- */

/** Makes rows from borders on both sides of 0, beginning with the earliest. */
static size_t set_rows(const struct result *result, const struct result_distribution *all,
	struct row rows[ROWS_MAX])
{
	int64_t least = all->buckets[0].least;
	int64_t greatest = all->buckets[all->n_buckets - 1].greatest;
	uint64_t borders[BORDERS_MAX];
	uint64_t max = clock_later(
		least < 0 ? (uint64_t)-least : 0, greatest < 0 ? 0 : (uint64_t)greatest);
	size_t n_borders = borders_set(max, result->is_measured, borders);
	size_t n = 0;

	for (size_t i = n_borders - 1; i > 0; i--) {
		rows[n++] = (struct row){-(int64_t)borders[i], -(int64_t)borders[i - 1], 0};
	}
	for (size_t i = 0; i + 1 < n_borders; i++) {
		rows[n++] = (struct row){(int64_t)borders[i], (int64_t)borders[i + 1], 0};
	}
	return n;
}

/** Whether a value belongs to a row; a border belongs to the row that is farther from 0. */
static bool is_in(const struct row *row, int64_t us)
{
	return row->from < 0 ? us > row->from && us <= row->to && us < 0
			     : us >= row->from && us < row->to;
}

static void count_rows(const struct result_distribution *all, struct row *rows, size_t n)
{
	size_t row = 0;

	for (size_t i = 0; i < all->n_buckets; i++) {
		const struct result_bucket *bucket = &all->buckets[i];
		int64_t us = bucket->least < 0 ? bucket->greatest : bucket->least;

		while (row + 1 < n && !is_in(&rows[row], us)) {
			row++;
		}
		rows[row].count += bucket->count;
	}
}

static void put_row(FILE *out, const struct row *row, uint64_t most, uint64_t count)
{
	const char *class = row->from < 0 ? "early" : "measured";

	fputs("<tr><td>", out);
	html_border(out, row->from);
	fputs("</td><td>", out);
	html_border(out, row->to);
	fprintf(out,
		"</td><td>%" PRIu64 "</td><td class=\"bar\"><svg role=\"img\" viewBox=\"0 0 1000 "
		"1\" preserveAspectRatio=\"none\"><title>%.1f %% of all</title><rect "
		"class=\"%s\" width=\"%.1f\" height=\"1\"/></svg></td></tr>\n",
		row->count, 100.0 * (double)row->count / (double)count, class,
		most == 0 ? 0 : 1000.0 * (double)row->count / (double)most);
}

/** Makes one row of the empty ones around 0 if there are closes before and after them. Returns the
 * number of rows. */
static size_t join_gap(struct row *rows, size_t n)
{
	size_t begin = 0;
	size_t end;

	for (size_t i = 0; i < n && rows[i].from < 0; i++) {
		begin = rows[i].count > 0 ? i + 1 : begin;
	}
	for (end = begin; end < n && rows[end].count == 0; end++) {
	}
	if (begin == 0 || end == n || end - begin < 2) {
		return n;
	}
	rows[begin].to = rows[end - 1].to;
	memmove(&rows[begin + 1], &rows[end], (n - end) * sizeof(*rows));
	return n - (end - begin - 1);
}

void html_histogram(const struct html_section *section)
{
	const struct result *result = section->result;
	const struct result_side *client = &result->sides[SIDE_CLIENT];
	bool by_client = client->deviation.count > 0;
	const struct result_distribution *all =
		by_client ? &client->deviation : &result->sides[SIDE_SERVER].deviation;
	struct row rows[ROWS_MAX];
	FILE *out = section->out;
	uint64_t most = 0;
	size_t first = 0;
	size_t n;

	fputs("<h3>How late closes were</h3>\n", out);
	if (all->count == 0) {
		fputs("<p>No close was judged.</p>\n", out);
		return;
	}
	n = set_rows(result, all, rows);
	count_rows(all, rows, n);
	n = join_gap(rows, n);
	for (size_t i = 0; i < n; i++) {
		most = clock_later(most, rows[i].count);
	}
	for (; rows[first].count == 0; first++) {
	}
	for (; rows[n - 1].count == 0; n--) {
	}
	fprintf(out,
		"<table class=\"histogram\"><caption>As the %s saw them, %s.</caption>\n<thead><tr>"
		"<th scope=\"col\">from</th><th scope=\"col\">to</th><th scope=\"col\">closes</th>"
		"<td></td></tr></thead>\n<tbody>\n",
		by_client ? "clients" : "servers",
		result->is_measured ? "around their median; before it is negative"
				    : "after their time; early is negative");
	for (size_t i = first; i < n; i++) {
		put_row(out, &rows[i], most, all->count);
	}
	fputs("</tbody></table>\n", out);
}

/* ---- over time ---- */

/** The verdicts from the bottom of the plot to the top. */
static const enum verdict drawn[] = {VERDICT_ON_TIME, VERDICT_MEASURED, VERDICT_LATE, VERDICT_EARLY,
	VERDICT_NEVER, VERDICT_FAILED, VERDICT_VOID};

enum { N_DRAWN = sizeof(drawn) / sizeof(drawn[0]) };

static const char *word(enum verdict verdict)
{
	return verdict == VERDICT_ON_TIME    ? "on time"
	       : verdict == VERDICT_MEASURED ? "closed"
					     : verdict_name(verdict);
}

static uint64_t closes_of(const struct result_moment *moment)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < N_DRAWN; i++) {
		sum += moment->verdicts[drawn[i]];
	}
	return sum;
}

/** The top of the axis: 1, 2, 5, 10 ... */
static uint64_t axis_top(const struct result *result)
{
	uint64_t borders[BORDERS_MAX];
	uint64_t most = 1;

	for (size_t i = 0; i < result->n_moments; i++) {
		most = clock_later(most, closes_of(&result->moments[i]));
		most = clock_later(most, result->moments[i].n_opened);
	}
	/* The first border that is at least that. */
	return borders[borders_set(most - 1, false, borders) - 1];
}

static void put_stack(FILE *out, const struct result_moment *moment, size_t at, uint64_t top)
{
	double y = PLOT_HEIGHT;

	for (size_t i = 0; i < N_DRAWN; i++) {
		uint64_t n = moment->verdicts[drawn[i]];
		double height = PLOT_HEIGHT * (double)n / (double)top;

		if (n > 0) {
			y -= height;
			fprintf(out,
				"<rect class=\"%s\" x=\"%zu\" y=\"%.1f\" width=\"1\" "
				"height=\"%.1f\"/>",
				verdict_name(drawn[i]), at, y, height);
		}
	}
}

static void put_plot(const struct html_section *section, uint64_t top)
{
	const struct result *result = section->result;
	FILE *out = section->out;

	fprintf(out,
		"<svg class=\"plot\" role=\"img\" aria-labelledby=\"r%zu-plot\" viewBox=\"0 0 %zu "
		"%d\" preserveAspectRatio=\"none\"><title id=\"r%zu-plot\">Closes over time, up to "
		"%" PRIu64 " in each of %zu parts; the table has the numbers</title>\n",
		section->number, result->n_moments, PLOT_HEIGHT, section->number, top,
		result->n_moments);
	for (size_t i = 0; i < result->n_moments; i++) {
		put_stack(out, &result->moments[i], i, top);
	}
	fputs("\n<path class=\"opened\" d=\"", out);
	for (size_t i = 0; i < result->n_moments; i++) {
		fprintf(out, "%c%zu %.1fH%zu", i == 0 ? 'M' : 'L', i,
			PLOT_HEIGHT -
				PLOT_HEIGHT * (double)result->moments[i].n_opened / (double)top,
			i + 1);
	}
	fputs("\"/></svg>\n", out);
}

static void put_legend(FILE *out, const struct result *result)
{
	fputs("<ul class=\"legend\">", out);
	for (size_t i = 0; i < N_DRAWN; i++) {
		uint64_t n = result->verdicts[drawn[i]];

		if (n > 0) {
			fprintf(out,
				"<li><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect "
				"class=\"%s\" width=\"1\" height=\"1\"/></svg>%s %" PRIu64 "</li>",
				verdict_name(drawn[i]), word(drawn[i]), n);
		}
	}
	fprintf(out,
		"<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><path class=\"opened\" "
		"d=\"M0 5H10\"/></svg>opened %" PRIu64 "</li></ul>\n",
		result->n_opened);
}

static void put_moment(FILE *out, const struct result *result, size_t at)
{
	const struct result_moment *moment = &result->moments[at];

	fputs("<tr><td>", out);
	html_border(out, (int64_t)(at * result->moment_us));
	fprintf(out, "</td><td>%" PRIu64 "</td>", moment->n_opened);
	for (size_t i = 0; i < N_DRAWN; i++) {
		if (result->verdicts[drawn[i]] > 0) {
			fprintf(out, "<td>%" PRIu64 "</td>", moment->verdicts[drawn[i]]);
		}
	}
	fputs("</tr>\n", out);
}

static void put_moments(FILE *out, const struct result *result)
{
	fputs("<details><summary>The numbers</summary>\n<div class=\"wide\" tabindex=\"0\" "
	      "role=\"region\" aria-label=\"Closes over time\"><table><caption>Those parts in "
	      "which "
	      "anything happened.</caption>\n<thead><tr><th scope=\"col\">from</th><th "
	      "scope=\"col\">opened</th>",
		out);
	for (size_t i = 0; i < N_DRAWN; i++) {
		if (result->verdicts[drawn[i]] > 0) {
			fprintf(out, "<th scope=\"col\">%s</th>", word(drawn[i]));
		}
	}
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t i = 0; i < result->n_moments; i++) {
		if (result->moments[i].n_opened + closes_of(&result->moments[i]) > 0) {
			put_moment(out, result, i);
		}
	}
	fputs("</tbody></table></div></details>\n", out);
}

void html_closes(const struct html_section *section)
{
	const struct result *result = section->result;
	uint64_t top = axis_top(result);
	FILE *out = section->out;

	fputs("<h3>Closes over time</h3>\n", out);
	if (result->n_moments == 0) {
		fputs("<p>Nothing happened.</p>\n", out);
		return;
	}
	fputs("<figure>\n", out);
	put_legend(out, result);
	fprintf(out, "<div class=\"axis\"><span>%" PRIu64 " in ", top);
	html_border(out, (int64_t)result->moment_us);
	fputs("</span></div>\n", out);
	put_plot(section, top);
	fputs("<div class=\"axis\"><span>0 s</span><span>", out);
	html_border(out, (int64_t)(result->moment_us * result->n_moments) / 2);
	fputs("</span><span>", out);
	html_border(out, (int64_t)(result->moment_us * result->n_moments));
	fputs("</span></div>\n", out);
	put_moments(out, result);
	fputs("</figure>\n", out);
}
