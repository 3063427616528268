/* SPDX-License-Identifier: ISC */
/*
 * A plan: an upstream as one config has it, or that with the servers that DNS has found besides
 * (finders.h). Immutable and counted: the offers of that config hold the former, and the group has
 * either in force (group.h).
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
	struct group *group;    /**< borrowed: who holds the plan holds its group, too */
	struct sockopts socket; /**< of TCP servers */
	struct addr source;     /**< where TCP connections come from; sa_len 0: anywhere */
	uint64_t retry_for_ns;  /**< how long to try the servers again; NS_NEVER: not at all */
	enum conf_balance balance;
	enum conf_hash_on hash_on;
	uint16_t first_port;    /**< with BALANCE_PORTS: whose server is the first member */
	uint32_t tries;         /**< servers tried in one round; 0: see CONF_TRIES_PRESET */
	uint32_t queue_max;     /**< clients that wait at most; 0: none does */
	uint64_t slow_start_ns; /**< NS_NEVER: none */
	bool is_awaited;        /**< DNS has not said yet which servers there are besides */
	enum conf_send_proxy send_proxy; /**< what a server is told of its client */
	unsigned send_proxy_tlvs;        /**< of enum conf_tlv */
	struct conf_eject eject;
	size_t n_members;
	struct member *members[]; /**< a reference to each, in the order of the config */
};

/** A plan of what a config says (copied) for its group, with one reference. NULL: no memory. The
 * main thread. */
struct group_plan *group_plan_new(
	struct servers *servers, struct group *group, const struct conf_upstream *conf);

/**
 * The same with these members besides, which are what DNS says; takes a reference to each. NULL: no
 * memory.
 */
struct group_plan *group_plan_with(
	const struct group_plan *plan, struct member *const *found, size_t n);

/** Any thread. group_plan_unref(NULL) is fine; it returns NULL. */
struct group_plan *group_plan_ref(struct group_plan *plan);
struct group_plan *group_plan_unref(struct group_plan *plan);

/**
 * How long a session is to wait before it begins another round, when no server would connect: 100
 * ms, and twice as long each time, at most 1 s, so that the last try is when retry_for is over.
 * NS_NEVER: it is. `n_retries` so far; `waited_ns` since the first try began.
 */
uint64_t group_plan_wait_ns(const struct group_plan *plan, unsigned n_retries, uint64_t waited_ns);

#endif
