/* SPDX-License-Identifier: ISC */
#include "proxy/limit.h"

#include <assert.h>

#include "base/clock.h"

static bool has_room(const struct limit *limit, uint32_t n)
{
	uint32_t max = atomic_load(&limit->max);

	return (max == 0 || n < max) && n < LIMIT_CLOSED - 1;
}

static bool take(struct limit *limit)
{
	uint32_t n = atomic_load(&limit->n_taken);

	do {
		if (!has_room(limit, n)) {
			return false;
		}
	} while (!atomic_compare_exchange_weak(&limit->n_taken, &n, n + 1));
	return true;
}

/** Whether those that wait must be woken. Called after a change that may have made room. */
static bool must_wake(struct limit *limit)
{
	return has_room(limit, atomic_load(&limit->n_taken)) && atomic_load(&limit->waited) &&
	       atomic_exchange(&limit->waited, false);
}

bool limit_set(struct limit *limit, uint32_t max)
{
	atomic_store(&limit->max, max);
	return must_wake(limit);
}

bool limit_take(struct limit *limit)
{
	if (take(limit)) {
		return true;
	}
	atomic_store(&limit->waited, true);
	return take(limit);
}

bool limit_give(struct limit *limit)
{
	uint32_t n = atomic_fetch_sub(&limit->n_taken, 1);

	assert(n > 0);
	(void)n;
	return must_wake(limit);
}

bool limit_await(struct limit *limit)
{
	if (!limit_is_full(limit)) {
		return true;
	}
	atomic_store(&limit->waited, true);
	return !limit_is_full(limit);
}

bool limit_is_full(const struct limit *limit)
{
	return !has_room(limit, atomic_load(&limit->n_taken));
}

bool tell_rarely(_Atomic uint64_t *told_ns, uint64_t now_ns)
{
	uint64_t before_ns = atomic_load(told_ns);

	return (before_ns == 0 || now_ns >= before_ns + (uint64_t)TELL_RARELY_S * NS_PER_S) &&
	       atomic_compare_exchange_strong(told_ns, &before_ns, now_ns);
}

bool limit_close(struct limit *limit)
{
	uint32_t none = 0;

	return atomic_compare_exchange_strong(&limit->n_taken, &none, LIMIT_CLOSED) ||
	       none == LIMIT_CLOSED;
}

bool limit_open(struct limit *limit)
{
	uint32_t closed = LIMIT_CLOSED;

	return atomic_compare_exchange_strong(&limit->n_taken, &closed, 0) && must_wake(limit);
}

bool limit_is_closed(const struct limit *limit)
{
	return atomic_load(&limit->n_taken) == LIMIT_CLOSED;
}
