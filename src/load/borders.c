/* SPDX-License-Identifier: ISC */
#include "load/borders.h"

enum { NEAR_PART = 200 };

size_t borders_set(uint64_t max, bool is_around, uint64_t borders[BORDERS_MAX])
{
	static const uint64_t steps[] = {1, 2, 5};
	uint64_t least = is_around ? max / NEAR_PART : 0;
	uint64_t ten = 1;
	size_t n = 0;

	borders[n++] = 0;
	for (size_t i = 0; n < BORDERS_MAX && borders[n - 1] <= max; i++) {
		borders[n] = steps[i % 3] * ten;
		n += borders[n] >= least;
		ten *= i % 3 == 2 ? 10 : 1;
	}
	return n;
}
