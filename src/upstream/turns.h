/* SPDX-License-Identifier: ISC */
/*
 * Walks the rotation (rotation.h) of a set's choices, for rules: takes the choice at an index, or
 * the next one if that one is full or was tried. In these names a turn is a step of the rotation,
 * not a turn of the loop. Private to upstream/.
 */
#ifndef WEIR_UPSTREAM_TURNS_H
#define WEIR_UPSTREAM_TURNS_H

#include <stddef.h>
#include <stdint.h>

#include "upstream/rotation.h"

struct group_ask;
struct group_set;

/** How far the rotation is followed. After that, each choice is tried once in the set's order. */
enum { TURNS_FOLLOWED = 64 };

/** The rotation of these choices; free() it. NULL: no memory. The main thread. */
struct rotation *turns_new(const struct group_set *set);

/**
 * Takes a place of the choice at index `at` (below rotation->n) of the rotation, or of the next
 * choice that is not full and was not tried. RULE_NONE: there is none.
 */
size_t turns_take(const struct group_set *set, const struct rotation *rotation, uint32_t at,
	struct group_ask *ask);

/** As turns_take(), at the next index, which all workers share. */
size_t turns_take_next(
	const struct group_set *set, const struct rotation *rotation, struct group_ask *ask);

#endif
