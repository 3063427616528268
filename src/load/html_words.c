/* SPDX-License-Identifier: ISC */
/* The verdict on a result, in words. */
#include <inttypes.h>
#include <stdlib.h>

#include "load/html_private.h"
#include "load/markup.h"
#include "load/result.h"

enum { US_PER_MS = 1000, US_PER_S = 1000 * 1000 };

void html_time(FILE *out, int64_t us)
{
	uint64_t size = (uint64_t)llabs(us);

	if (us < 0) {
		fputs("−", out);
	}
	if (size >= US_PER_S) {
		fprintf(out, "%.3f s", (double)size / US_PER_S);
	} else {
		fprintf(out, "%.3f ms", (double)size / US_PER_MS);
	}
}

void html_border(FILE *out, int64_t us)
{
	int64_t size = llabs(us);

	fprintf(out, "%s%g %s", us < 0 ? "−" : "",
		(double)size / (size >= US_PER_S ? US_PER_S : US_PER_MS),
		size >= US_PER_S ? "s" : "ms");
}

const char *html_outcome(const struct result *result)
{
	return result->is_interrupted ? "interrupted" : result->holds ? "held" : "failed";
}

/** Writes ", 3 late". */
static void put_count(FILE *out, uint64_t n, const char *what)
{
	if (n > 0) {
		fprintf(out, ", %" PRIu64 " %s", n, what);
	}
}

static void put_counts(FILE *out, const struct result *result)
{
	const uint64_t *n = result->verdicts;

	fputs("Of ", out);
	markup_text(out, result_option(result, "connections"));
	if (result->is_measured) {
		fprintf(out, " streams %" PRIu64 " were closed", n[VERDICT_MEASURED]);
	} else {
		fprintf(out, " streams %" PRIu64 " were closed on time", n[VERDICT_ON_TIME]);
		put_count(out, n[VERDICT_LATE], "late");
	}
	put_count(out, n[VERDICT_EARLY], "early");
	put_count(out, n[VERDICT_NEVER], "never");
	put_count(out, n[VERDICT_FAILED], "could not be opened");
	put_count(out, n[VERDICT_VOID], "prove nothing, for weirload itself was late");
	put_count(out, n[VERDICT_UNFINISHED], "were still open at the end");
	put_count(out, result->n_unopened, "were not opened");
	fputs(".", out);
}

/** Writes when the closes came, as seen by an end that saw any. */
static void put_times(FILE *out, const struct result *result)
{
	const struct result_side *client = &result->sides[SIDE_CLIENT];
	const struct result_side *side =
		client->deviation.count > 0 ? client : &result->sides[SIDE_SERVER];
	const struct result_distribution *all = &side->deviation;

	if (all->count == 0) {
		return;
	}
	if (result->is_measured) {
		fputs(" Half of them after ", out);
		html_time(out, (int64_t)side->after.p50);
		fputs(", the first after ", out);
		html_time(out, (int64_t)side->after.min);
		fputs(", the last after ", out);
		html_time(out, (int64_t)side->after.max);
	} else {
		fputs(" The earliest came ", out);
		html_time(out, llabs(all->buckets[0].least));
		fputs(all->buckets[0].least < 0 ? " before its time, the latest "
						: " after its time, the latest ",
			out);
		html_time(out, llabs(all->buckets[all->n_buckets - 1].greatest));
		fputs(all->buckets[all->n_buckets - 1].greatest < 0 ? " before" : " after", out);
	}
	fputs(".", out);
}

void html_verdict(const struct html_section *section)
{
	const struct result *result = section->result;
	FILE *out = section->out;

	fprintf(out, "<div class=\"verdict %s\">\n<p><strong>%s</strong> ", html_outcome(result),
		result->is_interrupted ? "Interrupted."
		: result->holds        ? "Every limit holds."
				       : "Not every limit holds.");
	put_counts(out, result);
	put_times(out, result);
	fputs("</p>\n", out);
	for (size_t i = 0; i < result->n_limits; i++) {
		if (!result->limits[i].holds) {
			fputs("<p>", out);
			markup_text(out, result->limits[i].words);
			fputs("</p>\n", out);
		}
	}
	fputs("</div>\n", out);
}
