/* SPDX-License-Identifier: ISC */
/*
 * The report for people, on standard output: the options, the results, and the verdict at the end.
 */
#include "base/character.h"
#include "base/parse.h"
#include "load/alone.h"
#include "load/results.h"
#include "load/run.h"
#include "load/say.h"
#include "load/scenario.h"

static double ms(uint64_t us)
{
	return (double)us / 1000;
}

static void print_head(const struct results *results, FILE *out)
{
	const struct options *options = results->run->options;
	char text[ADDR_TEXT_MAX];
	char duration[DURATION_TEXT_MAX];

	fprintf(out, "weirload %s: %ju connection%s to ", options->scenario->name,
		(uintmax_t)options->n_connections, options->n_connections == 1 ? "" : "s");
	character_put_all(out, addr_text(&options->target, text));
	if (options->has_serve) {
		fputs(", served at ", out);
		(void)addr_text(options->has_remote ? &options->remote : &options->serve, text);
		character_put_all(out, text);
	}
	if (options->blackhole.sa_len != 0) {
		fprintf(out, ", a black hole at %s", addr_text(&options->blackhole, text));
	}
	if (options_measures(options)) {
		fputs(", when are they closed?", out);
	} else {
		fprintf(out, ", close expected after %s",
			format_duration(options->expect_ns, duration));
	}
	fprintf(out, "%s\n\n", results->run->signal != 0 ? " (interrupted)" : "");
	report_about(options, &results->run->about, out);
	fputc('\n', out);
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
	const struct options *options = results->run->options;
	const uint64_t *n = results->verdicts;
	char wait[DURATION_TEXT_MAX];

	if (!options_measures(options) || n[VERDICT_EARLY] > 0) {
		fprintf(out, "early %12ju", (uintmax_t)n[VERDICT_EARLY]);
		if (results->earliest_us > 0) {
			fprintf(out, "   by up to %.3f ms", ms(results->earliest_us));
		}
		fputc('\n', out);
	}
	if (options_measures(options)) {
		fprintf(out, "measured %9ju\n", (uintmax_t)n[VERDICT_MEASURED]);
	}
	if (!options_measures(options) || n[VERDICT_ON_TIME] > 0) {
		fprintf(out, "on time %10ju\nlate %13ju\n", (uintmax_t)n[VERDICT_ON_TIME],
			(uintmax_t)n[VERDICT_LATE]);
	}
	fprintf(out, "never %12ju", (uintmax_t)n[VERDICT_NEVER]);
	if (n[VERDICT_NEVER] > 0) {
		fprintf(out, "   not within %s (--wait)%s", format_duration(options->wait_ns, wait),
			options_measures(options) ? "" : " after that");
	}
	fputc('\n', out);
	if (n[VERDICT_VOID] > 0) {
		fprintf(out, "void %13ju   weirload itself was too late\n",
			(uintmax_t)n[VERDICT_VOID]);
	}
	if (n[VERDICT_UNFINISHED] > 0) {
		fprintf(out, "unfinished %7ju   still open\n", (uintmax_t)n[VERDICT_UNFINISHED]);
	}
}

/* ---- times ---- */

static void print_time(const char *name, uint64_t us, FILE *out)
{
	if (us < 1000000) {
		fprintf(out, "%s %.3f ms", name, ms(us));
	} else {
		fprintf(out, "%s %.3f s", name, ms(us) / 1000);
	}
}

