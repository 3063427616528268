/* SPDX-License-Identifier: ISC */
/* The rule of a range of servers: the i-th is for who came by the i-th port, for nobody else. */
#include "upstream/ask.h"
#include "upstream/rule.h"
#include "upstream/set.h"

static size_t pick(const struct group_set *set, struct group_ask *ask)
{
	size_t at = (size_t)ask->port - set->first_port;
	size_t i = at < set->n ? at + 1 : set->n;

	if (ask->port < set->first_port || at >= set->n_members) {
		return RULE_NONE;
	}
	/* The choices are in the order of the members, and fewer where some are not usable. */
	while (i-- > 0) {
		if (set->choices[i].member == set->members[at]) {
			return group_set_take(set, i, ask) ? i : RULE_NONE;
		}
	}
	return RULE_NONE;
}

const struct rule rule_ports = {.pick = pick};
