/* SPDX-License-Identifier: ISC */
/*
 * The rotation (rotation.h) of a set's choices, as rules walk it: whose turn it is, and who is next
 * when that one has no place or was tried. Private to upstream/.
 */
#ifndef WEIR_UPSTREAM_TURNS_H
#define WEIR_UPSTREAM_TURNS_H

#include <stddef.h>
#include <stdint.h>

#include "upstream/rotation.h"

struct group_ask;
struct group_set;

/** How far the rotation is followed. Behind that each choice has its turn once, in their order. */
enum { TURNS_FOLLOWED = 64 };

/** The rotation of these choices; free() it. NULL: no memory. The main thread. */
struct rotation *turns_new(const struct group_set *set);

/** Takes a place of who stands at that place of the rotation, which is below rotation->n, or of the
 * next that has one and was not tried. RULE_NONE: there is none. */
size_t turns_take(const struct group_set *set, const struct rotation *rotation, uint32_t at,
	struct group_ask *ask);

/** That, at the place that is next for all workers together. */
size_t turns_take_next(
	const struct group_set *set, const struct rotation *rotation, struct group_ask *ask);

#endif
