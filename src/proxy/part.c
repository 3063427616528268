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
	list_init(&part->terms);
}

void part_fini(struct part *part)
{
	assert(loop_is_current(part->loop) && part->n_sessions == 0);
	waiting_close(part->waiting);
	free(part->late);
	part->late = NULL;
}

void part_session_ended(struct part *part)
{
	assert(loop_is_current(part->loop) && part->n_sessions > 0);
	part->n_sessions--;
	part->calls->session_ended(part);
}
