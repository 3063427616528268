/* SPDX-License-Identifier: ISC */
/*
 * One worker's part of the proxy, as far as its sessions and listeners need it: its loop, what it
 * counts, the generation in force, and whom to tell. The proxy (proxy.h), which stands above them,
 * makes it; what they have to tell the proxy goes through part_calls.
 *
 * It is touched by the worker's thread alone, but for the counters.
 */
#ifndef WEIR_PROXY_PART_H
#define WEIR_PROXY_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hdr.h"
#include "base/list.h"
#include "proxy/counters.h"
#include "proxy/deadline.h"
#include "proxy/own.h"

struct generation;
struct listener;
struct loop;
struct part;
struct proxy_shared;
struct waiting;

/** What the proxy is told. */
struct part_calls {
	/** A session has ended, or could not begin: n_sessions counts it no more. */
	void (*session_ended)(struct part *part);
	/** The listener has served its queue: it may be closed, later. */
	void (*drained)(struct part *part, struct listener *listener);
	/** A UNIX socket lets nobody new in any more: BOUND_DRAINING. */
	void (*refuses)(struct part *part);
};

/**
 * A walk through the sessions of a part, in the order of their ids, that may rest between any two:
 * those that end meanwhile are left out, those that come before the walk is at its end are met. So
 * thousands are gone through in slices. Zeroed: none goes on.
 */
struct part_walk {
	struct list link;  /**< struct part::walks */
	struct list *next; /**< struct session::link, or the head: it is over */
};

struct part {
	struct loop *loop;
	struct proxy_shared *shared;
	size_t index; /**< in shared->parts */
	const struct part_calls *calls;
	struct waiting *waiting; /**< its listeners that wait for a place */
	uint64_t n_sessions_made;
	size_t n_sessions;
	struct list sessions;       /* struct session::link, in the order of their ids */
	struct list walks;          /* struct part_walk::link */
	struct list terms;          /* struct terms::link: what has users */
	struct generation *current; /**< the one in force: a reference of the proxy's */
	struct own_cache own_cache;
	bool draining;               /**< `drain` is in force */
	struct deadline_drain drain; /**< while draining; the pairs borrow it */
	struct counters counters;
	/** How late the timers struck, in us. Read by anybody; NULL where there was no memory. */
	struct hdr *late;
};

/** On the thread of `loop`; cannot fail. `calls` are borrowed. */
void part_init(struct part *part, struct loop *loop, struct proxy_shared *shared, size_t index,
	const struct part_calls *calls);

/** All sessions and listeners must be gone. */
void part_fini(struct part *part);

/** What sessions are to be drained by; NULL: nothing. */
static inline const struct deadline_drain *part_drain(const struct part *part)
{
	return part->draining ? &part->drain : NULL;
}

/** Begins at the first session; again where the walk goes on already. */
void part_walk_begin(struct part *part, struct part_walk *walk);

/** The next session, as its struct session::link; NULL: all were met. */
struct list *part_walk_next(struct part *part, struct part_walk *walk);

/** Idempotent, also on a zeroed walk. */
void part_walk_end(struct part_walk *walk);

/** For a session: takes it out of `sessions`, and out of the way of all walks. */
void part_forget_session(struct part *part, struct list *link);

/** For a session: one less here. */
void part_session_ended(struct part *part);

#endif
