/* SPDX-License-Identifier: ISC */
/*
 * The rule "round_robin": the servers in rotation, each as often as its weight says. All workers
 * share one counter, so each run of as many picks as the rotation is long is exact.
 */
#include <errno.h>
#include <stdlib.h>

#include "upstream/picks.h"
#include "upstream/rule.h"
#include "upstream/set.h"

static int prepare(struct group_set *set, const struct group_set *before)
{
	(void)before;
	set->prepared = picks_rotation(set);
	return set->prepared != NULL ? 0 : -ENOMEM;
}

static size_t pick(const struct group_set *set, struct group_ask *ask)
{
	return picks_take_next(set, set->prepared, ask);
}

const struct rule rule_round_robin = {.prepare = prepare, .release = free, .pick = pick};
