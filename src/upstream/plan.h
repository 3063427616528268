/* SPDX-License-Identifier: ISC */
/*
 * A plan: an upstream as one config describes it, or the same with the servers that DNS has found
 * in addition (finders.h). Immutable, with a reference count. The offers of a config hold the
 * former; a group has one of either kind in force (group.h).
 */
#ifndef WEIR_UPSTREAM_PLAN_H
#define WEIR_UPSTREAM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/refs.h"
#include "base/sockopts.h"
#include "conf/conf.h"
#include "upstream/server.h"

struct group;

struct group_plan {
	struct refs refs;
	/** Borrowed: an owner of the plan has a reference to its group, too. */
	struct group *group;
	struct sockopts socket; /**< socket options for TCP servers */
	struct addr source;     /**< the local address of TCP connections; sa_len 0: any */
	uint64_t retry_for_ns;  /**< how long to try the servers again; NS_NEVER: never again */
	enum conf_balance balance;
	enum conf_hash_on hash_on;
	uint16_t first_port;    /**< with BALANCE_PORTS: the port of the first member */
	uint32_t tries;         /**< most servers tried in one round; 0: see CONF_TRIES_PRESET */
	uint32_t queue_max;     /**< most clients that may wait; 0: none */
	uint64_t slow_start_ns; /**< NS_NEVER: none */
	bool is_awaited;        /**< DNS has not answered yet, so there may be more servers */
	enum conf_send_proxy send_proxy; /**< the PROXY header that a server gets */
	unsigned send_proxy_tlvs;        /**< an OR of enum conf_tlv */
	struct conf_eject eject;
	size_t n_members;
	struct member *members[]; /**< with a reference each, in the order of the config */
};

/**
 * Makes a plan from an upstream of a config (copied) for its group, with one reference. NULL: no
 * memory. The main thread.
 */
struct group_plan *group_plan_new(
	struct servers *servers, struct group *group, const struct conf_upstream *conf);

/**
 * Makes the same plan with these members added, which come from DNS; takes a reference to each.
 * NULL: no memory.
 */
struct group_plan *group_plan_with(
	const struct group_plan *plan, struct member *const *found, size_t n);

/** Any thread. group_plan_unref(NULL) is fine; it returns NULL. */
struct group_plan *group_plan_ref(struct group_plan *plan);
struct group_plan *group_plan_unref(struct group_plan *plan);

/**
 * How long a session must wait before its next round, after no server could be connected to: 100
 * ms, and twice as long each time, at most 1 s, and so that the last try is at the end of
 * retry_for. NS_NEVER: retry_for is over. `n_retries` rounds were repeated so far; `waited_ns` have
 * passed since the client was accepted.
 */
uint64_t group_plan_wait_ns(const struct group_plan *plan, unsigned n_retries, uint64_t waited_ns);

#endif
