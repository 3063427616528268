/* SPDX-License-Identifier: ISC */
/*
 * `weirload compare A.json B.json`: whether the second report is better than the first, worse, or
 * within the noise; of two suites row by row. weirload(1), "COMPARE", says what the noise is.
 */
#ifndef WEIR_LOAD_COMPARE_H
#define WEIR_LOAD_COMPARE_H

#include <stdint.h>
#include <stdio.h>

#include "load/result_file.h"

/** The worse, the greater. */
enum compare_outcome { COMPARE_SAME, COMPARE_BETTER, COMPARE_WORSE, COMPARE_REFUSED };

/** Two results, and what their times may differ by without a cause. */
struct comparison {
	const struct result *a;
	const struct result *b;
	uint64_t tolerance_us;
	uint64_t n_others; /**< other pairs that are compared, too, and share the chance to err */
};

/** Why they cannot be compared: 0, or -EINVAL and ret_why (of RESULT_WHY_MAX). */
int compare_check(const struct comparison *comparison, char *ret_why);

/** Compares them, and writes a row for each thing that was compared. */
enum compare_outcome compare_results(const struct comparison *comparison, FILE *out);

/** As people read it. */
const char *compare_words(enum compare_outcome outcome);

/** What their times may differ by, in us: as given, or, of NS_NEVER, what their loops say. */
uint64_t compare_tolerance_us(const struct comparison *comparison, uint64_t given_ns);

/** Writes what a reader should know, although it was not compared. */
void compare_tell_differences(const struct comparison *comparison, FILE *out);

/** Two suites, row by row (compare_suite.c); the worst of all. `given_ns` as above. */
enum compare_outcome compare_suites(const struct result_file suites[2], const char *const paths[2],
	uint64_t given_ns, FILE *out);

/** All of it, of the words behind "compare". The exit status. */
int compare_main(int argc, char **argv);

/** Writes its --help. */
void compare_help(FILE *out);

#endif
