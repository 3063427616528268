/* SPDX-License-Identifier: ISC */
/*
 * What a worker counts of its pairs: of all, and of each listener by its name (limits.h). Written
 * by that worker alone, read by anybody, who adds up those of all workers.
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
	_Atomic uint64_t n_rests;               /**< accepting has failed, and pauses */
	_Atomic uint64_t n_half_closed;         /**< of the open pairs */
	_Atomic uint64_t n_closed[END_REASONS]; /**< by reason */
	_Atomic uint64_t ended_ns;              /**< when a pair last ended; 0: none has */
	struct buckets late[DEADLINE_KINDS];    /**< how late each timer struck */
};

/** How bytes got from one side to the other. */
enum tally_path {
	TALLY_COPIED,
	TALLY_SPLICED,
	TALLY_PATHS,
};

enum { TALLY_ALIGN = 64 }; /* a cache line: each worker writes to its own */

/** Of the listener with a name, in whatever generation; of one worker. How many pairs are open is
 * what is taken of the limit. */
struct tally {
	alignas(TALLY_ALIGN) _Atomic uint64_t n_accepted;
	_Atomic uint64_t n_bytes[SIDES][TALLY_PATHS]; /**< read, by the side that sent them */
	_Atomic uint64_t n_ended[END_BYS][END_REASONS];
};

/** Adds to one of them; on the worker's thread, which is the only one that writes. */
static inline void counter_add(_Atomic uint64_t *counter, int64_t by)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, n + (uint64_t)by, memory_order_relaxed);
}

#endif
