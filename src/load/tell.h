/* SPDX-License-Identifier: ISC */
/* Where the results of a run go: standard output, and the files that its options name. */
#ifndef WEIR_LOAD_TELL_H
#define WEIR_LOAD_TELL_H

#include <stddef.h>

struct options;
struct result;
struct results;

/**
 * Before a run, whether its files can be written at its end, as far as one can know. LOAD_EXIT_OK;
 * or LOAD_EXIT_USAGE, and what is wrong was told.
 */
int tell_check(const struct options *options);

/**
 * Writes them all; what cannot be written is told on standard error, and keeps nothing else from
 * being written. The exit status of weirload.
 */
int tell_results(const struct results *results);

/**
 * The files that the options name, of results in their order. LOAD_EXIT_OK; or LOAD_EXIT_FAILED,
 * and each that could not be written was told.
 */
int tell_files(const struct options *options, const char *title,
	const struct result *const *results, size_t n);

#endif
