/* SPDX-License-Identifier: ISC */
#include "upstream/admin.h"

#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "upstream/checks.h"
#include "upstream/group.h"
#include "upstream/overrides.h"
#include "upstream/weight.h"

static struct member *find(const struct group *group, const char *name)
{
	const struct group_plan *plan = group->plan;

	for (size_t i = 0; plan != NULL && i < plan->n_members; i++) {
		if (strcmp(plan->members[i]->name, name) == 0) {
			return plan->members[i];
		}
	}
	return NULL;
}

static void obey(struct server_states *states, const struct admin_word *word)
{
	if (word->has_state) {
		states->told = word->state;
	}
	if (word->has_weight) {
		states->has_weight = !word->gives_back;
		states->weight = word->weight;
	}
}

int admin_tell(struct group *group, const char *name, const struct admin_word *word)
{
	struct member *member = find(group, name);
	struct server_states told;
	struct server *server;
	uint32_t before;
	int r;

	if (member == NULL) {
		return -ENOENT;
	}
	if (word->has_weight && !word->gives_back && word->weight > CONF_WEIGHT_MAX) {
		return -ERANGE;
	}
	server = member->server;
	told = server->states;
	obey(&told, word);
	r = overrides_keep(&group->groups->overrides, group->name, &server->addr, &told);
	if (r < 0) {
		return r;
	}
	before = weight_of(member);
	server->states = told;
	overrides_log(group->name, member, NULL);
	checks_settle_pairs(group, server);
	if (before == 0 && weight_of(member) > 0) {
		group_refresh_slowly(group, server);
	} else {
		group_refresh(group);
	}
	return 0;
}
