/* SPDX-License-Identifier: ISC */
/* The figures of a result as tables. */
#include <inttypes.h>
#include <string.h>

#include "load/html_private.h"
#include "load/markup.h"
#include "load/result.h"

static void head(FILE *out, const char *const *names, size_t n)
{
	fputs("<thead><tr>", out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "<th scope=\"col\"%s>%s</th>", i == 0 ? " class=\"text\"" : "",
			names[i]);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
}

/** A table that may be wider than the page. */
static void open_table(
	FILE *out, const char *label, const char *const *names, size_t n, const char *caption)
{
	fprintf(out,
		"<p class=\"faint\">%s</p>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" "
		"aria-label=\"%s\"><table aria-label=\"%s\">\n",
		caption, label, label);
	head(out, names, n);
}

static void close_table(FILE *out)
{
	fputs("</tbody></table></div>\n", out);
}

static void row_head(FILE *out, const char *text)
{
	fputs("<tr><th scope=\"row\" class=\"text\">", out);
	markup_text(out, text);
	fputs("</th>", out);
}

static void time_cell(FILE *out, int64_t us)
{
	fputs("<td>", out);
	html_time(out, us);
	fputs("</td>", out);
}

static void count_cell(FILE *out, uint64_t n)
{
	fprintf(out, "<td>%" PRIu64 "</td>", n);
}

static void text_cell(FILE *out, const char *text)
{
	fputs("<td class=\"text\">", out);
	markup_text(out, text);
	fputs("</td>", out);
}

/* ---- percentiles ---- */

static void put_summary(FILE *out, const char *name, const struct result_summary *summary)
{
	if (summary->count == 0) {
		return;
	}
	row_head(out, name);
	count_cell(out, summary->count);
	time_cell(out, (int64_t)summary->min);
	time_cell(out, (int64_t)summary->p50);
	time_cell(out, (int64_t)summary->p90);
	time_cell(out, (int64_t)summary->p99);
	time_cell(out, (int64_t)summary->p999);
	time_cell(out, (int64_t)summary->max);
	fputs("</tr>\n", out);
}

void html_summaries(const struct html_section *section)
{
	static const char *const names[] = {
		"", "count", "min", "p50", "p90", "p99", "p99.9", "max"};
	const struct result *result = section->result;
	const struct result_side *client = &result->sides[SIDE_CLIENT];
	const struct result_side *server = &result->sides[SIDE_SERVER];
	FILE *out = section->out;

	fputs("<h3>Times</h3>\n", out);
	open_table(out, "Times", names, sizeof(names) / sizeof(names[0]),
		result->is_measured ? "Early and late are before and after the median."
				    : "Early and late are before and after the expected time.");
	put_summary(out, "client, early", &client->early);
	put_summary(out, "client, late", &client->late);
	put_summary(out, "client, closed after", &client->after);
	put_summary(out, "server, early", &server->early);
	put_summary(out, "server, late", &server->late);
	put_summary(out, "server, closed after", &server->after);
	put_summary(out, "latency of the busy", &result->latency);
	put_summary(out, "connect", &result->connect);
	put_summary(out, "weirload's own delay", &result->loop_delay);
	close_table(out);
}

/* ---- by what ---- */

static void put_ends(FILE *out, const char *name, const struct result_side *side)
{
	if (!side->is_known) {
		return;
	}
	row_head(out, name);
	count_cell(out, side->count);
	for (unsigned i = CONN_END_FIN; i <= CONN_END_OURS; i++) {
		count_cell(out, side->n_ended[i]);
	}
	fputs("</tr>\n", out);
}

void html_ends(const struct html_section *section)
{
	static const char *const names[] = {"", "opened", "FIN", "RST", "error", "weirload"};
	const struct result *result = section->result;
	FILE *out = section->out;

	fputs("<h3>What closed them</h3>\n", out);
	open_table(out, "What closed them", names, sizeof(names) / sizeof(names[0]),
		"Each end reports what it saw.");
	put_ends(out, "client", &result->sides[SIDE_CLIENT]);
	put_ends(out, "server", &result->sides[SIDE_SERVER]);
	close_table(out);
	if (result->n_errors > 0) {
		fputs("<p>Not opened for: ", out);
		for (size_t i = 0; i < result->n_errors; i++) {
			fputs(i == 0 ? "" : ", ", out);
			markup_text(out, result->errors[i].name);
			fprintf(out, " %" PRIu64, result->errors[i].count);
		}
		fputs(".</p>\n", out);
	}
}

/* ---- limits ---- */

static void limit_cell(FILE *out, const struct result_limit *limit, uint64_t value)
{
	if (strcmp(limit->name, "max_late") == 0 || strcmp(limit->name, "max_latency") == 0) {
		time_cell(out, (int64_t)value);
	} else {
		count_cell(out, value);
	}
}

