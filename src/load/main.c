/* SPDX-License-Identifier: ISC */
/*
 * weirload: tests the timeouts of a stream proxy. It uses the stream library (stream/ and base/),
 * and of the rest of weir only the syntax of config files (conf/). This is the map of its sources,
 * by the flow of a run (tests/lint/map):
 *
 *	options			the command line
 *	options_values		the values of options
 *	options_table		the table of options; --help, and options in reports
 *	budget			whether there are enough fds and ports
 *	blackhole		a server that answers no connect
 *	scenario		what the two ends of a connection do; one of these:
 *	connect			opens, sends nothing, waits
 *	idle			sends something, is silent, waits
 *	trickle			a byte now and then, then silence
 *	halfclose		one end sends FIN
 *	oneside			one end stops sending, the other sends
 *	stall			one end stops reading
 *	mixed			some exchange messages, the others are idle
 *	lifetime		all send for ever
 *	preface			never completes the first bytes
 *	firstbyte		only the server sends
 *	queue			waits for a place
 *	drain			exchanges messages while the proxy stops
 *	message			the messages of mixed and drain
 *	steady			the bytes of an end that never falls silent
 *	run			what the threads of a run share
 *	run_all			starts the lanes, watches them, ends them
 *	drain_run		the command that begins a drain, and new clients after it
 *	lane			a thread with a loop, its ramp and its heartbeat
 *	conn			one end of a connection
 *	conn_judge		from when its close is counted, and its verdict
 *	conn_token		which server end belongs to which client
 *	listening		opens the sockets that it listens on
 *	serve			the server behind the proxy
 *	remote			the server ends are in another weirload
 *	obey			that other weirload, which obeys a controller
 *	secret			how a controller proves that it has the secret
 *	told			the protocol between the two
 *	alone			only the server: `weirload serve`
 *	progress		the line on the terminal during a run
 *	suite			several scenarios through several proxies:
 *	suite_keys		the keys of its file, which are the options
 *	suite_file		makes a row for each scenario and proxy from the file
 *	suite_run		runs the rows, one after another or in parallel
 *	suite_tell		the table, and the report of all rows
 *	verdict			whether a close was early, on time, late ...
 *	results			the results of a run, counted once
 *	results_bytes		bytes, and which were lost
 *	results_closes		closes over time, and the worst
 *	limits			compares the results with the limits
 *	about			when and where a run took place
 *	tell			writes all reports
 *	say			writes a line for people, with hostile text escaped
 *	report			the report for people
 *	report_about		its beginning
 *	report_histogram	how far closes were from their time
 *	json			the report for programs
 *	json_closes		the closes in it
 *	csv			a row for each connection
 *	result			a JSON report, read again
 *	result_read		reads it field by field
 *	result_fields		reads a field, with its type and bounds
 *	result_file		reads a file with one report, or with those of a suite
 *	borders			the rows of a histogram
 *	html			results as an HTML page
 *	html_words		the verdict in words
 *	html_plot		plots
 *	html_tables		tables
 *	html_style		the style sheet
 *	compare			whether one of two results is better
 *	compare_suite		compares two suites, row by row
 *	compare_main		the command line of compare
 *	chance			statistics of counts and quantiles
 *	junit			results as JUnit XML
 *	markup			escapes text for XML and HTML
 */
#include <errno.h>
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
#include "load/say.h"
#include "load/scenario.h"
#include "load/suite.h"
#include "load/tell.h"

static const char usage_text[] =
	"usage: weirload SCENARIO --target ADDR [--expect T] [OPTION ...]\n"
	"       weirload serve --serve ADDR [OPTION ...]\n"
	"       weirload suite FILE [OPTION ...]\n"
	"       weirload compare A.json B.json [--tolerance T]\n"
	"       weirload help [SCENARIO] | --version\n";

static const char compare_word[] = "compare";

static void print_help(void)
{
	printf("%s\nweirload opens streams through a proxy, and reports when each was closed, how, "
	       "and whether\nthat was early or late.\n\n",
		usage_text);
	for (size_t i = 0; scenarios[i] != NULL; i++) {
		printf("  %-10s %s\n", scenarios[i]->name, scenarios[i]->summary);
	}
	printf("  %-10s %s\n", compare_word,
		"say whether one report is better or worse than another");
	fputs("\nweirload help SCENARIO shows its options; weirload(1) describes all.\n", stdout);
}

static int complain(const char *why)
{
	say_error("%s", why);
	return LOAD_EXIT_USAGE;
}

static int complain_unknown(const char *word)
{
	say_error("%.64s: unknown scenario; write idle, trickle, halfclose, oneside, stall, "
		  "connect, mixed, lifetime, preface, firstbyte, queue, drain, serve, suite or "
		  "compare, or --help",
		word);
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

/** `weirload serve`: obeys a controller with the secret, or serves on its own. */
static int serve(const struct options *options)
{
	return options->secret_file != NULL ? obey_run(options) : alone_run(options);
}

/** Whether a word is -h, --help or help. */
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
		return complain_unknown(name);
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

	/* A write to a closed socket must return an error, not end us. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Likewise a write to a file beyond the limit of its size. */
	(void)signal(SIGXFSZ, SIG_IGN);
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

static int run_command(int argc, char **argv)
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
		return argc > 1 ? complain_unknown(argv[1])
				: complain("a scenario is missing; write one of weirload --help");
	}
	return run_scenario(scenario, argc, argv);
}

int main(int argc, char **argv)
{
	int code = run_command(argc, argv);

	if (code == LOAD_EXIT_OK && fflush(stdout) != 0) {
		say_error("standard output: %s", strerror(errno));
		code = LOAD_EXIT_FAILED;
	}
	return code;
}
