/* SPDX-License-Identifier: ISC */
/*
 * The rule of a range of servers: the i-th server is only for clients that connected to the i-th
 * port.
 */
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
	/* The choices are in the order of the members; some are missing if they are not usable. */
	while (i-- > 0) {
		if (set->choices[i].member == set->members[at]) {
			return group_set_take(set, i, ask) ? i : RULE_NONE;
		}
	}
	return RULE_NONE;
}

const struct rule rule_ports = {.pick = pick};
