/* SPDX-License-Identifier: ISC */
/*
 * weirload: puts the timeouts of a stream proxy on trial. The map of its sources:
 *
 *	options	the command line		budget	descriptors and ports
 *	run	lanes and the main thread	lane	a thread's loop, its ramp and heartbeat
 *	conn	one end of a connection		serve	the server behind the proxy, and tokens
 *	scenario  idle, trickle, halfclose, stall, connect, mixed: what the ends do
 *	verdict	early, on time, late ...	results	what was shown
 *	report, json, csv, progress: how it is told
 *
 * It knows the stream library (src/stream, src/base) and nothing of weir.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/budget.h"
#include "load/options.h"
#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"

static const char usage_text[] = "usage: weirload SCENARIO --target ADDR --expect T [OPTION ...]\n"
				 "       weirload SCENARIO --help | --help | --version\n";

static void print_help(void)
{
	printf("%s\nweirload opens streams through a proxy, and says when each was closed, by "
	       "what, "
	       "and whether\nthat was early or late.\n\n",
		usage_text);
	for (size_t i = 0; scenarios[i] != NULL; i++) {
		printf("  %-10s %s\n", scenarios[i]->name, scenarios[i]->summary);
	}
	fputs("\nSee weirload(1).\n", stdout);
}

static int complain(const char *why)
{
	fprintf(stderr, "weirload: %s\n", why);
	return LOAD_EXIT_USAGE;
}

/** Prints what was measured, where it is wanted. */
static int tell(const struct results *results)
{
	const struct options *options = results->run->options;
	int code = results->holds ? LOAD_EXIT_OK : LOAD_EXIT_FAILED;
	int r = options->csv == NULL ? 0 : report_csv(results, options->csv);

	if (options->json) {
		report_json(results, stdout);
	} else {
		report_text(results, stdout);
	}
	if (fflush(stdout) != 0) {
		fprintf(stderr, "weirload: standard output: %s\n", strerror(errno));
		code = LOAD_EXIT_FAILED;
	}
	if (r < 0) {
		fprintf(stderr, "weirload: --csv %s: %s\n", options->csv, strerror(-r));
		code = LOAD_EXIT_FAILED;
	}
	return code;
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
		code = tell(results);
	} else {
		code = complain(r < 0 ? why : "out of memory");
	}
	free(results);
	run_fini(&run);
	return code;
}

int main(int argc, char **argv)
{
	const struct scenario *scenario;
	char why[OPTIONS_WHY_MAX];
	struct options options;
	int code;
	int r;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		print_help();
		return LOAD_EXIT_OK;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("weirload " WEIR_VERSION);
		return LOAD_EXIT_OK;
	}
	scenario = argc > 1 ? scenario_find(argv[1]) : NULL;
	if (scenario == NULL) {
		(void)snprintf(why, sizeof(why),
			"%s; write idle, trickle, halfclose, stall, "
			"connect or mixed, or --help",
			argc > 1 ? "unknown scenario" : "a scenario is missing");
		return complain(why);
	}
	r = options_parse(scenario, argc, argv, &options, why);
	if (r == 0) {
		r = options_resolve(&options, why);
	}
	if (r == 0) {
		r = budget_take(&options, why);
	}
	if (r < 0) {
		code = complain(why);
	} else {
		code = r == 1 ? LOAD_EXIT_OK : measure(&options);
	}
	options_fini(&options);
	return code;
}
