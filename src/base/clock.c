/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <assert.h>
#include <time.h>

uint64_t clock_ns(void)
{
	struct timespec now;
	int r = clock_gettime(CLOCK_MONOTONIC, &now);

	assert(r == 0);
	(void)r;
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
