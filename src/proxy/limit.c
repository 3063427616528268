/* SPDX-License-Identifier: ISC */
#include "proxy/limit.h"

#include <assert.h>
#include <stdlib.h>

struct limit *limit_new(uint32_t max)
{
	struct limit *limit = calloc(1, sizeof(*limit));

	if (limit != NULL) {
		atomic_init(&limit->max, max);
		atomic_init(&limit->refs, 1);
	}
	return limit;
}

struct limit *limit_ref(struct limit *limit)
{
	unsigned before = atomic_fetch_add_explicit(&limit->refs, 1, memory_order_relaxed);

	assert(before > 0);
	(void)before;
	return limit;
}

struct limit *limit_unref(struct limit *limit)
{
	if (limit != NULL &&
		atomic_fetch_sub_explicit(&limit->refs, 1, memory_order_acq_rel) == 1) {
		assert(limit_taken(limit) == 0);
		free(limit);
	}
	return NULL;
}

void limit_set(struct limit *limit, uint32_t max)
{
	atomic_store(&limit->max, max);
}

bool limit_take(struct limit *limit)
{
	uint32_t n = atomic_load(&limit->n_taken);
	uint32_t max;

	do {
		max = limit_max(limit);
		if ((max != 0 && n >= max) || n >= LIMIT_CLOSED - 1) {
			return false;
		}
	} while (!atomic_compare_exchange_weak(&limit->n_taken, &n, n + 1));
	return true;
}

bool limit_give(struct limit *limit)
{
	uint32_t n = atomic_fetch_sub(&limit->n_taken, 1);

	assert(n > 0);
	/* Not while there are more than the limit, as after it was lowered. */
	return n == limit_max(limit);
}

bool limit_is_full(const struct limit *limit)
{
	uint32_t max = limit_max(limit);

	return max != 0 && atomic_load(&limit->n_taken) >= max;
}

bool limit_close(struct limit *limit)
{
	uint32_t none = 0;

	return atomic_compare_exchange_strong(&limit->n_taken, &none, LIMIT_CLOSED) ||
	       none == LIMIT_CLOSED;
}

bool limit_is_closed(const struct limit *limit)
{
	return atomic_load(&limit->n_taken) == LIMIT_CLOSED;
}
