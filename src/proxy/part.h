/* SPDX-License-Identifier: ISC */
/*
 * What the sessions and listeners of one worker share: its loop, its counters, the generation in
 * force, and callbacks. It is made by the proxy (proxy.h), which is a layer above them; they report
 * to the proxy through part_calls.
 *
 * Only the worker's thread uses it, except that any thread may read `counters`, `late`, and what
 * does not change: `loop`, `shared` and `index`.
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

/** Callbacks to the proxy. */
struct part_calls {
	/** A session has ended, or could not begin; n_sessions does not count it any more. */
	void (*session_ended)(struct part *part);
	/** The listener has accepted all that was in its queue. It is to be closed later, not in
	 * this call. */
	void (*drained)(struct part *part, struct listener *listener);
	/** A UNIX socket has stopped letting new clients in (BOUND_DRAINING). */
	void (*refuses)(struct part *part);
};

/**
 * An iteration over the sessions of a part, sorted by id, which may pause between any two of them,
 * so that thousands are gone through in slices. It leaves out sessions that end in a pause, and
 * those that begin after it has returned the last one. Zeroed: no iteration is under way.
 */
struct part_walk {
	struct list link;  /**< struct part::walks */
	struct list *next; /**< struct session::link; the head of the list: it is over */
};

struct part {
	struct loop *loop;
	struct proxy_shared *shared;
	size_t index; /**< index in shared->parts */
	const struct part_calls *calls;
	struct waiting *waiting; /**< the listeners that wait for a place here */
	uint64_t n_sessions_made;
	size_t n_sessions;
	struct list sessions;       /* struct session::link, sorted by id */
	struct list walks;          /* struct part_walk::link */
	struct list terms;          /* struct terms::link: those with users */
	struct generation *current; /**< the generation in force; the proxy has the reference */
	struct own_cache own_cache;
	bool draining;               /**< whether `drain` is in force */
	struct deadline_drain drain; /**< while draining; the sessions borrow it */
	struct counters counters;
	/** How late the timers expired, in us. Any thread may read it. NULL: there was no
	 * memory. */
	struct hdr *late;
};

/** Sets it up, on the thread of `loop`. Cannot fail. `calls` are borrowed. */
void part_init(struct part *part, struct loop *loop, struct proxy_shared *shared, size_t index,
	const struct part_calls *calls);

/** All sessions must have ended, and all listeners must be closed. */
void part_fini(struct part *part);

/** The drain that may end sessions; NULL: none is in force. */
static inline const struct deadline_drain *part_drain(const struct part *part)
{
	return part->draining ? &part->drain : NULL;
}

/** Begins at the first session, also if the walk is under way already. */
void part_walk_begin(struct part *part, struct part_walk *walk);

/** The next session, as its struct session::link; NULL: there are no more. */
struct list *part_walk_next(struct part *part, struct part_walk *walk);

/** Ends the walk. Idempotent, also on a zeroed walk. */
void part_walk_end(struct part_walk *walk);

/** Called by a session: removes it from `sessions`, and moves every walk that would visit it next
 * to the one after it. */
void part_forget_session(struct part *part, struct list *link);

/** Called by a session that has ended: subtracts it from n_sessions, and calls session_ended(). */
void part_session_ended(struct part *part);

#endif
