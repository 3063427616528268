/* SPDX-License-Identifier: ISC */
#include "proxy/part.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/places.h"
#include "proxy/shared.h"
#include "stream/loop.h"

void part_init(struct part *part, struct loop *loop, struct proxy_shared *shared, size_t index,
	const struct part_calls *calls)
{
	*part = (struct part){
		.loop = loop,
		.shared = shared,
		.index = index,
		.calls = calls,
		.waiting = waiting_open(&shared->places, index, loop),
		.late = calloc(1, sizeof(struct hdr)),
	};
	list_init(&part->sessions);
	list_init(&part->walks);
	list_init(&part->terms);
}

void part_fini(struct part *part)
{
	assert(loop_is_current(part->loop) && part->n_sessions == 0);
	waiting_close(part->waiting);
	free(part->late);
	part->late = NULL;
}

/* ---- walks ---- */

void part_walk_begin(struct part *part, struct part_walk *walk)
{
	assert(loop_is_current(part->loop));
	part_walk_end(walk);
	walk->next = part->sessions.next;
	list_init(&walk->link);
	list_append(&part->walks, &walk->link);
}

struct list *part_walk_next(struct part *part, struct part_walk *walk)
{
	struct list *link = walk->next;

	assert(loop_is_current(part->loop));
	if (link == &part->sessions) {
		return NULL;
	}
	walk->next = link->next;
	return link;
}

void part_walk_end(struct part_walk *walk)
{
	if (walk->next != NULL) {
		list_remove(&walk->link);
		walk->next = NULL;
	}
}

void part_forget_session(struct part *part, struct list *link)
{
	list_for_each (at, &part->walks) {
		struct part_walk *walk = container_of(at, struct part_walk, link);

		if (walk->next == link) {
			walk->next = link->next;
		}
	}
	list_remove(link);
}

void part_session_ended(struct part *part)
{
	assert(loop_is_current(part->loop) && part->n_sessions > 0);
	part->n_sessions--;
	part->calls->session_ended(part);
}
