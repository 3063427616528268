/* SPDX-License-Identifier: ISC */
/* The command line of `weirload compare`. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "load/compare.h"
#include "load/options.h"
#include "load/result_file.h"
#include "load/say.h"

struct command {
	const char *paths[2];
	size_t n_paths;
	uint64_t tolerance_ns; /**< NS_NEVER: not given */
};

/** The exit status of compare_main(). */
enum { SAME_OR_BETTER = LOAD_EXIT_OK, WORSE = LOAD_EXIT_FAILED, REFUSED = LOAD_EXIT_USAGE };

static int refuse(const char *where, const char *why)
{
	say_error("%s: %s", where, why);
	return REFUSED;
}

void compare_help(FILE *out)
{
	fputs("usage: weirload compare A.json B.json [--tolerance T]\n\n"
	      "Says whether B, a report of --json, is better than A, worse, or within the noise;\n"
	      "reports of suites are compared row by row. \"-\" is standard input.\n\n"
	      "  --tolerance T               by how much times may differ (default 3 times the "
	      "largest "
	      "delay of\n"
	      "                              weirload's own loops, and 1ms at least)\n"
	      "  --help                      print this, and exit\n\n"
	      "Exit status: 0 if B is better or within the noise, 1 if it is worse, 2 if the "
	      "reports\n"
	      "cannot be compared; for suites, that of the worst row. See weirload(1).\n",
		out);
}

/** Reads --tolerance at argv[*i]. 0 or REFUSED. */
static int read_tolerance(struct command *command, int argc, char **argv, int *i)
{
	const char *text = strchr(argv[*i], '=');
	const char *why;

	text = text != NULL ? text + 1 : *i + 1 < argc ? argv[++*i] : NULL;
	if (text == NULL) {
		return refuse("--tolerance", "needs a value: --tolerance 5ms");
	}
	if (parse_time(text, &command->tolerance_ns, &why) < 0) {
		say_error("--tolerance %.64s: %s", text, why);
		return REFUSED;
	}
	return 0;
}

/** Reads the command line. 0; 1: help is wanted; or REFUSED. */
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
	if (r == 0 && command->n_paths == 2 && strcmp(command->paths[0], "-") == 0 &&
		strcmp(command->paths[1], "-") == 0) {
		r = refuse("-", "standard input has only one report; give the path of the other");
	}
	if (r == 0 && command->n_paths < 2) {
		r = refuse("compare", "give two reports of --json: weirload compare A.json B.json");
	}
	return r;
}

static const char usage_kinds[] = "one is the report of a suite, and the other that of a single "
				  "run; give two of the same kind";

static enum compare_outcome compare_runs(
	const struct command *command, struct comparison *two, FILE *out)
{
	char why[RESULT_WHY_MAX];

	if (compare_check(two, why) < 0) {
		(void)refuse("compare", why);
		return COMPARE_REFUSED;
	}
	two->tolerance_us = compare_tolerance_us(two, command->tolerance_ns);
	say_line(out, "weirload compare: %s", two->a->title);
	say_line(out, "A  %s, %s", command->paths[0], two->a->began);
	say_line(out, "B  %s, %s", command->paths[1], two->b->began);
	compare_tell_differences(two, out);
	fprintf(out, "times may differ by %.3f ms\n\n",
		(double)two->tolerance_us / (NS_PER_MS / NS_PER_US));
	return compare_results(two, out);
}

/** Compares and writes. Returns the exit status. */
static int tell(const struct command *command, const struct result_file files[2])
{
	const bool are_suites = files[0].suite != NULL;
	enum compare_outcome outcome;

	if (are_suites != (files[1].suite != NULL)) {
		return refuse("compare", usage_kinds);
	}
	if (are_suites) {
		outcome = compare_suites(files, command->paths, command->tolerance_ns, stdout);
	} else {
		outcome = compare_runs(command,
			&(struct comparison){
				.a = files[0].rows[0].result, .b = files[1].rows[0].result},
			stdout);
	}
	if (outcome != COMPARE_REFUSED) {
		printf("\nB is %s\n", compare_words(outcome));
	}
	if (fflush(stdout) != 0) {
		return refuse("standard output", "cannot be written");
	}
	return outcome == COMPARE_REFUSED ? REFUSED
	       : outcome == COMPARE_WORSE ? WORSE
					  : SAME_OR_BETTER;
}

int compare_main(int argc, char **argv)
{
	struct command command = {.tolerance_ns = NS_NEVER};
	struct result_file files[2] = {{0}, {0}};
	char why[RESULT_WHY_MAX];
	int code = read_command(&command, argc, argv);

	if (code != 0) {
		if (code == 1) {
			compare_help(stdout);
		}
		return code == 1 ? LOAD_EXIT_OK : code;
	}
	for (size_t i = 0; i < 2 && code == 0; i++) {
		if (result_file_load(&files[i], command.paths[i], why) < 0) {
			code = refuse(command.paths[i], why);
		}
	}
	if (code == 0) {
		code = tell(&command, files);
	}
	result_file_fini(&files[0]);
	result_file_fini(&files[1]);
	return code;
}
