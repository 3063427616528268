/* SPDX-License-Identifier: ISC */
#include "upstream/weight.h"

#include "base/clock.h"

static bool is_in_service(const struct server_states *states)
{
	switch (states->told) {
	case SERVER_AUTO:
		break;
	case SERVER_UP:
		return true;
	case SERVER_DRAIN:
	case SERVER_DOWN:
		return false;
	}
	return !states->is_down;
}

uint32_t weight_of(const struct member *member)
{
	const struct server_states *states = &member->server->states;

	if (!is_in_service(states)) {
		return 0;
	}
	return states->has_weight ? states->weight : member->weight;
}

uint32_t weight_step(const struct member *member, uint64_t slow_start_ns, uint64_t now_ns)
{
	uint64_t came_ns = member->server->states.came_ns;

	uint64_t step_ns = slow_start_ns / WEIGHT_STEPS;
	uint64_t n;

	if (came_ns == 0 || slow_start_ns == NS_NEVER || step_ns == 0) {
		return WEIGHT_STEPS;
	}
	n = (now_ns - came_ns) / step_ns + 1;
	return n < WEIGHT_STEPS ? (uint32_t)n : WEIGHT_STEPS;
}