static void print_after(const char *name, const struct side_results *side, FILE *out)
{
	const uint64_t *us = side->after_us;
	uint64_t n = side->n_after;

	if (n > 0) {
		print_time("closed after p50", results_percentile(us, n, 50), out);
		print_time(", min", us[0], out);
		print_time(", p90", results_percentile(us, n, 90), out);
		print_time(", p99", results_percentile(us, n, 99), out);
		print_time(", max", us[n - 1], out);
		fprintf(out, "   (%s)\n", name);
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
	print_after("client", &results->sides[SIDE_CLIENT], out);
	print_after("server", &results->sides[SIDE_SERVER], out);
	if (hdr_count(&results->sides[SIDE_CLIENT].late) > 0 &&
		options_measures(results->run->options)) {
		fputc('\n', out);
	}
	fprintf(out, head, "min", "p50", "p90", "p99", "p99.9", "max");
	if (!options_measures(results->run->options)) {
		print_late("early, client", &results->sides[SIDE_CLIENT].early, out);
		print_late("early, server", &results->sides[SIDE_SERVER].early, out);
		print_late("late, client", &results->sides[SIDE_CLIENT].late, out);
		print_late("late, server", &results->sides[SIDE_SERVER].late, out);
	}
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

/* ---- parts for some scenarios ---- */

static void print_way(const char *name, const struct way_results *way, FILE *out)
{
	fprintf(out, "%-14s%ju sent, %ju arrived, %ju lost", name, (uintmax_t)way->n_sent,
		(uintmax_t)way->n_received, (uintmax_t)way->n_lost);
	if (way->n_in_flight > 0) {
		fprintf(out, ", %ju in flight at the end", (uintmax_t)way->n_in_flight);
	}
	if (way->n_added > 0) {
		fprintf(out, ", %ju that nobody sent", (uintmax_t)way->n_added);
	}
	fputc('\n', out);
}

static void print_bytes_of(const char *name, const struct hdr *hdr, FILE *out)
{
	fprintf(out, "%-14sp50 %ju, max %ju\n", name, (uintmax_t)hdr_percentile(hdr, 50),
		(uintmax_t)hdr_max(hdr));
}

static void print_drain(const struct results *results, FILE *out)
{
	const struct drain_run *drain = &results->run->drain;

	fprintf(out, "%-14s%ju, %ju finished, %ju cut\n", "live", (uintmax_t)results->drain.n_live,
		(uintmax_t)results->drain.n_finished, (uintmax_t)results->drain.n_cut);
	fprintf(out, "%-14s%ju let in, %ju refused, %ju not answered\n", "newcomers",
		(uintmax_t)drain->n_accepted, (uintmax_t)drain->n_refused,
		(uintmax_t)drain->n_unanswered);
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
	if (results->n_busy > 0) {
		fprintf(out, "%-14s%ju sent, %ju came back, on %ju connection%s\n", "messages",
			(uintmax_t)results->n_messages_sent,
			(uintmax_t)results->n_messages_received, (uintmax_t)results->n_busy,
			results->n_busy == 1 ? "" : "s");
	}
	if (options->scenario->bit == SCENARIO_DRAIN) {
		print_drain(results, out);
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
	uint64_t n_open = results->verdicts[VERDICT_UNFINISHED];
	bool holds = true;

	fprintf(out,
		"\nweirload       worst loop delay %.3f ms, %ju bytes of memory a connection, "
		"%ju thread%s\n",
		ms(hdr_max(&results->delay)), (uintmax_t)results->memory_bytes,
		(uintmax_t)results->run->options->n_threads,
		results->run->options->n_threads == 1 ? "" : "s");
	for (size_t i = 0; i < results->n_limits; i++) {
		if (!results->limits[i].holds) {
			say_line(out, "FAILED: %s", results->limits[i].words);
			holds = false;
		}
	}
	if (results->run->signal != 0) {
		fprintf(out,
			"INTERRUPTED: %ju of %ju were not judged, %ju still open and %ju not "
			"opened\n",
			(uintmax_t)(n_open + results->n_unopened),
			(uintmax_t)results->run->options->n_connections, (uintmax_t)n_open,
			(uintmax_t)results->n_unopened);
	}
	if (holds) {
		fprintf(out, "every limit holds%s\n", results->run->signal != 0 ? " so far" : "");
	}
}

static void print_histograms(const struct results *results, FILE *out)
{
	const struct side_results *client = &results->sides[SIDE_CLIENT];
	const struct side_results *server = &results->sides[SIDE_SERVER];
	bool by_client = hdr_count(&client->late) > 0 || hdr_count(&client->early) > 0;
	const struct side_results *side = by_client ? client : server;
	const char *name = by_client ? "client" : "server";
	char title[64];

	if (side->n_after > 0) {
		(void)snprintf(title, sizeof(title), "ms around the median %.3f, %s",
			ms(results_percentile(side->after_us, side->n_after, 50)), name);
	} else {
		(void)snprintf(title, sizeof(title), "ms early (-) or late, %s", name);
	}
	report_histogram(side, title, out);
}

void report_text(const struct results *results, FILE *out)
{
	print_head(results, out);
	print_opening(results, out);
	print_verdicts(results, out);
	print_lateness(results, out);
	print_histograms(results, out);
	print_ends(results, out);
	print_bytes(results, out);
	print_end(results, out);
}

void report_alone_text(const struct alone_results *results, FILE *out)
{
	char text[ADDR_TEXT_MAX];

	say_line(out, "weirload serve: at %s", addr_text(&results->options->serve, text));
	fputc('\n', out);
	report_about(results->options, &results->about, out);
	fprintf(out, "\naccepted %9ju\nby FIN %11ju\nby RST %11ju\nby an error %6ju\n",
		(uintmax_t)results->n_accepted, (uintmax_t)results->n_ended[CONN_END_FIN],
		(uintmax_t)results->n_ended[CONN_END_RST],
		(uintmax_t)results->n_ended[CONN_END_ERROR]);
	fprintf(out, "still open %7ju\nsent FIN %9ju\n", (uintmax_t)results->n_ended[CONN_END_OURS],
		(uintmax_t)results->n_fins);
	fprintf(out, "bytes          %ju received, %ju sent back\n", (uintmax_t)results->n_received,
		(uintmax_t)results->n_sent);
	if (results->n_accepted == 0) {
		say_line(out, "nobody reached --serve %s", text);
	}
}
