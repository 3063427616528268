/* SPDX-License-Identifier: ISC */
/*
 * A set: which servers of a group take new pairs now, and what the rule has prepared for choosing
 * among them. Immutable: each change (a config, a state, a weight) makes a new set, which replaces
 * the old one in the group (group.h). Private to upstream/, except member_is_usable().
 *
 * A server is usable if its weight is not 0 and none of its states forbids new pairs. The choices
 * are
 *
 *	the usable servers that are not backups; if there are none,
 *	the usable backups; if there are none,
 *	the servers that would be usable if they were not ejected: backups only if there are
 *	no others.
 */
#ifndef WEIR_UPSTREAM_SET_H
#define WEIR_UPSTREAM_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "upstream/ask.h"
#include "upstream/server.h"

struct group_plan;
struct rule;

/** A server that can be chosen. */
struct choice {
	struct server *server; /**< that of the member, copied to save a memory access */
	struct member *member; /**< a reference of the set */
	uint32_t weight;       /**< at least 1; all may be scaled while a server starts slowly */
	uint32_t step;         /**< it has step / WEIGHT_STEPS of its full weight now */
};

struct group_set {
	const struct rule *rule;
	void *prepared;            /**< prepared by the rule for these choices; or NULL */
	_Atomic uint64_t *n_picks; /**< of the group: for rules that count picks */
	enum conf_hash_on hash_on;
	uint16_t first_port; /**< with BALANCE_PORTS: the port of the first member */
	uint32_t tries;      /**< most servers tried in one round */
	bool is_starting;    /**< some servers start slowly: the set is made again soon */
	bool is_empty;       /**< no choices, but DNS has not answered yet */
	size_t n_members;
	struct member **members; /**< all members of the group, with a reference each */
	size_t n;
	struct choice choices[]; /**< in the order of the members */
};

/**
 * Makes the set of the plan's members by their present states. n_picks is borrowed. `before` is the
 * set before, or NULL; what has not changed is taken over from it. NULL: no memory. The main
 * thread.
 */
struct group_set *group_set_new(
	const struct group_plan *plan, const struct group_set *before, _Atomic uint64_t *n_picks);

/**
 * Whether new pairs may go to the member: its weight is not 0, and none of its states forbids it.
 * The main thread.
 */
bool member_is_usable(const struct member *member);

/** Frees the set; nobody may be reading it. NULL is fine. */
void group_set_free(struct group_set *set);

/**
 * The set's answer to a request; never GROUP_QUEUE_FULL. Only GROUP_SERVER writes *ret_member, with
 * a reference, and takes a place of the server. Any thread.
 */
enum group_answer group_set_answer(
	const struct group_set *set, struct group_ask *ask, struct member **ret_member);

/**
 * Takes a place of choice `i` and returns whether it did. It does not if the server was tried in
 * this round or is full; if it is full, it sets ask->full. For rules.
 */
bool group_set_take(const struct group_set *set, size_t i, struct group_ask *ask);

#endif
