/* SPDX-License-Identifier: ISC */
/*
 * What a worker counts of its pairs: written by that worker alone, read by anybody, who adds up
 * those of all workers.
 */
#ifndef WEIR_PROXY_COUNTERS_H
#define WEIR_PROXY_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "proxy/end.h"

struct counters {
	_Atomic uint64_t n_accepted;
	_Atomic uint64_t n_half_closed;         /**< of the open pairs */
	_Atomic uint64_t n_closed[END_REASONS]; /**< by reason */
	_Atomic uint64_t ended_ns;              /**< when a pair last ended; 0: none has */
};

/** Adds to one of them; on the worker's thread, which is the only one that writes. */
static inline void counter_add(_Atomic uint64_t *counter, int by)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, n + (uint64_t)by, memory_order_relaxed);
}

#endif
