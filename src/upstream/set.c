/* SPDX-License-Identifier: ISC */
#include "upstream/set.h"

#include <stdlib.h>

#include "base/clock.h"
#include "upstream/plan.h"
#include "upstream/rule.h"
#include "upstream/weight.h"

bool member_is_usable(const struct member *member)
{
	return weight_of(member) > 0 && !member->server->states.is_ejected;
}

static void choose(struct group_set *set, bool backups, bool ejected)
{
	for (size_t i = 0; i < set->n_members; i++) {
		struct member *member = set->members[i];
		uint32_t weight = weight_of(member);

		if (weight > 0 && member->is_backup == backups &&
			member->server->states.is_ejected == ejected) {
			set->choices[set->n++] = (struct choice){
				.server = member->server, .member = member, .weight = weight};
		}
	}
}

static void choose_first_of_these(struct group_set *set)
{
	static const struct {
		bool backups;
		bool ejected;
	} ways[] = {{false, false}, {true, false}, {false, true}, {true, true}};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && set->n == 0; i++) {
		choose(set, ways[i].backups, ways[i].ejected);
	}
}

/**
 * While some servers start slowly, weights are multiplied by WEIGHT_STEPS, and these servers get a
 * part of theirs. With many heavy servers the rotation would become too long, so parts are rounded
 * then.
 */
static void start_slowly(struct group_set *set, uint64_t slow_start_ns)
{
	uint64_t now_ns = clock_ns();
	uint64_t sum = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct choice *choice = &set->choices[i];

		choice->step = weight_step(choice->member, slow_start_ns, now_ns);
		set->is_starting |= choice->step < WEIGHT_STEPS;
		sum += choice->weight;
	}
	for (size_t i = 0; i < set->n && set->is_starting; i++) {
		struct choice *choice = &set->choices[i];

		choice->weight *= choice->step;
		if (sum > WEIGHT_SUM_FINE) {
			choice->weight = (choice->weight + WEIGHT_STEPS - 1) / WEIGHT_STEPS;
		}
	}
}

static struct group_set *group_set_alloc(const struct group_plan *plan)
{
	size_t n = plan->n_members;
	struct group_set *set = calloc(1, sizeof(*set) + n * sizeof(struct choice));

	if (set == NULL) {
		return NULL;
	}
	set->members = malloc(n * sizeof(struct member *) + 1);
	if (set->members == NULL) {
		free(set);
		return NULL;
	}
	for (; set->n_members < n; set->n_members++) {
		set->members[set->n_members] = member_ref(plan->members[set->n_members]);
	}
	return set;
}

struct group_set *group_set_new(
	const struct group_plan *plan, const struct group_set *before, _Atomic uint64_t *n_picks)
{
	struct group_set *set = group_set_alloc(plan);

	if (set == NULL) {
		return NULL;
	}
	set->n_picks = n_picks;
	set->hash_on = plan->hash_on;
	set->first_port = plan->first_port;
	set->rule = rule_of(plan->balance);
	choose_first_of_these(set);
	start_slowly(set, plan->slow_start_ns);
	set->is_empty = set->n == 0 && plan->is_awaited;
	set->tries = plan->tries == 0 ? CONF_TRIES_PRESET : plan->tries;
	if (set->rule->prepare != NULL && set->rule->prepare(set, before) < 0) {
		group_set_free(set);
		return NULL;
	}
	return set;
}

void group_set_free(struct group_set *set)
{
	if (set == NULL) {
		return;
	}
	if (set->prepared != NULL) {
		set->rule->release(set->prepared);
	}
	for (size_t i = 0; i < set->n_members; i++) {
		member_unref(set->members[i]);
	}
	free(set->members);
	free(set);
}

/* ---- answers ---- */

/**
 * Whether the set can answer the request. Only ranges use ports. Over a reload that adds, moves or
 * removes a range, a session may have begun with a config that the set in force does not cover:
 * then the session goes on with its own plan.
 */
static bool is_known(const struct group_set *set, const struct group_ask *ask)
{
	bool has_ports = set->rule == &rule_ports;

	if (ask->plan == NULL || (!has_ports && ask->plan->balance != BALANCE_PORTS)) {
		return true;
	}
	return has_ports && ask->plan->balance == BALANCE_PORTS && ask->port >= set->first_port &&
	       (size_t)(ask->port - set->first_port) < set->n_members;
}

/** Whether a member of the ask's own plan may get a pair. If the set has its server too, the
 * present states decide: the server must be a choice. Otherwise the weight decides. */
static bool may_take(const struct group_set *set, const struct member *member)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->choices[i].server == member->server) {
			return true;
		}
	}
	for (size_t i = 0; i < set->n_members; i++) {
		if (set->members[i]->server == member->server) {
			return false;
		}
	}
	return member->weight > 0;
}

/**
 * Takes a place of a server of the ask's own plan; NULL: none. The session does not wait for such a
 * place, since waiters in the queue wait for servers of the set.
 */
static struct member *take_own(const struct group_set *set, const struct group_ask *ask)
{
	const struct group_plan *plan = ask->plan;
	size_t i = 0;
	size_t end = plan->n_members;

	if (plan->balance == BALANCE_PORTS) {
		i = (size_t)ask->port - plan->first_port; /* too large if it has no port */
		end = i < end ? i + 1 : end;
	}
	for (; i < end; i++) {
		struct member *member = plan->members[i];

		if (!group_tried_has(ask->tried, member->server) && may_take(set, member) &&
			server_take(member->server)) {
			return member;
		}
	}
	return NULL;
}

enum group_answer group_set_answer(
	const struct group_set *set, struct group_ask *ask, struct member **ret_member)
{
	size_t i = RULE_NONE;

	ask->full = false;
	ask->is_own = !is_known(set, ask);
	if (ask->is_own) {
		struct member *member = take_own(set, ask);

		if (member != NULL) {
			*ret_member = member_ref(member);
			return GROUP_SERVER;
		}
		return ask->tried->n > 0 ? GROUP_EXHAUSTED : GROUP_NONE;
	}
	if (ask->tried->n < set->tries) {
		i = set->rule->pick(set, ask);
	}
	if (i != RULE_NONE) {
		*ret_member = member_ref(set->choices[i].member);
		return GROUP_SERVER;
	}
	if (ask->full || set->is_empty) {
		return GROUP_FULL;
	}
	return ask->tried->n > 0 ? GROUP_EXHAUSTED : GROUP_NONE;
}

bool group_set_take(const struct group_set *set, size_t i, struct group_ask *ask)
{
	struct server *server = set->choices[i].server;

	if (group_tried_has(ask->tried, server)) {
		return false;
	}
	if (!server_take(server)) {
		ask->full = true;
		return false;
	}
	return true;
}
