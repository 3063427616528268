/* SPDX-License-Identifier: ISC */
/*
 * Walks the rotation (rotation.h) of a set's choices, for rules: takes the choice at an index, or
 * the next one if that one is full or was tried. Private to upstream/.
 */
#ifndef WEIR_UPSTREAM_PICKS_H
#define WEIR_UPSTREAM_PICKS_H

#include <stddef.h>
#include <stdint.h>

#include "upstream/rotation.h"

struct group_ask;
struct group_set;

/** How far the rotation is followed. After that, each choice is tried once in the set's order. */
enum { PICKS_FOLLOWED = 64 };

/** The rotation of these choices; free() it. NULL: no memory. The main thread. */
struct rotation *picks_rotation(const struct group_set *set);

/**
 * Takes a place of the choice at index `at` (below rotation->n) of the rotation, or of the next
 * choice that is not full and was not tried. RULE_NONE: there is none.
 */
size_t picks_take(const struct group_set *set, const struct rotation *rotation, uint32_t at,
	struct group_ask *ask);

/** As picks_take(), at the next index, which all workers share. */
size_t picks_take_next(
	const struct group_set *set, const struct rotation *rotation, struct group_ask *ask);

#endif
