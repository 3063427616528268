/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/parse.h"
#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"

enum { BAR_MAX = 40 };

static double ms(uint64_t us)
{
	return (double)us / 1000;
}

static void print_head(const struct results *results, FILE *out)
{
	const struct options *options = results->run->options;
	char text[ADDR_TEXT_MAX];
	char duration[DURATION_TEXT_MAX];

	fprintf(out, "weirload %s: %ju connections to %s", options->scenario->name,
		(uintmax_t)options->n_connections, addr_text(&options->target, text));
	if (options->has_serve) {
		fprintf(out, ", served at %s", addr_text(&options->serve, text));
	}
	fprintf(out, ", close expected after %s%s\n\n",
		format_duration(options->expect_ns, duration),
		results->run->interrupted ? " (interrupted)" : "");
}

static void print_opening(const struct results *results, FILE *out)
{
	const struct hdr *connect = &results->connect;

	fprintf(out, "opened %11ju", (uintmax_t)results->n_opened);
	if (results->n_opened > 0) {
		fprintf(out, "   in %.3f s, %.0f/s; connect p50 %.3f, p99 %.3f, max %.3f ms",
			results->open_seconds,
			results->open_seconds > 0
				? (double)results->n_opened / results->open_seconds
				: 0,
			ms(hdr_percentile(connect, 50)), ms(hdr_percentile(connect, 99)),
			ms(hdr_max(connect)));
	}
	fprintf(out, "\nfailed %11ju", (uintmax_t)results->verdicts[VERDICT_FAILED]);
	for (size_t i = 0; i < results->n_errors; i++) {
		const char *name = strerrorname_np(-results->errors[i].error);

		fprintf(out, "%s%s %ju", i == 0 ? "   " : ", ", name == NULL ? "other" : name,
			(uintmax_t)results->errors[i].n);
	}
	if (hdr_count(&results->failed) > 0) {
		fprintf(out, "; after p50 %.3f, p99 %.3f, max %.3f ms",
			ms(hdr_percentile(&results->failed, 50)),
			ms(hdr_percentile(&results->failed, 99)), ms(hdr_max(&results->failed)));
	}
	fputc('\n', out);
}

static void print_verdicts(const struct results *results, FILE *out)
{
	const uint64_t *n = results->verdicts;

	fprintf(out, "early %12ju", (uintmax_t)n[VERDICT_EARLY]);
	if (results->earliest_us > 0) {
		fprintf(out, "   by up to %.3f ms", ms(results->earliest_us));
	}
	fprintf(out, "\non time %10ju\nlate %13ju\nnever %12ju\n", (uintmax_t)n[VERDICT_ON_TIME],
		(uintmax_t)n[VERDICT_LATE], (uintmax_t)n[VERDICT_NEVER]);
	if (n[VERDICT_VOID] > 0) {
		fprintf(out, "void %13ju   weirload itself sent too late\n",
			(uintmax_t)n[VERDICT_VOID]);
	}
	if (n[VERDICT_UNFINISHED] > 0) {
		fprintf(out, "unfinished %7ju   still open\n", (uintmax_t)n[VERDICT_UNFINISHED]);
	}
}

static void print_late(const char *name, const struct hdr *late, FILE *out)
{
	if (hdr_count(late) > 0) {
		fprintf(out, "%-14s%9.3f %9.3f %9.3f %9.3f %9.3f %9.3f\n", name, ms(hdr_min(late)),
			ms(hdr_percentile(late, 50)), ms(hdr_percentile(late, 90)),
			ms(hdr_percentile(late, 99)), ms(hdr_percentile(late, 99.9)),
			ms(hdr_max(late)));
	}
}

static void print_lateness(const struct results *results, FILE *out)
{
	static const char head[] = "              %9s %9s %9s %9s %9s %9s   (ms)\n";

	fputc('\n', out);
	fprintf(out, head, "min", "p50", "p90", "p99", "p99.9", "max");
	print_late("late, client", &results->sides[SIDE_CLIENT].late, out);
	print_late("late, server", &results->sides[SIDE_SERVER].late, out);
	if (results->n_busy > 0) {
		print_late("latency, busy", &results->latency, out);
	}
	print_late("weirload loop", &results->delay, out);
}

static void print_side(const char *name, const struct side_results *side, FILE *out)
{
	fprintf(out, "%-14s%9ju %9ju %9ju %9ju\n", name, (uintmax_t)side->n_ended[CONN_END_FIN],
		(uintmax_t)side->n_ended[CONN_END_RST], (uintmax_t)side->n_ended[CONN_END_ERROR],
		(uintmax_t)side->n_ended[CONN_END_OURS]);
}

static void print_ends(const struct results *results, FILE *out)
{
	fprintf(out, "\n%-14s%9s %9s %9s %9s\n", "closed by", "FIN", "RST", "error", "weirload");
	print_side("client", &results->sides[SIDE_CLIENT], out);
	if (results->run->options->has_serve) {
		print_side("server", &results->sides[SIDE_SERVER], out);
	}
}

/* ---- the histogram ---- */

