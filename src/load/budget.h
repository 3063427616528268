/* SPDX-License-Identifier: ISC */
/*
 * Checks whether this machine has enough file descriptors and local ports for the run.
 *
 * Call it before anything is opened. If something is short, the error names it with the remedy.
 */
#ifndef WEIR_LOAD_BUDGET_H
#define WEIR_LOAD_BUDGET_H

#include <stdint.h>

struct options;

/** Checks, and raises RLIMIT_NOFILE if the run needs that. 0; or -EINVAL and ret_why (of
 * OPTIONS_WHY_MAX): what is short. */
int budget_take(const struct options *options, char *ret_why);

/** The same for parallel runs, which need `need` descriptors together. Does not check ports. */
int budget_take_fds(uint64_t need, char *ret_why);

/** How many descriptors the run needs at most. */
uint64_t budget_fds(const struct options *options);

#endif
