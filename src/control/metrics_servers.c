/* SPDX-License-Identifier: ISC */
/* Families of upstreams and their servers: the upstreams of the config at the beginning, with the
 * servers that each has when it is written. */
#include "base/buckets.h"
#include "control/asked.h"
#include "control/metrics.h"
#include "upstream/finders.h"
#include "upstream/group.h"
#include "upstream/set.h"
#include "upstream/weight.h"

/** Writes a sample for each of some servers, or of those that have a check. Returns whether there
 * are more. */
static bool each_server_that(
	struct metrics *metrics, bool is_checked, uint64_t (*value)(const struct member *member))
{
	for (size_t i = 0; i < METRICS_PIECE; i++) {
		const struct member *member = members_next_of_all(&metrics->members);

		if (member == NULL) {
			return false;
		}
		if (is_checked && member->server->check == NULL) {
			continue;
		}
		exposition_u64(&metrics->text,
			(const struct exposition_label[]){
				{"upstream", metrics->members.group->name},
				{"server", member->name}, {NULL, NULL}},
			value(member));
	}
	return true;
}

static bool each_server(struct metrics *metrics, uint64_t (*value)(const struct member *member))
{
	return each_server_that(metrics, false, value);
}

/** Writes a sample for each of some upstreams, or of those with discovery. Returns whether there
 * are more. */
static bool each_group_that(
	struct metrics *metrics, bool is_found, uint64_t (*value)(const struct group *group))
{
	for (size_t i = 0; i < METRICS_PIECE; i++) {
		const struct group *group;

		if (!members_next_group(&metrics->members)) {
			return false;
		}
		group = metrics->members.group;
		if (group != NULL && (!is_found || group->finder != NULL)) {
			exposition_u64(&metrics->text,
				(const struct exposition_label[]){
					{"upstream", group->name}, {NULL, NULL}},
				value(group));
		}
	}
	return true;
}

static bool each_group(struct metrics *metrics, uint64_t (*value)(const struct group *group))
{
	return each_group_that(metrics, false, value);
}

static uint64_t is_well(const struct group *group)
{
	return finder_is_well(group->finder) ? 1 : 0;
}

bool metrics_discovery_well(struct metrics *metrics)
{
	return each_group_that(metrics, true, is_well);
}

static uint64_t n_waiting(const struct group *group)
{
	return atomic_load(&group->queue.n_waiting);
}

bool metrics_waiting(struct metrics *metrics)
{
	return each_group(metrics, n_waiting);
}

static uint64_t n_waited(const struct group *group)
{
	return atomic_load(&group->queue.n_waited);
}

bool metrics_waited(struct metrics *metrics)
{
	return each_group(metrics, n_waited);
}

static uint64_t n_late(const struct group *group)
{
	return atomic_load(&group->queue.n_late);
}

bool metrics_waited_too_long(struct metrics *metrics)
{
	return each_group(metrics, n_late);
}

static uint64_t n_full(const struct group *group)
{
	return atomic_load(&group->queue.n_full);
}

bool metrics_queue_full(struct metrics *metrics)
{
	return each_group(metrics, n_full);
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

static uint64_t is_checked_up(const struct member *member)
{
	return member->server->states.is_down ? 0 : 1;
}

bool metrics_server_check_up(struct metrics *metrics)
{
	return each_server_that(metrics, true, is_checked_up);
}

static uint64_t n_checks(const struct member *member)
{
	return member->server->checks.n;
}

bool metrics_server_checks(struct metrics *metrics)
{
	return each_server_that(metrics, true, n_checks);
}

static uint64_t n_checks_failed(const struct member *member)
{
	return member->server->checks.n_failed;
}

bool metrics_server_checks_failed(struct metrics *metrics)
{
	return each_server_that(metrics, true, n_checks_failed);
}

static uint64_t n_checks_unjudged(const struct member *member)
{
	return member->server->checks.n_unjudged;
}

bool metrics_server_checks_unjudged(struct metrics *metrics)
{
	return each_server_that(metrics, true, n_checks_unjudged);
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
	for (size_t i = 0; i < METRICS_PIECE; i++) {
		const struct member *member = members_next_of_all(&metrics->members);
		struct buckets_read connects = {0};

		if (member == NULL) {
			return false;
		}
		buckets_add_to(&member->server->connects, &connects);
		exposition_buckets(&metrics->text,
			(const struct exposition_label[]){
				{"upstream", metrics->members.group->name},
				{"server", member->name}, {NULL, NULL}},
			&connects);
	}
	return true;
}
