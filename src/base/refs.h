/* SPDX-License-Identifier: ISC */
/*
 * A reference count, for an object that several owners share, on any threads. An owner of a
 * reference may take another one. The owner that gives back the last one must free the object; it
 * sees all writes that the others made before they gave theirs back.
 */
#ifndef WEIR_BASE_REFS_H
#define WEIR_BASE_REFS_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

struct refs {
	_Atomic unsigned n;
};

/** Starts with one reference, which is the caller's. */
static inline void refs_init(struct refs *refs)
{
	atomic_init(&refs->n, 1);
}

static inline void refs_ref(struct refs *refs)
{
	unsigned before = atomic_fetch_add_explicit(&refs->n, 1, memory_order_relaxed);

	assert(before > 0);
	(void)before;
}

/** Gives one reference back. True: it was the last. */
static inline bool refs_unref(struct refs *refs)
{
	unsigned before = atomic_fetch_sub_explicit(&refs->n, 1, memory_order_acq_rel);

	assert(before > 0);
	return before == 1;
}

/**
 * Gives one reference back unless it is the last. False: it is the last, and the caller still has
 * it.
 */
static inline bool refs_unref_unless_last(struct refs *refs)
{
	unsigned n = atomic_load_explicit(&refs->n, memory_order_relaxed);

	do {
		assert(n > 0);
		if (n == 1) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&refs->n, &n, n - 1, memory_order_release, memory_order_relaxed));
	return true;
}

/** How many references there are now: for tests, and for an owner who knows that nobody else takes
 * further ones, so that it stays the only owner once it reads 1. */
static inline unsigned refs_count(const struct refs *refs)
{
	return atomic_load_explicit(&refs->n, memory_order_relaxed);
}

#endif
