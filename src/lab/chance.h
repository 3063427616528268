/* SPDX-License-Identifier: ISC */
/*
 * Random numbers that can be reproduced. A number is a function of a seed and of its use: for
 * example of a connection, a toxic and the offset of a byte in its stream. So it depends neither on
 * how the bytes are split into reads nor on other connections. No state.
 */
#ifndef WEIR_LAB_CHANCE_H
#define WEIR_LAB_CHANCE_H

#include <stdint.h>

/** Makes a number with 64 uniform bits, or another key, from a key and a use (splitmix64). */
uint64_t chance_of(uint64_t key, uint64_t what);

/** The same from a text. */
uint64_t chance_of_text(uint64_t key, const char *text);

/** Converts such a number to the range from 0 to below 1. */
double chance_unit(uint64_t number);

/** Converts such a number to the range from 0 to below `n`, which must not be 0. */
uint64_t chance_below(uint64_t number, uint64_t n);

#endif
