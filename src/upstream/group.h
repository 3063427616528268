/* SPDX-License-Identifier: ISC */
/*
 * A group: an upstream at run time, found by its name, over all configs.
 *
 *	target ──▶ plan, of one config ──▶ members ──▶ servers, each by group and address
 *	  └──────▶ group, by name ── has in force ──▶ a plan, and the set made of it
 *
 * Here are the functions for a session: get the next server, report how it did, give its place
 * back. The group knows no balancing rule (rule.h). It answers from its set (set.h), which the main
 * thread replaces whenever a config, a state or a weight changes. Workers read the set without a
 * lock (readers.h). A session that finds all servers full waits in the group's queue (queue.h).
 */
#ifndef WEIR_UPSTREAM_GROUP_H
#define WEIR_UPSTREAM_GROUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/registry.h"
#include "log/often.h"
#include "upstream/ask.h"
#include "upstream/overrides.h"
#include "upstream/plan.h"
#include "upstream/queue.h"
#include "upstream/readers.h"
#include "upstream/server.h"

struct checked_group;
struct conf_upstream;
struct finder;
struct group_set;
struct resolver;

/** All groups of the process and their servers, over all configs. */
struct groups {
	struct registry names; /* struct group::entry */
	struct servers servers;
	/** What administrators have set, also for servers that are gone. */
	struct overrides overrides;
	struct often_list failures;
	struct readers readers; /**< the workers */
	/* struct group::stale, with a reference each: the tick makes their sets again. */
	struct list stale;
	/** Called when the pairs of some servers must end (server::ends_pairs), on the main thread.
	 * May be NULL. */
	void (*end_pairs)(void *owner);
	void *owner; /**< passed to end_pairs() */
};

struct group {
	struct registry_entry entry; /**< in struct groups::names */
	struct groups *groups;
	struct often failures;           /**< counts failures of its pairs, to limit log lines */
	struct group_queue queue;        /**< the sessions that wait for a server */
	_Atomic(struct group_set *) set; /**< in force */
	_Atomic uint64_t n_picks;        /**< counted by the rules that need it */
	struct group_plan *plan;         /**< in force; a reference; for the main thread */
	struct finder *finder;           /**< finders.c uses it, on the main thread; NULL: none */
	struct list stale;               /**< struct groups::stale */
	struct checked_group *checked;   /**< checks.c uses it, on the main thread; NULL: none */
	char name[];
};

/** With resolver NULL no server may have a name. 0 or -ENOMEM. The main thread. */
int groups_init(struct groups *groups, struct resolver *resolver, size_t n_workers);

/** Only struct groups::stale may still have references to groups. Zeroed memory is fine. */
void groups_fini(struct groups *groups);

/**
 * Gives up the sets that groups_tick() would make again. Call it when no tick follows, before the
 * resolver is freed: their servers may have names. Idempotent, also on zeroed memory.
 */
void groups_end_ticks(struct groups *groups);

/**
 * Call it once a second: makes the sets for which there was no memory, and the sets in which a
 * server starts slowly. The main thread.
 */
void groups_tick(struct groups *groups);

/**
 * The group of that name, with one more reference, or a new one without a plan. NULL: no memory.
 * The main thread.
 */
struct group *group_get(struct groups *groups, const char *name);

/** Any thread. group_unref(NULL) is fine; it returns NULL. */
struct group *group_ref(struct group *group);
struct group *group_unref(struct group *group);

/**
 * Puts a plan in force when a config comes into force, or when DNS has found other servers; takes a
 * reference. A new group gets its first plan right after group_get(). 0, or -ENOMEM: the group
 * keeps its old set until there is memory; a new group then has no plan. The main thread.
 */
int group_install(struct group *group, struct group_plan *plan);

/**
 * Sets whether the open pairs of the server must end from now on. Pass true if on_down is "end" and
 * the server is down or no member any more. The main thread.
 */
void group_end_pairs(const struct group *group, struct server *server, bool end);

/**
 * Makes the group's set again: a state or a weight of one of its servers has changed. The main
 * thread.
 */
void group_refresh(struct group *group);

/** As group_refresh(), for a server that takes new pairs again and starts slowly (weight.h). */
void group_refresh_slowly(struct group *group, struct server *server);

/**
 * The next server. Only GROUP_SERVER writes *ret_member, with a reference, and takes a place of the
 * server. After GROUP_FULL call group_wait(). Any thread that is a reader.
 */
enum group_answer group_next(
	struct group *group, struct group_ask *ask, struct member **ret_member);

/**
 * As group_next(), for waiter->ask, but this request comes after those that wait already. After
 * GROUP_FULL the waiter is in the queue and gets the answer later, unless group_wait_no_more() is
 * called before. GROUP_QUEUE_FULL: queue_max requests wait already. On its loop's thread.
 */
enum group_answer group_wait(
	struct group *group, struct group_waiter *waiter, struct member **ret_member);
void group_wait_no_more(struct group *group, struct group_waiter *waiter);

/** Counts a request that has waited until timeouts.queue was over. Any thread. */
static inline void group_waited_too_long(struct group *group)
{
	(void)atomic_fetch_add(&group->queue.n_late, 1);
}

/**
 * A session reports how its server did, when it happens. It does not report a lack of weir's own
 * resources. `err` is a negative errno, UV_EAI_* or 0. Any thread, with a reference to both.
 */
void group_told(struct group *group, struct member *member, enum server_outcome outcome, int err);

/**
 * Gives a place of the server back, but not the reference; the next waiting session gets it. Any
 * thread.
 */
void group_left(struct group *group, struct member *member);

#endif
