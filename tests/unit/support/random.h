/* SPDX-License-Identifier: ISC */
/* Pseudo-random numbers that are the same in each run, for tests with hostile input. */
#ifndef WEIR_TESTS_RANDOM_H
#define WEIR_TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** The next number of 24 bits. */
static inline uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/** Changes up to three of the bytes; `n` is at least 1. */
static inline void mutate(uint32_t *state, uint8_t *bytes, size_t n)
{
	for (uint32_t k = next_random(state) % 4; k > 0; k--) {
		bytes[next_random(state) % n] = (uint8_t)next_random(state);
	}
}

#endif
