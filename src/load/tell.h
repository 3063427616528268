/* SPDX-License-Identifier: ISC */
/* Writes the results of a run to standard output, and to the files that its options name. */
#ifndef WEIR_LOAD_TELL_H
#define WEIR_LOAD_TELL_H

#include <stddef.h>

struct options;
struct result;
struct results;

/**
 * Call it before a run: checks, as far as possible, whether its files can be written at the end.
 * LOAD_EXIT_OK; or LOAD_EXIT_USAGE, with the error reported.
 */
int tell_check(const struct options *options);

/**
 * Writes all outputs. If one cannot be written, that is reported on standard error, and the others
 * are still written. Returns the exit status of weirload.
 */
int tell_results(const struct results *results);

/**
 * Writes the files that the options name, with the `n` results. LOAD_EXIT_OK; or LOAD_EXIT_FAILED,
 * and each file that could not be written was reported.
 */
int tell_files(const struct options *options, const char *title,
	const struct result *const *results, size_t n);

#endif
