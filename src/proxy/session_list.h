/* SPDX-License-Identifier: ISC */
/*
 * Iterates over the sessions of one worker by their ids, and shows their timers. An iteration over
 * thousands is done in slices, between which sessions may begin, end, and be switched to other
 * timeouts.
 *
 *	struct part_walk walk = {0};		part.h; one for each list that is under way
 *	part_walk_begin(part, &walk);
 *	n = 512;				each slice
 *	while ((session = session_list_next(part, &walk, after, &n)) != NULL) {
 *		after = session->id;		another walk can continue after this one
 *	}
 *	part_walk_end(&walk);			when n is not 0: there are no more sessions
 *
 * On the worker's thread only.
 */
#ifndef WEIR_PROXY_SESSION_LIST_H
#define WEIR_PROXY_SESSION_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "proxy/deadline.h"

struct part;
struct part_walk;
struct session;

/** The index of the only worker that can have, or have had, the session with this id. */
static inline size_t session_list_worker(uint64_t id, size_t n_workers)
{
	return (size_t)((id - 1) % n_workers);
}

/**
 * The next session whose id is greater than `after`; the list of a worker is sorted by id. Looks at
 * no more than *n sessions and subtracts their number from *n. NULL with *n 0: the slice is over;
 * NULL with a greater *n: there are no more sessions.
 */
struct session *session_list_next(
	struct part *part, struct part_walk *walk, uint64_t after, size_t *n);

/**
 * When each timer of the session is due (clock_ns()), by kind, if nothing moves until then;
 * NS_NEVER: it does not run. If the time lies in the past, the timer either expires in this turn of
 * the loop, or the session must first look once more at what the kernel holds.
 */
void session_list_timers(const struct session *session, uint64_t ret_at_ns[DEADLINE_KINDS]);

#endif
