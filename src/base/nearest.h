/* SPDX-License-Identifier: ISC */
/* Finds the known name that is most like an unknown one, to suggest a correction. */
#ifndef WEIR_BASE_NEAREST_H
#define WEIR_BASE_NEAREST_H

#include <stddef.h>

enum { NEAREST_CHARS = 64 /**< bytes compared; the rest of a name is ignored */ };

struct nearest {
	const char *name; /**< the unknown one */
	/** nearest_edits() of `name` and `known`; at first the limit, which it must stay below. */
	size_t fewest;
	const char *known; /**< the nearest name so far, borrowed; NULL: none is near enough */
};

/**
 * Begins a search in which at most two edits, or a third of the name's length if that is more,
 * count as near. `name` is borrowed.
 */
struct nearest nearest_begin(const char *name);

/** As nearest_begin(), but without a limit. */
struct nearest nearest_begin_any(const char *name);

/**
 * Compares with one known name, which is borrowed. If two are equally near, the first one stays.
 * NULL is ignored.
 */
void nearest_try(struct nearest *nearest, const char *known);

/** The number of insertions, deletions and changes between two texts. */
size_t nearest_edits(const char *a, const char *b);

#endif
