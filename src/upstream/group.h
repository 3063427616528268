/* SPDX-License-Identifier: ISC */
/*
 * A group: an upstream at run time, by its name, over all configs.
 *
 *	target ──▶ plan, of one config ──▶ members ──▶ servers, each by group and address
 *	  └──────▶ group, by name ── has in force ──▶ a plan, and the set made of it
 *
 * What a session asks and tells stands here: which server is next, how it went, that it has left.
 * It knows no rule (rule.h). The group answers from its set (set.h), which the main thread replaces
 * whenever a config, a state or a weight changes: workers read it without a lock (readers.h). A
 * session that finds all servers full waits in the group's queue (queue.h).
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
#include "upstream/plan.h"
#include "upstream/queue.h"
#include "upstream/readers.h"
#include "upstream/server.h"

struct checked_group;
struct conf_upstream;
struct finder;
struct group_set;
struct resolver;

/** All groups of the process, and their servers, over all configs. */
struct groups {
	struct registry names; /* struct group::entry */
	struct servers servers;
	struct often_list failures;
	struct readers readers; /**< the workers */
	struct list
		stale; /* struct group::stale, each with a reference: to be made anew by the tick */
	/** The pairs of some servers are to end (server::ends_pairs); the main thread. NULL: nobody
	 * is to be told. */
	void (*end_pairs)(void *owner);
	void *owner; /**< handed to it */
};

struct group {
	struct registry_entry entry; /**< in struct groups::names */
	struct groups *groups;
	struct often failures;           /**< of its pairs */
	struct group_queue queue;        /**< who waits for a server */
	_Atomic(struct group_set *) set; /**< in force */
	_Atomic uint64_t n_picks;        /**< by rules that count them */
	struct group_plan *plan;         /**< in force: a reference; the main thread's */
	struct finder *finder;           /**< finders.c's, the main thread's; NULL: none */
	struct list stale;               /**< struct groups::stale */
	struct checked_group *checked;   /**< checks.c's, the main thread's; NULL: none */
	char name[];
};

/** resolver: NULL: no server may have a name. 0 or -ENOMEM. The main thread. */
int groups_init(struct groups *groups, struct resolver *resolver, size_t n_workers);

/** All groups must be gone. Fine on zeroed memory. */
void groups_fini(struct groups *groups);

/** Call it once a second: makes the sets for which there was no memory, and those in which servers
 * start slowly. The main thread. */
void groups_tick(struct groups *groups);

/**
 * The group of that name, or a new one without a plan, with one reference. NULL: no memory. The
 * main thread.
 */
struct group *group_get(struct groups *groups, const char *name);

/** Any thread. group_unref(NULL) is fine; it returns NULL. */
struct group *group_ref(struct group *group);
struct group *group_unref(struct group *group);

/**
 * Puts the plan in force: that of a config which is in force from now on. A new group gets its
 * first one with group_get(). 0, or -ENOMEM: the group goes on with what it had until there is
 * memory, but for a first plan, which it then does not have. The main thread.
 */
int group_install(struct group *group, struct group_plan *plan);

/**
 * Whether the open pairs of its server are to end, from now on: where on_down is "end", and the
 * server is down or gone. The main thread.
 */
void group_end_pairs(const struct group *group, struct server *server, bool end);

/** Makes its set anew: a state or a weight of one of its servers has changed. The main thread. */
void group_refresh(struct group *group);

/** The same when the server takes new pairs again, of which it gets more and more (weight.h). */
void group_refresh_slowly(struct group *group, struct server *server);

/**
 * The next server. Only GROUP_SERVER sets *ret_member, to a reference, and then the server has a
 * place less. After GROUP_FULL the caller asks group_wait(). Any thread that is a reader.
 */
enum group_answer group_next(
	struct group *group, struct group_ask *ask, struct member **ret_member);

/**
 * The same for waiter->ask, which comes behind those that wait already. With GROUP_FULL the waiter
 * is in the queue (queue_max) and is told the answer later, unless group_wait_no_more() is called
 * before. Its loop's thread.
 */
enum group_answer group_wait(
	struct group *group, struct group_waiter *waiter, struct member **ret_member);
void group_wait_no_more(struct group *group, struct group_waiter *waiter);

/** An ask that waits has waited too long. Any thread. */
static inline void group_waited_too_long(struct group *group)
{
	(void)atomic_fetch_add(&group->queue.n_late, 1);
}

/** A session tells how its server did, at that moment. It does not tell what weir itself lacked.
 * `err` is a negative errno, or 0. Any thread, which has a reference to both. */
void group_told(struct group *group, struct member *member, enum server_outcome outcome, int err);

/** Gives a place of the server back, but not the reference: the next one that waits gets it. Any
 * thread. */
void group_left(struct group *group, struct member *member);

#endif
