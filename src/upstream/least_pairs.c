/* SPDX-License-Identifier: ISC */
/*
 * The rule "least_pairs": the server with the fewest open pairs for its weight. Among equal ones
 * the first that is looked at is taken, and each pick begins with the next server.
 *
 * Each server is looked at once. If another worker takes the last place of the best one meanwhile,
 * it counts as full, and the best of the others is looked for.
 */
#include <stdatomic.h>

#include "upstream/ask.h"
#include "upstream/rule.h"
#include "upstream/set.h"

/** The best one that was not tried and has a place; RULE_NONE: there is none. */
static size_t best(const struct group_set *set, size_t begin, struct group_ask *ask)
{
	size_t best = RULE_NONE;
	uint64_t best_n = 0;

	for (size_t k = 0; k < set->n; k++) {
		size_t i = begin + k < set->n ? begin + k : begin + k - set->n;
		struct server *server = set->choices[i].server;
		uint64_t n = server_n_open(server);
		uint32_t max = atomic_load_explicit(&server->max_pairs, memory_order_relaxed);

		if (group_tried_has(ask->tried, server)) {
			continue;
		}
		if (max != 0 && n >= max) {
			ask->full = true;
		} else if (best == RULE_NONE ||
			   n * set->choices[best].weight < best_n * set->choices[i].weight) {
			best = i;
			best_n = n;
		}
	}
	return best;
}

static size_t pick(const struct group_set *set, struct group_ask *ask)
{
	uint64_t n = atomic_fetch_add_explicit(set->n_picks, 1, memory_order_relaxed);
	size_t i = RULE_NONE;

	if (set->n > 0) {
		do {
			i = best(set, (size_t)(n % set->n), ask);
		} while (i != RULE_NONE && !group_set_take(set, i, ask));
	}
	return i;
}

const struct rule rule_least_pairs = {.pick = pick};
