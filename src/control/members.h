/* SPDX-License-Identifier: ISC */
/*
 * The upstreams of a config with the servers that each has when it is its turn, one after the
 * other, for answers in slices. The plan of an upstream is held while it is gone through, so that
 * none of its servers is met twice, or left out, where DNS or a reload changes them. Private to
 * control/.
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

/** Set `groups` and `conf`, both borrowed; the rest is zeroed, and so again at the end. */
struct members {
	struct groups *groups;
	const struct conf *conf;
	size_t at;           /**< upstreams that were taken */
	struct group *group; /**< a reference: of the last one */
	struct group_plan *plan;
	size_t at_member;
};

/** The next upstream, as `group`; false: there is none left. NULL: there is no memory for it. */
bool members_next_group(struct members *members);

/** The next server of it; NULL: it has no more. */
const struct member *members_next(struct members *members);

/** The next server of any; NULL: that was the last one. */
const struct member *members_next_of_all(struct members *members);

/** Begins anew, and gives back what it holds. */
void members_rewind(struct members *members);

#endif
