/* SPDX-License-Identifier: ISC */
/*
 * Makes numbers that look random from numbers that do not, such as 1, 2, 3: the finalizer of
 * splitmix64 (Sebastiano Vigna, https://prng.di.unimi.it/splitmix64.c). Different numbers stay
 * different. Anybody who knows the number knows the result: it is no secret.
 */
#ifndef WEIR_BASE_MIX_H
#define WEIR_BASE_MIX_H

#include <stdint.h>

/** What splitmix64 adds between two numbers of its sequence. */
#define MIX_STEP UINT64_C(0x9e3779b97f4a7c15)

/** Each bit of the result depends on all bits of the number. */
static inline uint64_t mix(uint64_t bits)
{
	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

#endif