void html_limits(const struct html_section *section)
{
	static const char *const names[] = {"limit", "allowed", "was", ""};
	const struct result *result = section->result;
	FILE *out = section->out;

	fputs("<h3>Limits</h3>\n", out);
	open_table(out, "Limits", names, sizeof(names) / sizeof(names[0]),
		"What was allowed, and what happened.");
	for (size_t i = 0; i < result->n_limits; i++) {
		const struct result_limit *limit = &result->limits[i];

		row_head(out, limit->name);
		limit_cell(out, limit, limit->limit);
		limit_cell(out, limit, limit->value);
		fprintf(out, "<td class=\"text %s\"><strong>%s</strong></td></tr>\n",
			limit->holds ? "held" : "failed", limit->holds ? "holds" : "does not hold");
	}
	close_table(out);
}

/* ---- the worst ---- */

static void end_cells(FILE *out, const struct result_end *end)
{
	if (!end->is_known) {
		fputs("<td></td><td></td><td></td>", out);
		return;
	}
	if (end->is_timed) {
		time_cell(out, end->late_us);
	} else {
		fputs("<td></td>", out);
	}
	fputs("<td>", out);
	if (end->closed_us > 0) {
		html_time(out, (int64_t)end->closed_us);
	}
	fputs("</td><td class=\"text\">", out);
	markup_text(out, end->by);
	fputs(*end->error == '\0' ? "" : " ", out);
	markup_text(out, end->error);
	fputs("</td>", out);
}

void html_worst(const struct html_section *section)
{
	static const char *const names[] = {"connection", "port", "verdict", "connect",
		"late, client", "closed", "by", "late, server", "closed", "by"};
	const struct result *result = section->result;
	size_t n = sizeof(names) / sizeof(names[0]);
	FILE *out = section->out;

	fputs("<h3>The worst connections</h3>\n", out);
	if (result->n_worst == 0) {
		fputs("<p>None was judged.</p>\n", out);
		return;
	}
	open_table(out, "The worst connections", names,
		result->sides[SIDE_SERVER].is_known ? n : n - 3,
		"The log of a proxy has them by the port of the client. Times count from the "
		"beginning of the run; early is negative.");
	for (size_t i = 0; i < result->n_worst; i++) {
		const struct result_worst *worst = &result->worst[i];

		fprintf(out, "<tr><th scope=\"row\" class=\"text\">%" PRIu64 "</th><td>",
			worst->connection);
		if (worst->port > 0) {
			fprintf(out, "%" PRIu64, worst->port);
		}
		fputs("</td>", out);
		text_cell(out, worst->verdict == VERDICT_ON_TIME ? "on time"
								 : verdict_name(worst->verdict));
		time_cell(out, (int64_t)worst->open_us);
		end_cells(out, &worst->ends[SIDE_CLIENT]);
		if (result->sides[SIDE_SERVER].is_known) {
			end_cells(out, &worst->ends[SIDE_SERVER]);
		}
		fputs("</tr>\n", out);
	}
	close_table(out);
}

/* ---- of several ---- */

void html_overview(FILE *out, const struct result *const *results, size_t n)
{
	static const char *const names[] = {"run", "verdict", "on time", "early", "late", "never",
		"failed", "void", "p50", "p99", "latest"};

	open_table(out, "All runs", names, sizeof(names) / sizeof(names[0]),
		"How late closes were is what the clients saw.");
	for (size_t i = 0; i < n; i++) {
		const struct result *result = results[i];
		const struct result_distribution *all = &result->sides[SIDE_CLIENT].deviation;
		const uint64_t *counts = result->verdicts;

		fprintf(out, "<tr><th scope=\"row\" class=\"text\"><a href=\"#r%zu\">", i + 1);
		markup_text(out, result->title);
		fprintf(out, "</a></th><td class=\"text %s\"><strong>%s</strong></td>",
			html_outcome(result), html_outcome(result));
		count_cell(out, counts[VERDICT_ON_TIME] + counts[VERDICT_MEASURED]);
		count_cell(out, counts[VERDICT_EARLY]);
		count_cell(out, counts[VERDICT_LATE]);
		count_cell(out, counts[VERDICT_NEVER]);
		count_cell(out, counts[VERDICT_FAILED]);
		count_cell(out, counts[VERDICT_VOID]);
		if (all->count > 0 && !result->is_measured) {
			time_cell(out, result_percentile(all, 50));
			time_cell(out, result_percentile(all, 99));
			time_cell(out, result_percentile(all, 100));
		} else {
			fputs("<td></td><td></td><td></td>", out);
		}
		fputs("</tr>\n", out);
	}
	close_table(out);
}
