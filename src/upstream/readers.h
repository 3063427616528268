/* SPDX-License-Identifier: ISC */
/*
 * Lets workers read data that the main thread replaces, without a lock and without reference
 * counts.
 *
 *	worker:	readers_enter(), load the pointer, use its target, readers_leave()
 *	main:	store a pointer to the new data, readers_wait(), free the old data
 *
 * Each reader has a number, which is odd while it reads. readers_wait() looks at each reader. One
 * with an even number is not reading; if it begins to, it sees the new pointer. One with an odd
 * number may still use the old data, until its number changes. All of this is sequentially
 * consistent: a reader changes its number and then loads the pointer, the main thread stores the
 * pointer and then loads the numbers, so at least one of the two sees what the other has done.
 *
 * Keep the reading short, some 100 ns: if the kernel suspends a worker during it, the main thread
 * must wait until the worker runs again.
 */
#ifndef WEIR_UPSTREAM_READERS_H
#define WEIR_UPSTREAM_READERS_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { READER_ALIGN = 64 }; /* a cache line, so that each worker writes to its own */

struct reader {
	alignas(READER_ALIGN) _Atomic uint64_t n; /**< odd: it is reading */
};

/** Zeroed: none. */
struct readers {
	struct reader *all; /**< one for each worker, by its index */
	size_t n;
};

/** 0 or -ENOMEM. */
int readers_init(struct readers *readers, size_t n);

/** Frees the readers; nobody may be reading. Zeroed memory is fine. */
void readers_fini(struct readers *readers);

/** Begins to read. On the thread of that worker, which must not be reading already. */
static inline void readers_enter(struct readers *readers, size_t worker)
{
	uint64_t before = atomic_fetch_add(&readers->all[worker].n, 1);

	assert(before % 2 == 0);
	(void)before;
}

static inline void readers_leave(struct readers *readers, size_t worker)
{
	uint64_t before =
		atomic_fetch_add_explicit(&readers->all[worker].n, 1, memory_order_release);

	assert(before % 2 == 1);
	(void)before;
}

/** Returns when all who were reading have finished. The main thread. */
void readers_wait(const struct readers *readers);

#endif
