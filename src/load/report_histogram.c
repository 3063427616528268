/* SPDX-License-Identifier: ISC */
/*
 * Draws how far closes were from a moment, before and after it: a row for each range between the
 * borders 1, 2, 5, 10, 20, 50 ... us.
 */
#include "base/clock.h"
#include "load/borders.h"
#include "load/results.h"

enum { BAR_MAX = 40 };

static double ms(uint64_t us)
{
	return (double)us / 1000;
}

static void print_row(double from, double to, uint64_t n, uint64_t most, FILE *out)
{
	static const char bar[BAR_MAX + 1] = "########################################";
	uint64_t len = most == 0 ? 0 : (n * BAR_MAX + most - 1) / most;

	fprintf(out, "%10.3f to %-10.3f |%-*.*s %ju\n", from, to, BAR_MAX, (int)len, bar,
		(uintmax_t)n);
}

static bool is_within(const struct hdr *hdr, uint64_t from, uint64_t to)
{
	return hdr_count(hdr) > 0 && from <= hdr_max(hdr) && to > hdr_min(hdr);
}

void report_histogram(const struct side_results *side, const char *title, FILE *out)
{
	uint64_t max = clock_later(hdr_max(&side->early), hdr_max(&side->late));
	uint64_t borders[BORDERS_MAX];
	size_t n = borders_set(max, side->n_after > 0, borders);
	uint64_t most = 0;

	if (hdr_count(&side->early) + hdr_count(&side->late) == 0) {
		return;
	}
	for (size_t i = 0; i + 1 < n; i++) {
		most = clock_later(
			most, hdr_count_between(&side->early, borders[i], borders[i + 1] - 1));
		most = clock_later(
			most, hdr_count_between(&side->late, borders[i], borders[i + 1] - 1));
	}
	fprintf(out, "\n%s\n", title);
	for (size_t i = n - 1; i > 0; i--) {
		if (is_within(&side->early, borders[i - 1], borders[i])) {
			print_row(-ms(borders[i]), -ms(borders[i - 1]),
				hdr_count_between(&side->early, borders[i - 1], borders[i] - 1),
				most, out);
		}
	}
	for (size_t i = 0; i + 1 < n; i++) {
		if (is_within(&side->late, borders[i], borders[i + 1])) {
			print_row(ms(borders[i]), ms(borders[i + 1]),
				hdr_count_between(&side->late, borders[i], borders[i + 1] - 1),
				most, out);
		}
	}
}
