/* SPDX-License-Identifier: ISC */
/*
 * The sessions of one worker by their ids, and what others may know of one. A walk through
 * thousands goes on in slices, while sessions come, end, and are switched to other timeouts.
 *
 *	struct part_walk walk = {0};		part.h; one for each list that is under way
 *	part_walk_begin(part, &walk);
 *	n = 512;				each slice
 *	while ((session = session_list_next(part, &walk, after, &n)) != NULL) {
 *		after = session->id;		the page can be continued from here, by another walk
 *	}
 *	part_walk_end(&walk);			when n is not 0: all were met
 *
 * On the worker's thread.
 */
#ifndef WEIR_PROXY_SESSION_LIST_H
#define WEIR_PROXY_SESSION_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "proxy/deadline.h"

struct part;
struct part_walk;
struct session;

/** The only worker that can have, or have had, the session of that id. */
static inline size_t session_list_worker(uint64_t id, size_t n_workers)
{
	return (size_t)((id - 1) % n_workers);
}

/**
 * The next session whose id is greater than `after`; the ids of a worker ascend. Looks at no more
 * than *n sessions and counts *n down by them. NULL: *n is 0, or, if it is not, all were met.
 */
struct session *session_list_next(
	struct part *part, struct part_walk *walk, uint64_t after, size_t *n);

/**
 * When each timer of the session is due (clock_ns()), by its kind, if nothing moves until then;
 * NS_NEVER: it does not run. A time that is past is that of a timer which strikes in this turn, or
 * looks once more at what the kernels hold before it does.
 */
void session_list_timers(const struct session *session, uint64_t ret_at_ns[DEADLINE_KINDS]);

#endif
