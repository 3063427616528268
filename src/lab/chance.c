/* SPDX-License-Identifier: ISC */
#include "lab/chance.h"

#include <string.h>

#include "base/mix.h"
#include "base/table.h"

enum { UNIT_BITS = 53 }; /* of a double */

uint64_t chance_of(uint64_t key, uint64_t what)
{
	return mix(key + (what + 1) * MIX_STEP);
}

uint64_t chance_of_text(uint64_t key, const char *text)
{
	return chance_of(key, hash_bytes(HASH_BEGIN, text, strlen(text)));
}

double chance_unit(uint64_t number)
{
	return (double)(number >> (64 - UNIT_BITS)) / (double)(UINT64_C(1) << UNIT_BITS);
}

uint64_t chance_below(uint64_t number, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)number * n) >> 64);
}
