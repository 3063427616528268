/* SPDX-License-Identifier: ISC */
/*
 * `weirload compare A.json B.json`: whether the second report is better than the first, worse, or
 * the same within the noise; two suites are compared row by row. weirload(1), "COMPARE", defines
 * the noise.
 */
#ifndef WEIR_LOAD_COMPARE_H
#define WEIR_LOAD_COMPARE_H

#include <stdint.h>
#include <stdio.h>

#include "load/result_file.h"

/** Sorted: of several outcomes the greatest number is that of the whole. So one that is better
 * outweighs those that are the same, and one that is worse outweighs both. */
enum compare_outcome { COMPARE_SAME, COMPARE_BETTER, COMPARE_WORSE, COMPARE_REFUSED };

/** Two results, and by how much their times may differ without a cause. */
struct comparison {
	const struct result *a;
	const struct result *b;
	uint64_t tolerance_us;
	uint64_t n_others; /**< other comparisons, with which the probability of error is shared */
};

/** Whether they can be compared: 0, or -EINVAL and ret_why (of RESULT_WHY_MAX). */
int compare_check(const struct comparison *comparison, char *ret_why);

/** Compares them, and writes a row for each quantity. */
enum compare_outcome compare_results(const struct comparison *comparison, FILE *out);

/** The outcome in words. */
const char *compare_words(enum compare_outcome outcome);

/** By how much their times may differ, in us: `given_ns` or, if that is NS_NEVER, derived from the
 * delays of their event loops. */
uint64_t compare_tolerance_us(const struct comparison *comparison, uint64_t given_ns);

/** Writes differences that a reader should know although they were not compared. */
void compare_tell_differences(const struct comparison *comparison, FILE *out);

/** Compares two suites row by row (compare_suite.c). Returns the worst outcome. `given_ns` as
 * above. */
enum compare_outcome compare_suites(const struct result_file suites[2], const char *const paths[2],
	uint64_t given_ns, FILE *out);

/** The whole command, with the words after "compare". Returns the exit status. */
int compare_main(int argc, char **argv);

/** Writes its --help. */
void compare_help(FILE *out);

#endif
