/* SPDX-License-Identifier: ISC */
/*
 * weirload: puts the timeouts of a stream proxy on trial. It knows the stream library (stream/ and
 * base/) and nothing of weir. The map of its sources, by the flow of a run (tests/lint/map):
 *
 *	options			the command line
 *	options_values		what people write behind an option
 *	options_table		the options; --help, and what a report says of them
 *	budget			whether fds and ports suffice
 *	blackhole		a server that answers no connect
 *	scenario		what the two ends of a connection do; one of these:
 *	connect			opens, sends nothing, waits
 *	idle			says something, falls silent, waits
 *	trickle			a byte now and then, then silence
 *	halfclose		one end sends FIN
 *	oneside			one end falls silent, the other sends
 *	stall			one end stops reading
 *	mixed			some exchange messages, the rest is idle
 *	lifetime		all send for ever
 *	preface			never finishes the first bytes
 *	firstbyte		lets the server alone speak
 *	queue			waits for a place
 *	drain			exchanges messages while the proxy stops
 *	message			the messages of mixed and drain
 *	run			starts the lanes, watches them, ends them
 *	drain_run		the command that begins a drain, and who comes then
 *	lane			a thread with a loop, its ramp and its heartbeat
 *	conn			one end of a connection
 *	conn_judge		from when its close is counted, and what it was
 *	serve			the server behind the proxy, and the tokens
 *	remote			that server is another weirload's
 *	obey			that other one: serves who shows the secret
 *	secret			how it is shown
 *	told			what the two tell each other
 *	alone			that server without clients: `weirload serve`
 *	progress		the line on the terminal meanwhile
 *	suite			several scenarios through several proxies:
 *	suite_keys		the keys of its file, which are the options
 *	suite_file		from the file to one row for each scenario and proxy
 *	suite_run		the rows, one after another or beside each other
 *	suite_tell		the table, and the report of all
 *	verdict			early, on time, late ...: what a close was
 *	results			what the run has shown, counted once
 *	results_bytes		its bytes: which were lost
 *	results_closes		its closes over time, and the worst
 *	limits			what the options allow, and what was
 *	about			when and where it was
 *	tell			where that goes
 *	report			how it is told to people
 *	report_about		what that begins with
 *	report_histogram	how far closes were from their time
 *	json			how it is told to programs
 *	json_closes		of that, the closes
 *	csv			a row for each connection
 *	result			a report in JSON, read again
 *	result_read		field by field
 *	result_fields		a field, with its type and bounds
 *	result_file		of a file; that of a suite has several
 *	borders			the rows of a histogram
 *	html			results as a page
 *	html_words		the verdict
 *	html_plot		what is drawn
 *	html_tables		what is counted
 *	html_style		how it looks
 *	compare			whether one of two is better
 *	compare_suite		of two suites, row by row
 *	compare_main		its command line
 *	chance			what chance makes of counts and quantiles
 *	junit			results, for what runs tests
 *	markup			text within XML and HTML
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/alone.h"
#include "load/budget.h"
#include "load/compare.h"
#include "load/obey.h"
#include "load/options.h"
#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"
#include "load/suite.h"
#include "load/tell.h"

static const char usage_text[] =
	"usage: weirload SCENARIO --target ADDR [--expect T] [OPTION ...]\n"
	"       weirload serve --serve ADDR [OPTION ...]\n"
	"       weirload suite FILE [OPTION ...]\n"
	"       weirload compare A.json B.json [--tolerance T]\n"
	"       weirload help [SCENARIO] | --version\n";

static const char unknown_scenario[] = "unknown scenario; write idle, trickle, halfclose, oneside, "
				       "stall, connect, mixed, lifetime, preface, firstbyte, "
				       "queue, drain, serve, suite or compare, or --help";

static const char compare_word[] = "compare";

static void print_help(void)
{
	printf("%s\nweirload opens streams through a proxy, and says when each was closed, by "
	       "what, "
	       "and whether\nthat was early or late.\n\n",
		usage_text);
	for (size_t i = 0; scenarios[i] != NULL; i++) {
		printf("  %-10s %s\n", scenarios[i]->name, scenarios[i]->summary);
	}
	printf("  %-10s %s\n", compare_word, "whether one report is better than another, or worse");
	fputs("\nweirload help SCENARIO has its options; weirload(1) has it all.\n", stdout);
}

static int complain(const char *why)
{
	fprintf(stderr, "weirload: %s\n", why);
	return LOAD_EXIT_USAGE;
}

static int measure(const struct options *options)
{
	char why[OPTIONS_WHY_MAX];
	struct results *results = NULL;
	struct run run;
	int code;
	int r = run_all(&run, options, why);

	if (r == 0) {
		results = results_new(&run);
	}
	if (results != NULL) {
		code = tell_results(results);
	} else {
		code = complain(r < 0 ? why : "out of memory");
	}
	(void)results_free(results);
	run_fini(&run);
	return code;
}

/** The server alone: for whoever shows the secret, or for itself. */
static int serve(const struct options *options)
{
	return options->secret_file != NULL ? obey_run(options) : alone_run(options);
}

/** -h, --help and help; with a scenario behind it, its help. */
static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static int help(const char *name)
{
	const struct scenario *scenario = name == NULL ? NULL : scenario_find(name);

	if (name != NULL && strcmp(name, compare_word) == 0) {
		compare_help(stdout);
		return LOAD_EXIT_OK;
	}
	if (name != NULL && scenario == NULL) {
		return complain(unknown_scenario);
	}
	if (scenario != NULL) {
		options_help(scenario, stdout);
	} else {
		print_help();
	}
	return LOAD_EXIT_OK;
}

static int run_scenario(const struct scenario *scenario, int argc, char **argv)
{
	char why[OPTIONS_WHY_MAX];
	struct options options;
	int code;
	int r = options_parse(scenario, argc, argv, &options, why);

	(void)signal(SIGPIPE, SIG_IGN); /* a write to a peer that is gone is an error, no end */
	(void)signal(SIGXFSZ, SIG_IGN); /* so is one to a file that may not grow */
	if (r == 0) {
		r = options_resolve(&options, why);
	}
	if (r == 0 && scenario_opens(scenario)) {
		r = budget_take(&options, why);
	}
	if (r < 0) {
		code = complain(why);
	} else if (r == 1) {
		code = LOAD_EXIT_OK;
	} else if (tell_check(&options) != LOAD_EXIT_OK) {
		code = LOAD_EXIT_USAGE;
	} else {
		code = scenario_opens(scenario)          ? measure(&options)
		       : scenario->bit == SCENARIO_SERVE ? serve(&options)
							 : suite_main(&options);
	}
	options_fini(&options);
	return code;
}

int main(int argc, char **argv)
{
	const struct scenario *scenario = argc > 1 ? scenario_find(argv[1]) : NULL;

	if (argc > 1 && is_help(argv[1])) {
		return help(argc > 2 ? argv[2] : NULL);
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("weirload " WEIR_VERSION);
		return LOAD_EXIT_OK;
	}
	if (argc > 1 && strcmp(argv[1], compare_word) == 0) {
		return compare_main(argc - 2, argv + 2);
	}
	if (scenario == NULL) {
		return complain(argc > 1 ? unknown_scenario
					 : "a scenario is missing; write one of weirload --help");
	}
	return run_scenario(scenario, argc, argv);
}
