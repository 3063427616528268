/* SPDX-License-Identifier: ISC */
/*
 * The commands of weirctl: from the words of one to the question, and from the answer to the exit
 * code.
 */
#ifndef WEIR_CTL_COMMAND_H
#define WEIR_CTL_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "ctl/ask.h"

/** Exit codes of weirctl; weirctl(1) lists them. */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1, /**< refused, not ready, or nobody answers */
	COMMAND_USAGE = 2,
};

struct command_opts {
	const struct ask *ask;
	bool json;      /**< the answer as it is */
	bool all;       /**< --all, of kill */
	bool end_pairs; /**< --end-pairs, of drain */
	FILE *out;
};

/** Runs the command `words[0]`, whose words are `n`; an exit code. What is wrong was told. */
int command_run(const struct command_opts *opts, int n, char **words);

#endif
