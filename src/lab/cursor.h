/* SPDX-License-Identifier: ISC */
/*
 * The position of an iteration over a list that takes several turns of the loop. Before an element
 * is removed from the list, cursors_leave() moves each position at that element to the next one.
 */
#ifndef WEIR_LAB_CURSOR_H
#define WEIR_LAB_CURSOR_H

#include "base/list.h"

struct cursor {
	struct list link; /* struct lab::cursors */
	struct list *at;
};

/** Call it before `leaving` is removed from its list. */
static inline void cursors_leave(const struct list *cursors, const struct list *leaving)
{
	list_for_each (link, cursors) {
		struct cursor *cursor = container_of(link, struct cursor, link);

		if (cursor->at == leaving) {
			cursor->at = leaving->next;
		}
	}
}

#endif
