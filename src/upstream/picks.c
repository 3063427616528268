/* SPDX-License-Identifier: ISC */
#include "upstream/picks.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "upstream/rule.h"
#include "upstream/set.h"

struct rotation *picks_rotation(const struct group_set *set)
{
	uint32_t *weights = malloc(set->n * sizeof(*weights) + 1);
	struct rotation *rotation;

	if (weights == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < set->n; i++) {
		weights[i] = set->choices[i].weight;
	}
	rotation = rotation_new(weights, set->n);
	free(weights);
	return rotation;
}

size_t picks_take(const struct group_set *set, const struct rotation *rotation, uint32_t at,
	struct group_ask *ask)
{
	size_t i = rotation->order[at];
	uint32_t n = rotation->n < PICKS_FOLLOWED ? rotation->n : PICKS_FOLLOWED;

	for (; n > 0; n--) {
		if (group_set_take(set, rotation->order[at], ask)) {
			return rotation->order[at];
		}
		at = at + 1 < rotation->n ? at + 1 : 0;
	}
	for (size_t k = 0; rotation->n > PICKS_FOLLOWED && k < set->n; k++) {
		i = i + 1 < set->n ? i + 1 : 0;
		if (group_set_take(set, i, ask)) {
			return i;
		}
	}
	return RULE_NONE;
}

size_t picks_take_next(
	const struct group_set *set, const struct rotation *rotation, struct group_ask *ask)
{
	uint64_t n;

	if (rotation->n == 0) {
		return RULE_NONE;
	}
	n = atomic_fetch_add_explicit(set->n_picks, 1, memory_order_relaxed);
	return picks_take(set, rotation, (uint32_t)(n % rotation->n), ask);
}
