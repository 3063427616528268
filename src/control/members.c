/* SPDX-License-Identifier: ISC */
#include "control/members.h"

#include "conf/conf.h"
#include "upstream/group.h"
#include "upstream/plan.h"

void members_rewind(struct members *members)
{
	members->plan = group_plan_unref(members->plan);
	members->group = group_unref(members->group);
	members->at = 0;
	members->at_member = 0;
}

bool members_next_group(struct members *members)
{
	size_t at = members->at;

	members_rewind(members);
	if (at == members->conf->n_upstreams) {
		return false;
	}
	members->at = at + 1;
	members->group = group_get(members->groups, members->conf->upstreams[at].name);
	if (members->group != NULL && members->group->plan != NULL) {
		members->plan = group_plan_ref(members->group->plan);
	}
	return true;
}

const struct member *members_next(struct members *members)
{
	if (members->plan == NULL || members->at_member == members->plan->n_members) {
		return NULL;
	}
	return members->plan->members[members->at_member++];
}

const struct member *members_next_of_all(struct members *members)
{
	const struct member *member = members_next(members);

	while (member == NULL && members_next_group(members)) {
		member = members_next(members);
	}
	return member;
}
