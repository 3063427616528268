/* SPDX-License-Identifier: ISC */
/*
 * Whether this machine has room for the run: file descriptors, and ports to connect from.
 *
 * Asked before anything is opened; what is short is named with the remedy.
 */
#ifndef WEIR_LOAD_BUDGET_H
#define WEIR_LOAD_BUDGET_H

#include <stdint.h>

struct options;

/** Raises the limit of open files to what is allowed. 0; or -EINVAL and ret_why: what is short. */
int budget_take(const struct options *options, char *ret_why);

/** The same of runs beside each other, which need so many descriptors in all. */
int budget_take_fds(uint64_t need, char *ret_why);

/** How many descriptors the run needs at most. */
uint64_t budget_fds(const struct options *options);

#endif
