/* SPDX-License-Identifier: ISC */
/*
 * What a worker counts about its pairs: for all together, and for each listener name (limits.h).
 * Only that worker writes its counters. Any thread may read them, and adds up those of all workers.
 */
#ifndef WEIR_PROXY_COUNTERS_H
#define WEIR_PROXY_COUNTERS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/buckets.h"
#include "proxy/end.h"
#include "proxy/side.h"

struct counters {
	_Atomic uint64_t n_accepted;
	_Atomic uint64_t n_rests;       /**< how often accepting has failed and was paused */
	_Atomic uint64_t n_half_closed; /**< how many of the open pairs are half-closed */
	_Atomic uint64_t n_closed[END_REASONS]; /**< ended pairs, by reason */
	_Atomic uint64_t ended_ns;              /**< when a pair last ended; 0: none has */
	struct buckets late[DEADLINE_KINDS];    /**< how late each timer expired */
};

/** How bytes were relayed from one side to the other. */
enum tally_path {
	TALLY_COPIED,
	TALLY_SPLICED,
	TALLY_PATHS,
};

enum { TALLY_ALIGN = 64 }; /* a cache line: each worker writes to its own */

/** What one worker has counted for a listener name, over all generations. The number of open pairs
 * is not here: it is limit_taken() of the listener's limit. */
struct tally {
	alignas(TALLY_ALIGN) _Atomic uint64_t n_accepted;
	_Atomic uint64_t n_bytes[SIDES][TALLY_PATHS]; /**< bytes read, by the side that sent them */
	_Atomic uint64_t n_ended[END_BYS][END_REASONS];
};

/** Adds to a counter. Only on the worker's thread, because it is the only writer. */
static inline void counter_add(_Atomic uint64_t *counter, int64_t by)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, n + (uint64_t)by, memory_order_relaxed);
}

#endif
