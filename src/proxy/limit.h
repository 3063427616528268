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
	uint32_t max; /**< 0: none */
};

/** Takes a place if there is one. Any thread. */
bool limit_take(struct limit *limit);

/**
 * Gives one back. True: the limit was reached until now, so somebody may be waiting and must be
 * told. Any thread.
 */
bool limit_give(struct limit *limit);

/** Whether there is no place just now. Any thread. */
bool limit_is_full(const struct limit *limit);

static inline uint32_t limit_taken(const struct limit *limit)
{
	return atomic_load_explicit(&limit->n_taken, memory_order_relaxed);
}

#endif
