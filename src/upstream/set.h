/* SPDX-License-Identifier: ISC */
/*
 * A group: an upstream of the config at run time. What does not change with a config and what does
 * are objects of their own:
 *
 *	offer ──▶ group_set, of one config ──▶ group, by name: how many failed
 *	               └─ servers, each by group and address (server.h)
 *
 * A set is immutable, so that workers read it without a lock; another config makes another set, and
 * pairs in progress keep theirs through their offer. The group and the servers are found again by
 * it (registry.h), and with them what is known of them.
 */
#ifndef WEIR_UPSTREAM_SET_H
#define WEIR_UPSTREAM_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/refs.h"
#include "base/registry.h"
#include "base/sockopts.h"
#include "upstream/failures.h"
#include "upstream/server.h"

struct conf_upstream;
struct resolver;

/** All groups of the process, and their servers, over all configs. */
struct groups {
	struct registry names;   /* struct group::entry */
	struct registry servers; /* struct server::entry */
	struct failures_list failures;
	struct resolver *resolver; /**< borrowed, of the names of servers */
};

/** resolver: NULL: no server may have a name. */
void groups_init(struct groups *groups, struct resolver *resolver);

/** What is the same in all configs that have the name. */
struct group {
	struct registry_entry entry; /**< in struct groups::names */
	struct failures failures;    /**< of its pairs */
	char name[];
};

/** A group as one config has it. */
struct group_set {
	struct refs refs;
	struct group *group;    /**< a reference */
	struct sockopts socket; /**< of TCP servers */
	struct addr source;     /**< where TCP connections come from; sa_len 0: anywhere */
	uint64_t retry_for_ns;  /**< how long to try the servers again; NS_NEVER: not at all */
	size_t n_servers;
	struct server *servers[]; /**< a reference to each, in the order of the config */
};

/** What a session has tried in this round. Zeroed: nothing. */
struct group_tried {
	uint16_t n;
};

/**
 * A set for what a config says of an upstream (copied), with one reference. NULL: no memory. The
 * main thread.
 */
struct group_set *group_set_new(struct groups *groups, const struct conf_upstream *conf);

/** Any thread. group_set_unref(NULL) is fine; it returns NULL. */
struct group_set *group_set_ref(struct group_set *set);
struct group_set *group_set_unref(struct group_set *set);

#endif
