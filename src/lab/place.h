/* SPDX-License-Identifier: ISC */
/*
 * The position of an iteration over a list that takes several turns of the loop. Before an element
 * is removed from the list, places_leave() moves each position at that element to the next one.
 */
#ifndef WEIR_LAB_PLACE_H
#define WEIR_LAB_PLACE_H

#include "base/list.h"

struct place {
	struct list link; /* struct lab::places */
	struct list *at;
};

/** Call it before `leaving` is removed from its list. */
static inline void places_leave(const struct list *places, const struct list *leaving)
{
	list_for_each (link, places) {
		struct place *place = container_of(link, struct place, link);

		if (place->at == leaving) {
			place->at = leaving->next;
		}
	}
}

#endif
