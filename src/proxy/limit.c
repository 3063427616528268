/* SPDX-License-Identifier: ISC */
#include "proxy/limit.h"

#include <assert.h>

bool limit_take(struct limit *limit)
{
	uint32_t n = atomic_load(&limit->n_taken);

	do {
		if (limit->max != 0 && n >= limit->max) {
			return false;
		}
	} while (!atomic_compare_exchange_weak(&limit->n_taken, &n, n + 1));
	return true;
}

bool limit_give(struct limit *limit)
{
	uint32_t n = atomic_fetch_sub(&limit->n_taken, 1);

	assert(n > 0);
	return limit->max != 0 && n >= limit->max;
}

bool limit_is_full(const struct limit *limit)
{
	return limit->max != 0 && atomic_load(&limit->n_taken) >= limit->max;
}
