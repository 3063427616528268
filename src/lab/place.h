/* SPDX-License-Identifier: ISC */
/*
 * A place on a list that somebody goes through over many turns: what is taken off the list
 * meanwhile is told to the places, which go on to what follows it.
 */
#ifndef WEIR_LAB_PLACE_H
#define WEIR_LAB_PLACE_H

#include "base/list.h"

struct place {
	struct list link; /* struct lab::places */
	struct list *at;
};

/** It is about to be taken off its list. */
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
