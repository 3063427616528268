/* SPDX-License-Identifier: ISC */
/* The command line of `weirload compare`. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "load/compare.h"
#include "load/options.h"
#include "load/result.h"

/** What two runs of the same differ by at least, on a machine that does other things too. */
#define TOLERANCE_US (NS_PER_MS / NS_PER_US)

enum { WAKE_UPS = 3, BUSIER = 2 };

struct command {
	const char *paths[2];
	size_t n_paths;
	uint64_t tolerance_ns; /**< NS_NEVER: not given */
};

/** The exit status of compare_main(). */
enum { SAME_OR_BETTER = LOAD_EXIT_OK, WORSE = LOAD_EXIT_FAILED, REFUSED = LOAD_EXIT_USAGE };

static int refuse(const char *where, const char *why)
{
	fprintf(stderr, "weirload: %s: %s\n", where, why);
	return REFUSED;
}

void compare_help(FILE *out)
{
	fputs("usage: weirload compare A.json B.json [--tolerance T]\n\n"
	      "Says whether B, a report of --json, is better than A, worse, or within the noise.\n"
	      "\"-\" is standard input.\n\n"
	      "  --tolerance T               what times may differ by (default 3 times the worst "
	      "delay of "
	      "weirload's\n"
	      "                              own loops, and 1ms at least)\n"
	      "  --help                      print this, and exit\n\n"
	      "Exit status: 0 when B is better or within the noise, 1 when it is worse, 2 when "
	      "they cannot\nbe compared. See weirload(1).\n",
		out);
}

/** Reads --tolerance at argv[*i]. 0 or REFUSED. */
static int read_tolerance(struct command *command, int argc, char **argv, int *i)
{
	const char *text = strchr(argv[*i], '=');
	const char *why;

	text = text != NULL ? text + 1 : *i + 1 < argc ? argv[++*i] : "";
	if (parse_duration(text, &command->tolerance_ns, &why) < 0) {
		return refuse("--tolerance", why);
	}
	return command->tolerance_ns == NS_NEVER ? refuse("--tolerance", "write a duration") : 0;
}

/** 0, 1 when help is wanted, or REFUSED. */
static int read_command(struct command *command, int argc, char **argv)
{
	int r = 0;

	for (int i = 0; i < argc && r == 0; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			return 1;
		}
		if (strncmp(word, "--tolerance", strcspn(word, "=")) == 0 &&
			strcspn(word, "=") == strlen("--tolerance")) {
			r = read_tolerance(command, argc, argv, &i);
		} else if (word[0] == '-' && word[1] != '\0') {
			r = refuse(word, "unknown; see weirload compare --help");
		} else if (command->n_paths == 2) {
			r = refuse(word, "give two reports, no more");
		} else {
			command->paths[command->n_paths++] = word;
		}
	}
	if (r == 0 && command->n_paths < 2) {
		r = refuse("compare", "give two reports of --json: weirload compare A.json B.json");
	}
	return r;
}

/**
 * Between the stamp of a byte and that of its close somebody is woken up three times: the proxy by
 * the byte, the proxy by its timer, weirload by the close. What held up weirload's own loop may
 * have held up each of them, and with it all that was to be closed in that while: such closes are
 * no draws of chance, each for itself, but one event.
 */
static uint64_t tolerance_us(const struct command *command, const struct comparison *two)
{
	uint64_t us = clock_later(two->a->loop_delay.max, two->b->loop_delay.max);

	return command->tolerance_ns == NS_NEVER ? clock_later(WAKE_UPS * us, TOLERANCE_US)
						 : command->tolerance_ns / NS_PER_US;
}

/** What a reader should know, although it was not compared. */
static void tell_differences(const struct comparison *two)
{
	const char *target = result_option(two->a, "target");

	if (strcmp(target, result_option(two->b, "target")) != 0) {
		printf("A tried %s, B %s\n", target, result_option(two->b, "target"));
	}
	if (strcmp(two->a->host, two->b->host) != 0 ||
		strcmp(two->a->kernel, two->b->kernel) != 0) {
		printf("A was made on %s, %s; B on %s, %s\n", two->a->host, two->a->kernel,
			two->b->host, two->b->kernel);
	}
	if (two->a->loop_delay.p99 > BUSIER * two->b->loop_delay.p99 ||
		two->b->loop_delay.p99 > BUSIER * two->a->loop_delay.p99) {
		printf("not as busy a machine: weirload's own loops were late by p99 %.3f ms in A, "
		       "%.3f ms in B\n",
			(double)two->a->loop_delay.p99 / 1000,
			(double)two->b->loop_delay.p99 / 1000);
	}
	if (strcmp(two->a->version, two->b->version) != 0) {
		printf("A was made by weirload %s, B by %s\n", two->a->version, two->b->version);
	}
}

static int tell(const struct command *command, struct comparison *two)
{
	static const char *const words[] = {
		"B is within the noise\n", "B is better\n", "B is worse\n"};
	enum compare_outcome outcome;
	char why[RESULT_WHY_MAX];

	if (compare_check(two, why) < 0) {
		return refuse("compare", why);
	}
	two->tolerance_us = tolerance_us(command, two);
	printf("weirload compare: %s\nA  %s, %s\nB  %s, %s\n", two->a->title, command->paths[0],
		two->a->began, command->paths[1], two->b->began);
	tell_differences(two);
	printf("times may differ by %.3f ms\n\n",
		(double)two->tolerance_us / (NS_PER_MS / NS_PER_US));
	outcome = compare_results(two, stdout);
	printf("\n%s", words[outcome]);
	if (fflush(stdout) != 0) {
		return refuse("standard output", "cannot be written");
	}
	return outcome == COMPARE_WORSE ? WORSE : SAME_OR_BETTER;
}

int compare_main(int argc, char **argv)
{
	struct command command = {.tolerance_ns = NS_NEVER};
	struct result *results[2] = {NULL, NULL};
	char why[RESULT_WHY_MAX];
	int code = read_command(&command, argc, argv);

	if (code != 0) {
		if (code == 1) {
			compare_help(stdout);
		}
		return code == 1 ? LOAD_EXIT_OK : code;
	}
	for (size_t i = 0; i < 2 && code == 0; i++) {
		if (result_load(command.paths[i], &results[i], why) < 0) {
			code = refuse(command.paths[i], why);
		}
	}
	if (code == 0) {
		code = tell(&command, &(struct comparison){results[0], results[1], 0});
	}
	(void)result_free(results[0]);
	(void)result_free(results[1]);
	return code;
}
