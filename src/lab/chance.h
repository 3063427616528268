/* SPDX-License-Identifier: ISC */
/*
 * Chance that can be repeated: a number is a function of a seed and of what it is for, say a
 * connection, a toxic and the place of a byte in its stream. So neither the pieces in which bytes
 * come nor what other connections do changes it. Pure.
 */
#ifndef WEIR_LAB_CHANCE_H
#define WEIR_LAB_CHANCE_H

#include <stdint.h>

/** A key, or a number of 64 even bits, from a key and what it is for (splitmix64). */
uint64_t chance_of(uint64_t key, uint64_t what);

/** The same from a text. */
uint64_t chance_of_text(uint64_t key, const char *text);

/** Of such a number: from 0, below 1. */
double chance_unit(uint64_t number);

/** Of such a number: from 0, below `n`, which is not 0. */
uint64_t chance_below(uint64_t number, uint64_t n);

#endif
