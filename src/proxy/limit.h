/* SPDX-License-Identifier: ISC */
/*
 * A limit on open pairs: one atomic count, shared by all workers. A place is taken before a
 * connection is accepted and given back when its session has ended.
 */
#ifndef WEIR_PROXY_LIMIT_H
#define WEIR_PROXY_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limit {
	_Atomic uint32_t n_taken;
	_Atomic uint32_t max;  /**< 0: none */
	_Atomic unsigned refs; /**< of one on the heap */
};

/** One on the heap, with one reference; NULL: no memory. */
struct limit *limit_new(uint32_t max);

/** Any thread. limit_unref(NULL) is fine; it returns NULL. */
struct limit *limit_ref(struct limit *limit);
struct limit *limit_unref(struct limit *limit);

/**
 * Changes the maximum. With less than is taken nothing is taken any more until there is room again.
 * Whoever waits for a place must be told when there are more. Any thread.
 */
void limit_set(struct limit *limit, uint32_t max);

/** Takes a place if there is one. Any thread. */
bool limit_take(struct limit *limit);

/**
 * Gives one back. True: the limit was reached until now, so somebody may be waiting and must be
 * told. Any thread.
 */
bool limit_give(struct limit *limit);

/** Whether there is no place just now. Any thread. */
bool limit_is_full(const struct limit *limit);

/**
 * Closes it for ever, so that no place can be taken; only if none is. Whether it is closed. For
 * ending when nothing is open: who comes at this moment is either before or after. Any thread.
 */
bool limit_close(struct limit *limit);
bool limit_is_closed(const struct limit *limit);

/** What n_taken is when it is closed. */
#define LIMIT_CLOSED UINT32_MAX

/** Who reads this sees all that was done before the last place was given back. */
static inline uint32_t limit_taken(const struct limit *limit)
{
	uint32_t n = atomic_load_explicit(&limit->n_taken, memory_order_acquire);

	return n == LIMIT_CLOSED ? 0 : n;
}

static inline uint32_t limit_max(const struct limit *limit)
{
	return atomic_load_explicit(&limit->max, memory_order_relaxed);
}

#endif
