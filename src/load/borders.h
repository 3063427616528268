/* SPDX-License-Identifier: ISC */
/* The borders between the rows of a histogram of times: 1, 2, 5, 10, 20, 50 ... us. */
#ifndef WEIR_LOAD_BORDERS_H
#define WEIR_LOAD_BORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BORDERS_MAX = 64 };

/**
 * Sets the borders 0, 1, 2, 5, 10 ... up to the first above `max`. Returns their number.
 * `is_around`: the times are deviations from a median, so there is always one at 0, and it shares
 * one row with those next to it.
 */
size_t borders_set(uint64_t max, bool is_around, uint64_t borders[BORDERS_MAX]);

#endif
