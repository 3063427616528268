/* SPDX-License-Identifier: ISC */
/*
 * Iterates over the upstreams of a config and their servers, for answers in slices. The servers of
 * an upstream are those that it has when the iteration reaches it. The iteration has a reference to
 * their plan, so that none of them is visited twice or left out if DNS or a reload changes them
 * meanwhile. Private to control/.
 */
#ifndef WEIR_CONTROL_MEMBERS_H
#define WEIR_CONTROL_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

struct conf;
struct group;
struct group_plan;
struct groups;
struct member;

/** The caller sets `groups` and `conf`, both borrowed, and zeroes the rest. At its end the
 * iteration has zeroed the rest again. */
struct members {
	struct groups *groups;
	const struct conf *conf;
	size_t at;           /**< number of upstreams visited */
	struct group *group; /**< a reference to that of the last upstream */
	struct group_plan *plan;
	size_t at_member;
};

/** Goes to the next upstream; false: there are no more. `group` is then its group, or NULL if there
 * is no memory for it. */
bool members_next_group(struct members *members);

/** The next server of that upstream; NULL: it has no more. */
const struct member *members_next(struct members *members);

/** The next server of any upstream; NULL: there are no more. */
const struct member *members_next_of_all(struct members *members);

/** Returns to the beginning, and gives back its references. */
void members_rewind(struct members *members);

#endif
