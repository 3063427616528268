/* SPDX-License-Identifier: ISC */
/*
 * `weirload compare A.json B.json`: whether the second report is better than the first, worse, or
 * within the noise. weirload(1), "COMPARE", says what the noise is.
 */
#ifndef WEIR_LOAD_COMPARE_H
#define WEIR_LOAD_COMPARE_H

#include <stdint.h>
#include <stdio.h>

struct result;

enum compare_outcome { COMPARE_SAME, COMPARE_BETTER, COMPARE_WORSE };

/** Two results, and what their times may differ by without a cause. */
struct comparison {
	const struct result *a;
	const struct result *b;
	uint64_t tolerance_us;
};

/** Why they cannot be compared: 0, or -EINVAL and ret_why (of RESULT_WHY_MAX). */
int compare_check(const struct comparison *comparison, char *ret_why);

/** Compares them, and writes a row for each thing that was compared. */
enum compare_outcome compare_results(const struct comparison *comparison, FILE *out);

/** All of it, of the words behind "compare". The exit status. */
int compare_main(int argc, char **argv);

/** Writes its --help. */
void compare_help(FILE *out);

#endif
