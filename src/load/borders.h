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
 * `is_around`: the times are deviations from a median, one of which is always 0; the borders
 * between 0 and `max` / 200 are left out, so that 0 shares a row with its neighbours.
 */
size_t borders_set(uint64_t max, bool is_around, uint64_t borders[BORDERS_MAX]);

#endif
