/* SPDX-License-Identifier: ISC */
/* The parts of a page of results (html.c); for these alone. */
#ifndef WEIR_LOAD_HTML_PRIVATE_H
#define WEIR_LOAD_HTML_PRIVATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct result;

/** One result in the page: its section's id is "rN". */
struct html_section {
	FILE *out;
	const struct result *result;
	size_t number; /**< from 1 on */
};

/** What stands in front of all of it: the style of each medium. */
extern const char html_style[];

/** "1.234 ms", "1.234 s"; negative with a minus sign. */
void html_time(FILE *out, int64_t us);

/** The same of a round number: "20 ms". */
void html_border(FILE *out, int64_t us);

/** html_plot.c: how far closes were from their time, a row of it each with a bar. */
void html_histogram(const struct html_section *section);

/** html_plot.c: what happened over time, as a plot and as a table. */
void html_closes(const struct html_section *section);

/** html_tables.c: the rest of its figures. */
void html_summaries(const struct html_section *section);
void html_ends(const struct html_section *section);
void html_limits(const struct html_section *section);
void html_worst(const struct html_section *section);

/** html_tables.c: all results, a row each. */
void html_overview(FILE *out, const struct result *const *results, size_t n);

/** html_words.c: "held", "failed", "interrupted". */
const char *html_outcome(const struct result *result);

/** html_words.c: the verdict as sentences. */
void html_verdict(const struct html_section *section);

#endif
