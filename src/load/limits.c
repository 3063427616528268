/* SPDX-License-Identifier: ISC */
/*
 * The limits: what they allow, what was counted, and a sentence if one does not hold. Their names
 * are those of the options, with underscores, as in the JSON.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"

enum { VOID_MAX_PERCENT = 1 };

static struct limit_result *add(
	struct results *results, const char *name, uint64_t limit, uint64_t value, bool holds)
{
	struct limit_result *one = &results->limits[results->n_limits++];

	*one = (struct limit_result){.name = name, .limit = limit, .value = value, .holds = holds};
	results->holds = results->holds && holds;
	return one;
}

__attribute__((format(printf, 2, 3))) static void say(
	struct limit_result *one, const char *format, ...)
{
	va_list args;

	if (!one->holds) {
		va_start(args, format);
		(void)vsnprintf(one->words, sizeof(one->words), format, args);
		va_end(args);
	}
}

/** Adds a limit on a count; the sentence is "VALUE what, LIMIT allowed (--option)". */
static void count(struct results *results, const char *name, uint64_t limit, uint64_t value,
	const char *what, const char *remedy)
{
	struct limit_result *one = add(results, name, limit, value, value <= limit);

	say(one, "%ju %s, %ju allowed (%s)", (uintmax_t)value, what, (uintmax_t)limit, remedy);
}

static double ms(uint64_t us)
{
	return (double)us / 1000;
}

static void check_late(struct results *results)
{
	const struct options *options = results->run->options;
	uint64_t limit_us = options->max_late_ns / NS_PER_US;
	uint64_t n = results->verdicts[VERDICT_LATE];
	uint64_t latest_us = clock_later(hdr_max(&results->sides[SIDE_CLIENT].late),
		hdr_max(&results->sides[SIDE_SERVER].late));

	if (!options_measures(options)) {
		say(add(results, "max_late", limit_us, latest_us, n == 0),
			"%ju closed late, by up to %.3f ms, %.3f ms allowed (--max-late)",
			(uintmax_t)n, ms(latest_us), ms(limit_us));
	}
}

/** Checks whether the server behind the proxy was ours. */
static void check_server(struct results *results)
{
	const struct options *options = results->run->options;
	uint64_t n_servers = results->run->n_servers;
	const char *option = options->has_remote ? "remote" : "serve";
	char text[ADDR_TEXT_MAX];
	struct limit_result *one;

	if (options->has_serve) {
		one = add(results, "max_unserved", options->max_unserved, results->n_unserved,
			results->n_unserved <= options->max_unserved);
		(void)addr_text(options->has_remote ? &options->remote : &options->serve, text);
		if (n_servers == 0) {
			say(one,
				"nobody reached --%s %s: make it the proxy's only server "
				"(--max-unserved)",
				option, text);
		} else {
			say(one,
				"%ju did not reach --%s %s, or not with their first bytes, %ju "
				"allowed (--max-unserved)",
				(uintmax_t)results->n_unserved, option, text,
				(uintmax_t)options->max_unserved);
		}
	}
	if (options->blackhole.sa_len != 0) {
		say(add(results, "max_untried", 0, results->run->n_untried,
			    results->run->n_untried == 0),
			"nobody tried --blackhole %s: make it the proxy's only server",
			addr_text(&options->blackhole, text));
	}
}

/** Checks that no server end is left open. With --silent it is not known which belongs to which
 * client. */
static void check_left(struct results *results)
{
	const struct options *options = results->run->options;
	uint64_t n_left = results->sides[SIDE_SERVER].n_ended[CONN_END_OURS];

	if (options->has_serve && options->silent && results->run->signal == 0) {
		count(results, "max_never_server", options->max_never, n_left,
			"server ends never closed", "--max-never");
	}
}

