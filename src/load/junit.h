/* SPDX-License-Identifier: ISC */
/*
 * Writes results as JUnit XML, for programs that collect test results: a testsuite for each result,
 * and a testcase for each of its limits. An interrupted run is an error.
 */
#ifndef WEIR_LOAD_JUNIT_H
#define WEIR_LOAD_JUNIT_H

#include <stddef.h>

struct result;

/** Writes the `n` results into a file, wholly or not at all. 0 or a negative errno. */
int junit_write(const char *path, const char *title, const struct result *const *results, size_t n);

#endif
