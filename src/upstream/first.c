/* SPDX-License-Identifier: ISC */
/*
 * The rule "first": the servers in the order of the config; the next one is used only if the one
 * before was tried, is not usable or is full.
 */
#include "upstream/ask.h"
#include "upstream/rule.h"
#include "upstream/set.h"

static size_t pick(const struct group_set *set, struct group_ask *ask)
{
	for (size_t i = 0; i < set->n; i++) {
		if (group_set_take(set, i, ask)) {
			return i;
		}
	}
	return RULE_NONE;
}

const struct rule rule_first = {.pick = pick};
