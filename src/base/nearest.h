/* SPDX-License-Identifier: ISC */
/* Of known names the one that an unknown one most likely means. */
#ifndef WEIR_BASE_NEAREST_H
#define WEIR_BASE_NEAREST_H

#include <stddef.h>

enum { NEAREST_CHARS = 64 /**< of a name; what is beyond is not looked at */ };

struct nearest {
	const char *name;  /**< the unknown one */
	size_t fewest;     /**< less edits than these; then those of `known` */
	const char *known; /**< the nearest one yet, borrowed; NULL: none is near enough */
};

/** At most two edits or a third of its length away. `name` is borrowed. */
struct nearest nearest_begin(const char *name);

/** However far away. */
struct nearest nearest_begin_any(const char *name);

/** One that is known; of those that are as near the first is kept. NULL is nobody's name. */
void nearest_try(struct nearest *nearest, const char *known);

/** Insertions, deletions and changes that make one text of the other. */
size_t nearest_edits(const char *a, const char *b);

#endif