/** Checks whether the command that begins the drain has succeeded. */
static void check_drain(struct results *results)
{
	int64_t status = results->run->drain.status;
	const struct options *options = results->run->options;
	struct limit_result *one;

	if (options->scenario->bit != SCENARIO_DRAIN) {
		return;
	}
	one = add(results, "max_command_status", 0, (uint64_t)(status < 0 ? -status : status),
		status == 0);
	if (status < 0) {
		say(one, "--drain-command cannot be started: %s", strerror((int)-status));
	} else {
		say(one, "--drain-command ended with status %jd", (intmax_t)status);
	}
}

static void check_bytes(struct results *results)
{
	const struct options *options = results->run->options;
	bool is_echo = options_live(options) > 0;
	uint64_t n_garbled =
		results->sides[SIDE_CLIENT].n_garbled + results->sides[SIDE_SERVER].n_garbled;

	if (options->scenario->bit == SCENARIO_STALL || (!options->has_serve && !is_echo)) {
		return;
	}
	count(results, "max_lost", options->max_lost, results_lost(results), "bytes lost",
		"--max-lost");
	say(add(results, "max_added", 0, results_added(results), results_added(results) == 0),
		"%ju bytes arrived that nobody sent", (uintmax_t)results_added(results));
	say(add(results, "max_garbled", 0, n_garbled, n_garbled == 0),
		"%ju ends received other bytes than were sent", (uintmax_t)n_garbled);
}

static void check_latency(struct results *results)
{
	const struct options *options = results->run->options;
	uint64_t limit_us = options->max_latency_ns / NS_PER_US;
	uint64_t slowest_us = 0;
	struct limit_result *one;

	if (options->scenario->bit != SCENARIO_MIXED) {
		return;
	}
	for (uint64_t i = 0; i < options->n_threads; i++) {
		slowest_us = clock_later(slowest_us, results->run->lanes[i].slowest_ns / NS_PER_US);
	}
	one = add(results, "max_latency", limit_us, slowest_us,
		slowest_us <= limit_us &&
			(results->n_messages_received > 0 || results->run->signal != 0));
	if (results->n_messages_received == 0) {
		say(one, "no message came back of %ju that were sent",
			(uintmax_t)results->n_messages_sent);
	} else {
		say(one, "a message took %.3f ms, %.3f ms allowed (--max-latency)", ms(slowest_us),
			ms(limit_us));
	}
}

static void check_ends(struct results *results)
{
	static const char *const wanted[] = {
		[BY_EITHER] = "closed by an error",
		[BY_FIN] = "not closed by FIN (--by fin)",
		[BY_RST] = "not closed by RST (--by rst)",
	};
	uint64_t n = results->sides[SIDE_CLIENT].n_wrong + results->sides[SIDE_SERVER].n_wrong;

	say(add(results, "max_otherwise", 0, n, n == 0), "%ju ends were %s", (uintmax_t)n,
		wanted[results->run->options->by]);
}

void results_check(struct results *results)
{
	const struct options *options = results->run->options;
	const uint64_t *n = results->verdicts;
	uint64_t n_judged = n[VERDICT_ON_TIME] + n[VERDICT_LATE] + n[VERDICT_EARLY] +
			    n[VERDICT_NEVER] + n[VERDICT_MEASURED];

	results->holds = results->run->signal == 0;
	if (results->run->failure[0] != '\0') {
		say(add(results, "min_begun", 1, 0, false), "%s", results->run->failure);
		return;
	}
	count(results, "max_early", options->max_early, n[VERDICT_EARLY], "closed early",
		"--max-early");
	count(results, "max_failed", options->max_failed, n[VERDICT_FAILED], "could not be opened",
		"--max-failed");
	count(results, "max_never", options->max_never, n[VERDICT_NEVER], "never closed",
		"--max-never");
	count(results, "max_void", results->n_opened * VOID_MAX_PERCENT / 100, n[VERDICT_VOID],
		"void, for weirload itself was late",
		"1 %: fewer --connections, or more --threads");
	check_late(results);
	check_ends(results);
	check_server(results);
	check_left(results);
	check_drain(results);
	check_bytes(results);
	check_latency(results);
	say(add(results, "min_judged", 1, n_judged, n_judged > 0 || results->run->signal != 0),
		"nothing was measured: not one close was judged");
}