/** The next border of a row: 1, 2, 5, 10, 20, 50 ... us. */
static uint64_t next_border(uint64_t border)
{
	uint64_t ten = 1;

	while (ten * 10 <= border) {
		ten *= 10;
	}
	return border < 2 * ten ? 2 * ten : border < 5 * ten ? 5 * ten : 10 * ten;
}

static void print_row(const struct hdr *hdr, uint64_t from, uint64_t to, uint64_t most, FILE *out)
{
	static const char bar[BAR_MAX + 1] = "########################################";
	uint64_t n = hdr_count_between(hdr, from, to - 1);
	uint64_t len = most == 0 ? 0 : (n * BAR_MAX + most - 1) / most;

	fprintf(out, "%10.3f to %-10.3f |%-*.*s %ju\n", ms(from), ms(to), BAR_MAX, (int)len, bar,
		(uintmax_t)n);
}

static void print_histogram(const char *name, const struct hdr *hdr, FILE *out)
{
	uint64_t most = 0;

	if (hdr_count(hdr) == 0) {
		return;
	}
	for (uint64_t from = 0, to = 1; from <= hdr_max(hdr); from = to, to = next_border(to)) {
		uint64_t n = hdr_count_between(hdr, from, to - 1);

		most = n > most ? n : most;
	}
	fprintf(out, "\nms late, %s\n", name);
	for (uint64_t from = 0, to = 1; from <= hdr_max(hdr); from = to, to = next_border(to)) {
		if (to > hdr_min(hdr)) {
			print_row(hdr, from, to, most, out);
		}
	}
}

/* ---- what single scenarios have ---- */

static void print_way(const char *name, const struct way_results *way, FILE *out)
{
	uint64_t lost = way->n_sent > way->n_received ? way->n_sent - way->n_received : 0;

	fprintf(out, "%-14s%ju sent, %ju arrived, %ju lost\n", name, (uintmax_t)way->n_sent,
		(uintmax_t)way->n_received, (uintmax_t)lost);
}

static void print_bytes_of(const char *name, const struct hdr *hdr, FILE *out)
{
	fprintf(out, "%-14sp50 %ju, max %ju\n", name, (uintmax_t)hdr_percentile(hdr, 50),
		(uintmax_t)hdr_max(hdr));
}

static void print_bytes(const struct results *results, FILE *out)
{
	const struct options *options = results->run->options;

	if (options->has_serve) {
		fputs("\nbytes\n", out);
		print_way("up", &results->up, out);
		print_way("down", &results->down, out);
	}
	if (options->scenario->bit == SCENARIO_HALFCLOSE && options->has_serve) {
		print_way("after the FIN", &results->after_fin, out);
	}
	if (options->scenario->bit == SCENARIO_MIXED) {
		fprintf(out, "%-14s%ju sent, %ju came back, on %ju connections\n", "messages",
			(uintmax_t)results->n_messages_sent,
			(uintmax_t)results->n_messages_received, (uintmax_t)results->n_busy);
	}
	if (options->scenario->bit == SCENARIO_STALL) {
		fputs("\nbytes of each stalled connection\n", out);
		print_bytes_of("accepted", &results->accepted, out);
		print_bytes_of("in weirload", &results->own, out);
		print_bytes_of("in the proxy", &results->held, out);
		fputs("              (its memory, and its kernel's buffers of both sides", out);
		fputs(options->has_serve ? ")\n" : "; the server's too)\n", out);
	}
}

static void print_end(const struct results *results, FILE *out)
{
	fprintf(out,
		"\nweirload       worst loop delay %.3f ms, %ju bytes of memory a connection, "
		"%ju thread%s\n",
		ms(hdr_max(&results->delay)), (uintmax_t)results->memory_bytes,
		(uintmax_t)results->run->options->n_threads,
		results->run->options->n_threads == 1 ? "" : "s");
	for (size_t i = 0; i < results->n_limits; i++) {
		const struct limit_result *limit = &results->limits[i];
		bool is_time = strcmp(limit->name, "max_late") == 0;

		if (!limit->holds) {
			fprintf(out, "%-14s%s is %.*f%s, and was %.*f%s\n", "FAILED", limit->name,
				is_time ? 3 : 0, is_time ? ms(limit->limit) : (double)limit->limit,
				is_time ? " ms" : "", is_time ? 3 : 0,
				is_time ? ms(limit->value) : (double)limit->value,
				is_time ? " ms" : "");
		}
	}
	if (results->holds) {
		fputs("every limit holds\n", out);
	}
}

void report_text(const struct results *results, FILE *out)
{
	print_head(results, out);
	print_opening(results, out);
	print_verdicts(results, out);
	print_lateness(results, out);
	if (hdr_count(&results->sides[SIDE_CLIENT].late) > 0) {
		print_histogram("client", &results->sides[SIDE_CLIENT].late, out);
	} else {
		print_histogram("server", &results->sides[SIDE_SERVER].late, out);
	}
	print_ends(results, out);
	print_bytes(results, out);
	print_end(results, out);
}
