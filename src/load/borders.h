/* SPDX-License-Identifier: ISC */
/* The rows of a histogram of times: 1, 2, 5, 10, 20, 50 ... us. */
#ifndef WEIR_LOAD_BORDERS_H
#define WEIR_LOAD_BORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BORDERS_MAX = 64 };

/**
 * 0, and 1, 2, 5, 10 ... until one is beyond `max`. Around a median, where
 * there is always one at 0, `is_around` makes what is next to it one row. How many.
 */
size_t borders_set(uint64_t max, bool is_around, uint64_t borders[BORDERS_MAX]);

#endif
