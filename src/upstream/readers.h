/* SPDX-License-Identifier: ISC */
/*
 * How workers read what the main thread replaces, without a lock and without counting references.
 *
 *	worker:	readers_enter(), load the pointer, use what it points to, readers_leave()
 *	main:	store the pointer to the new one, readers_wait(), free the old one
 *
 * A reader's number is odd while it reads. readers_wait() looks at each reader once: one whose
 * number is even reads nothing older than the pointer that was stored before; one whose number is
 * odd may, until its number changes. All of it is sequentially consistent: the reader sets its mark
 * and then looks at the pointer, the writer stores the pointer and then looks at the mark, so at
 * least one of the two sees what the other has done.
 *
 * What is read stays short, some 100 ns: a worker that loses its processor just there keeps the
 * main thread waiting until it has it back.
 */
#ifndef WEIR_UPSTREAM_READERS_H
#define WEIR_UPSTREAM_READERS_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { READER_ALIGN = 64 }; /* a cache line: each worker writes to its own */

struct reader {
	alignas(READER_ALIGN) _Atomic uint64_t n; /**< odd: it reads */
};

/** Zeroed: none. */
struct readers {
	struct reader *all; /**< one for each worker, by its index */
	size_t n;
};

/** 0 or -ENOMEM. */
int readers_init(struct readers *readers, size_t n);

/** Nobody may read. Fine on zeroed memory. */
void readers_fini(struct readers *readers);

/** Begins to read; that worker's thread, and not while it reads already. */
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

/** Returns when all that were reading have left. The main thread. */
void readers_wait(const struct readers *readers);

#endif
