/* SPDX-License-Identifier: ISC */
/*
 * A count of references, for what several owners share, on whatever threads. Who has one may take
 * another; who gives back the last one frees, and sees all that the others did before.
 */
#ifndef WEIR_BASE_REFS_H
#define WEIR_BASE_REFS_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

struct refs {
	_Atomic unsigned n;
};

/** One reference: the maker's. */
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

/** Gives one back. True: it was the last. */
static inline bool refs_unref(struct refs *refs)
{
	unsigned before = atomic_fetch_sub_explicit(&refs->n, 1, memory_order_acq_rel);

	assert(before > 0);
	return before == 1;
}

/** Gives one back, but not the last. False: it is the last, and still there. */
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

/** How many there are just now: for tests. */
static inline unsigned refs_count(const struct refs *refs)
{
	return atomic_load_explicit(&refs->n, memory_order_relaxed);
}

#endif
