/* SPDX-License-Identifier: ISC */
/*
 * A set: which servers of a group take new pairs now, and what its rule has prepared for choosing
 * among them. Immutable: whatever changes (a config, a state, a weight) makes another set, which
 * the group has from then on (group.h). Private to upstream/.
 *
 * A server is usable when its weight is not 0 and no state speaks against it. The choices are
 *
 *	the usable servers that are no backups; if there are none,
 *	the usable backups; if there are none,
 *	those that are ejected and else were usable: no backups first.
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

/** A server to choose. */
struct choice {
	struct server *server; /**< the member's, copied to save a look */
	struct member *member; /**< the set's reference */
	uint32_t weight;       /**< as it is now, at least 1 */
	uint32_t step;         /**< how many of WEIGHT_STEPS of its weight it has */
};

struct group_set {
	const struct rule *rule;
	void *prepared;            /**< the rule's own, for these choices; or NULL */
	_Atomic uint64_t *n_picks; /**< the group's: for rules that count them */
	enum conf_hash_on hash_on;
	uint16_t first_port; /**< with BALANCE_PORTS: the port of the first member */
	uint32_t tries;      /**< servers tried in one round at most */
	bool is_starting;    /**< some start slowly: the set is made anew in a while */
	bool is_empty;       /**< nothing to choose, but DNS has not said yet what there is */
	size_t n_members;
	struct member **members; /**< a reference to each: all that the group has */
	size_t n;
	struct choice choices[]; /**< in the order of the members */
};

/**
 * The set of the plan's members by their states of now; n_picks is borrowed. The set before it, or
 * NULL, lends what is the same. NULL: no memory. The main thread.
 */
struct group_set *group_set_new(
	const struct group_plan *plan, const struct group_set *before, _Atomic uint64_t *n_picks);

/** Whether new pairs may go to it: its weight is not 0, and no state speaks against it. The main
 * thread. */
bool member_is_usable(const struct member *member);

/** Nobody may read it any more. NULL is fine. */
void group_set_free(struct group_set *set);

/**
 * What the set answers to an ask; never GROUP_QUEUE_FULL. Only GROUP_SERVER sets *ret_member, to a
 * reference, and then the server has a place less. Any thread.
 */
enum group_answer group_set_answer(
	const struct group_set *set, struct group_ask *ask, struct member **ret_member);

/**
 * Takes a place of that server and returns whether it did. It does not if the server was tried in
 * this round, or has no place; in the latter case it sets ask->full. For rules.
 */
bool group_set_take(const struct group_set *set, size_t i, struct group_ask *ask);

#endif
