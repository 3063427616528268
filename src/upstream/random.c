/* SPDX-License-Identifier: ISC */
/*
 * The rule "random": draws two servers, with probabilities by weight, and takes the one with fewer
 * pairs for its weight; of equal ones the first. This costs two loads and a comparison.
 *
 * Servers are drawn from the rotation of the weights, by a hash of the number of the pick. All
 * workers count picks together and share no other state.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mix.h"
#include "upstream/picks.h"
#include "upstream/rule.h"
#include "upstream/set.h"

/** Number n of the sequence of splitmix64. */
static uint64_t random_number(uint64_t n)
{
	return mix((n + 1) * MIX_STEP);
}

/** From 32 random bits, a number below n. All are equally likely, to n parts in 2^32. */
static uint32_t below(uint32_t n, uint32_t bits)
{
	return (uint32_t)(((uint64_t)n * bits) >> 32);
}

static int prepare(struct group_set *set, const struct group_set *before)
{
	(void)before;
	set->prepared = picks_rotation(set);
	return set->prepared != NULL ? 0 : -ENOMEM;
}

/** Whether the first has more pairs for its weight than the second. */
static bool is_worse(const struct choice *first, const struct choice *second)
{
	uint64_t n = server_n_open(first->server);
	uint64_t n_second = server_n_open(second->server);

	return n * second->weight > n_second * first->weight;
}

static size_t pick(const struct group_set *set, struct group_ask *ask)
{
	const struct rotation *rotation = set->prepared;
	uint64_t bits;
	uint32_t at;
	size_t first;
	size_t second;

	if (rotation->n == 0) {
		return RULE_NONE;
	}
	bits = random_number(atomic_fetch_add_explicit(set->n_picks, 1, memory_order_relaxed));
	at = below(rotation->n, (uint32_t)(bits >> 32));
	first = rotation->order[at];
	second = rotation->order[below(rotation->n, (uint32_t)bits)];
	if (second == first && set->n > 1) { /* another one */
		second = (first + 1 + bits % (set->n - 1)) % set->n;
	}
	if (is_worse(&set->choices[first], &set->choices[second])) {
		size_t other = first;

		first = second;
		second = other;
	}
	if (group_set_take(set, first, ask)) {
		return first;
	}
	return group_set_take(set, second, ask) ? second : picks_take(set, rotation, at, ask);
}

const struct rule rule_random = {.prepare = prepare, .release = free, .pick = pick};
