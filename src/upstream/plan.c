/* SPDX-License-Identifier: ISC */
#include "upstream/plan.h"

#include <stdlib.h>

#include "base/clock.h"

#define WAIT_MIN_NS ((uint64_t)100 * NS_PER_MS)
#define WAIT_MAX_NS ((uint64_t)NS_PER_S)

/** Also frees a plan that is half made. */
static void group_plan_free(struct group_plan *plan)
{
	for (size_t i = 0; i < plan->n_members; i++) {
		member_unref(plan->members[i]);
	}
	free(plan);
}

struct group_plan *group_plan_new(
	struct servers *servers, struct group *group, const struct conf_upstream *conf)
{
	struct group_plan *plan =
		calloc(1, sizeof(*plan) + conf->n_servers * sizeof(struct member *));

	if (plan == NULL) {
		return NULL;
	}
	refs_init(&plan->refs);
	plan->group = group;
	plan->socket = conf->socket;
	plan->source = conf->source;
	plan->retry_for_ns = conf->retry_for_ns;
	plan->balance = conf->balance;
	plan->hash_on = conf->hash_on;
	plan->first_port = conf->first_port;
	plan->tries = conf->tries;
	plan->slow_start_ns = conf->slow_start_ns;
	plan->is_awaited = conf->discovery.kind != DISCOVER_NONE;
	plan->queue_max = conf->queue_max;
	plan->send_proxy = conf->send_proxy;
	plan->send_proxy_tlvs = conf->send_proxy_tlvs;
	plan->eject = conf->eject;
	for (; plan->n_members < conf->n_servers; plan->n_members++) {
		struct member *member =
			member_new(servers, group, &conf->servers[plan->n_members], &conf->eject);

		if (member == NULL) {
			group_plan_free(plan);
			return NULL;
		}
		plan->members[plan->n_members] = member;
	}
	return plan;
}

struct group_plan *group_plan_with(
	const struct group_plan *plan, struct member *const *found, size_t n)
{
	struct group_plan *with =
		malloc(sizeof(*with) + (plan->n_members + n) * sizeof(struct member *));

	if (with == NULL) {
		return NULL;
	}
	*with = *plan;
	refs_init(&with->refs);
	with->is_awaited = false;
	with->n_members = plan->n_members + n;
	for (size_t i = 0; i < with->n_members; i++) {
		with->members[i] = member_ref(
			i < plan->n_members ? plan->members[i] : found[i - plan->n_members]);
	}
	return with;
}

struct group_plan *group_plan_ref(struct group_plan *plan)
{
	refs_ref(&plan->refs);
	return plan;
}

struct group_plan *group_plan_unref(struct group_plan *plan)
{
	if (plan != NULL && refs_unref(&plan->refs)) {
		group_plan_free(plan);
	}
	return NULL;
}

uint64_t group_plan_wait_ns(const struct group_plan *plan, unsigned n_retries, uint64_t waited_ns)
{
	uint64_t wait_ns = n_retries < 4 ? WAIT_MIN_NS << n_retries : WAIT_MAX_NS;

	if (plan->retry_for_ns == NS_NEVER || waited_ns >= plan->retry_for_ns) {
		return NS_NEVER;
	}
	return clock_earlier(wait_ns, plan->retry_for_ns - waited_ns);
}
