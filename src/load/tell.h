/* SPDX-License-Identifier: ISC */
/* Where the results of a run go: standard output, and the files that its options name. */
#ifndef WEIR_LOAD_TELL_H
#define WEIR_LOAD_TELL_H

struct results;

/**
 * Writes them all; what cannot be written is told on standard error, and keeps nothing else from
 * being written. The exit status of weirload.
 */
int tell_results(const struct results *results);

#endif
