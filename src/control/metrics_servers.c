/* SPDX-License-Identifier: ISC */
/* Families of upstreams and their servers: those that the config of the beginning has, with the
 * servers that each of them has when it is its turn. */
#include "base/buckets.h"
#include "conf/conf.h"
#include "control/asked.h"
#include "control/metrics.h"
#include "upstream/group.h"
#include "upstream/set.h"
#include "upstream/weight.h"

/** Takes the next upstream of the config; false: there is none left. */
static bool next_group(struct metrics *metrics)
{
	struct groups *groups = metrics->asked->control->opts.groups;
	size_t at = metrics->at + 1;

	metrics_rewind(metrics);
	metrics->at = at;
	if (at > metrics->conf->n_upstreams) {
		return false;
	}
	metrics->group = group_get(groups, metrics->conf->upstreams[at - 1].name);
	if (metrics->group != NULL && metrics->group->plan != NULL) {
		/* Held, so that no server is met twice where another config comes. */
		metrics->plan = group_plan_ref(metrics->group->plan);
	}
	return true;
}

static const struct member *next_member(struct metrics *metrics)
{
	while (metrics->plan == NULL || metrics->at_member == metrics->plan->n_members) {
		if (!next_group(metrics)) {
			return NULL;
		}
	}
	return metrics->plan->members[metrics->at_member++];
}

/** A sample for each of some servers; whether there are more. */
static bool each_server(struct metrics *metrics, uint64_t (*value)(const struct member *member))
{
	for (size_t i = 0; i < METRICS_SLICE; i++) {
		const struct member *member = next_member(metrics);

		if (member == NULL) {
			return false;
		}
		exposition_u64(&metrics->text,
			(const struct exposition_label[]){{"upstream", metrics->group->name},
				{"server", member->name}, {NULL, NULL}},
			value(member));
	}
	return true;
}

bool metrics_waiting(struct metrics *metrics)
{
	for (size_t i = 0; i < METRICS_SLICE; i++) {
		if (!next_group(metrics)) {
			return false;
		}
		if (metrics->group != NULL) {
			exposition_u64(&metrics->text,
				(const struct exposition_label[]){
					{"upstream", metrics->group->name}, {NULL, NULL}},
				atomic_load(&metrics->group->queue.n_waiting));
		}
	}
	return true;
}

static uint64_t is_up(const struct member *member)
{
	return member_is_usable(member) ? 1 : 0;
}

bool metrics_server_up(struct metrics *metrics)
{
	return each_server(metrics, is_up);
}

static uint64_t is_ejected(const struct member *member)
{
	return member->server->states.is_ejected ? 1 : 0;
}

bool metrics_server_ejected(struct metrics *metrics)
{
	return each_server(metrics, is_ejected);
}

static uint64_t n_ejections(const struct member *member)
{
	return member->server->ejection.n;
}

bool metrics_server_ejections(struct metrics *metrics)
{
	return each_server(metrics, n_ejections);
}

static uint64_t weight(const struct member *member)
{
	return weight_of(member);
}

bool metrics_server_weight(struct metrics *metrics)
{
	return each_server(metrics, weight);
}

static uint64_t n_pairs(const struct member *member)
{
	return server_n_open(member->server);
}

bool metrics_server_pairs(struct metrics *metrics)
{
	return each_server(metrics, n_pairs);
}

static uint64_t n_failed(const struct member *member)
{
	return atomic_load(&member->server->n_failed);
}

bool metrics_server_failed(struct metrics *metrics)
{
	return each_server(metrics, n_failed);
}

bool metrics_server_connects(struct metrics *metrics)
{
	for (size_t i = 0; i < METRICS_SLICE; i++) {
		const struct member *member = next_member(metrics);
		struct buckets_read connects = {0};

		if (member == NULL) {
			return false;
		}
		buckets_add_to(&member->server->connects, &connects);
		exposition_buckets(&metrics->text,
			(const struct exposition_label[]){{"upstream", metrics->group->name},
				{"server", member->name}, {NULL, NULL}},
			&connects);
	}
	return true;
}
