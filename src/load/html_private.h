/* SPDX-License-Identifier: ISC */
/* Private to the files that make the page of results (html.c). */
#ifndef WEIR_LOAD_HTML_PRIVATE_H
#define WEIR_LOAD_HTML_PRIVATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct result;

/** The section of one result; its id in the page is "rN". */
struct html_section {
	FILE *out;
	const struct result *result;
	size_t number; /**< from 1 on */
};

/** The style sheet, for screen and print. */
extern const char html_style[];

/** Writes a time: "1.234 ms", "1.234 s"; a negative one with a minus sign. */
void html_time(FILE *out, int64_t us);

/** Writes a round time: "20 ms". */
void html_border(FILE *out, int64_t us);

/** html_plot.c: how far closes were from their time, as rows with bars. */
void html_histogram(const struct html_section *section);

/** html_plot.c: what happened over time, as a plot and as a table. */
void html_closes(const struct html_section *section);

/** html_tables.c: the other figures. */
void html_summaries(const struct html_section *section);
void html_ends(const struct html_section *section);
void html_limits(const struct html_section *section);
void html_worst(const struct html_section *section);

/** html_tables.c: a row for each result. */
void html_overview(FILE *out, const struct result *const *results, size_t n);

/** html_words.c: "held", "failed", "interrupted". */
const char *html_outcome(const struct result *result);

/** html_words.c: the verdict as sentences. */
void html_verdict(const struct html_section *section);

#endif
