/* SPDX-License-Identifier: ISC */
#include "upstream/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "upstream/rule.h"
#include "upstream/set.h"

/* ---- all groups ---- */

int groups_init(struct groups *groups, struct resolver *resolver, size_t n_workers)
{
	*groups = (struct groups){.servers.resolver = resolver};
	often_list_init(&groups->failures, "failed_more", "upstream", "pairs", LOG_LEVEL_WARN);
	streaks_init(&groups->servers.streaks);
	overrides_init(&groups->overrides);
	list_init(&groups->stale);
	return readers_init(&groups->readers, n_workers);
}

void groups_end_ticks(struct groups *groups)
{
	while (groups->readers.n > 0 && !list_empty(&groups->stale)) {
		struct group *group = container_of(groups->stale.next, struct group, stale);

		list_remove(&group->stale);
		group_unref(group);
	}
}

void groups_fini(struct groups *groups)
{
	groups_end_ticks(groups);
	readers_fini(&groups->readers);
	overrides_fini(&groups->overrides);
}

void groups_tick(struct groups *groups)
{
	struct list again;

	list_init(&again);
	list_move_all(&again, &groups->stale);
	while (!list_empty(&again)) {
		struct group *group = container_of(again.next, struct group, stale);

		list_remove(&group->stale);
		group_refresh(group);
		group_unref(group);
	}
}

/* ---- one of them ---- */

static bool has_name(const void *item, const void *name)
{
	const struct registry_entry *entry = item;

	return strcmp(container_of(entry, const struct group, entry)->name, name) == 0;
}

struct group *group_get(struct groups *groups, const char *name)
{
	size_t size = strlen(name) + 1;
	uint64_t hash = hash_bytes(HASH_BEGIN, name, size);
	struct registry_entry *found = registry_find(&groups->names, hash, has_name, name);
	struct group *group;

	if (found != NULL) {
		return container_of(found, struct group, entry);
	}
	group = calloc(1, sizeof(*group) + size);
	if (group == NULL) {
		return NULL;
	}
	memcpy(group->name, name, size);
	group->groups = groups;
	list_init(&group->stale);
	if (registry_add(&groups->names, hash, &group->entry) < 0) {
		free(group);
		return NULL;
	}
	queue_init(&group->queue);
	often_init(&group->failures, &groups->failures, group->name, NULL);
	return group;
}

struct group *group_ref(struct group *group)
{
	refs_ref(&group->entry.refs);
	return group;
}

struct group *group_unref(struct group *group)
{
	if (group != NULL && registry_unref(&group->entry)) {
		often_fini(&group->failures);
		queue_fini(&group->queue);
		group_set_free(atomic_load_explicit(&group->set, memory_order_relaxed));
		group_plan_unref(group->plan);
		free(group);
	}
	return NULL;
}

/* ---- what is in force ---- */

/** The tick must make the group's set again. */
static void group_come_back(struct group *group)
{
	if (list_empty(&group->stale)) {
		list_append(&group->groups->stale, &group_ref(group)->stale);
	}
}

static int group_publish(struct group *group)
{
	struct group_set *before = atomic_load_explicit(&group->set, memory_order_relaxed);
	struct group_set *set = group_set_new(group->plan, before, &group->n_picks);

	if (set == NULL) {
		return -ENOMEM;
	}
	if (set->is_starting) {
		group_come_back(group);
	}
	atomic_store(&group->set, set);
	queue_change(&group->queue, set, group->plan->queue_max);
	if (before != NULL) {
		readers_wait(&group->groups->readers);
		group_set_free(before);
	}
	return 0;
}

/** Gives the servers the limits of the plan, which comes into force. Servers that were away get
 * back what an administrator has set for them. */
static void enforce(const struct group_plan *plan)
{
	struct groups *groups = plan->group->groups;
	const struct conf_eject *eject = &plan->eject;

	for (size_t i = 0; i < plan->n_members; i++) {
		struct server *server = plan->members[i]->server;

		atomic_store_explicit(
			&server->max_pairs, plan->members[i]->max_pairs, memory_order_relaxed);
		streak_set(&groups->servers.streaks, &server->streak,
			eject->on ? eject->failures : 0, eject->within_ns);
		if (overrides_recall(&groups->overrides, plan->group->name, &server->addr,
			    &server->states)) {
			overrides_log(plan->group->name, plan->members[i], "kept");
		}
	}
}

int group_install(struct group *group, struct group_plan *plan)
{
	struct group_plan *before = group->plan;
	int r;

	enforce(plan); /* first: the waiters look when the set is published */
	group->plan = plan;
	r = group_publish(group);
	if (r < 0 && before == NULL) {
		group->plan = NULL;
		return r;
	}
	(void)group_plan_ref(plan);
	group_plan_unref(before);
	if (r < 0) {
		group_come_back(group);
	}
	return r;
}

void group_refresh(struct group *group)
{
	if (group_publish(group) < 0) {
		group_come_back(group);
	}
}

void group_refresh_slowly(struct group *group, struct server *server)
{
	server->states.came_ns = clock_ns();
	group_refresh(group);
}

void group_end_pairs(const struct group *group, struct server *server, bool end)
{
	const struct groups *groups = group->groups;

	if (atomic_load_explicit(&server->ends_pairs, memory_order_relaxed) == end) {
		return;
	}
	atomic_store_explicit(&server->ends_pairs, end, memory_order_relaxed);
	if (end && groups->end_pairs != NULL) {
		groups->end_pairs(groups->owner);
	}
}

/* ---- for sessions ---- */

enum group_answer group_next(struct group *group, struct group_ask *ask, struct member **ret_member)
{
	struct readers *readers = &group->groups->readers;
	enum group_answer said;

	if (!queue_is_empty(&group->queue)) {
		return GROUP_FULL; /* the waiters come first */
	}
	readers_enter(readers, ask->worker);
	said = group_set_answer(atomic_load(&group->set), ask, ret_member);
	readers_leave(readers, ask->worker);
	return said;
}

enum group_answer group_wait(
	struct group *group, struct group_waiter *waiter, struct member **ret_member)
{
	return queue_enter(&group->queue, waiter, ret_member);
}

void group_wait_no_more(struct group *group, struct group_waiter *waiter)
{
	queue_leave(&group->queue, waiter);
}

static void count_failure(
	struct group *group, struct member *member, enum server_outcome outcome, int err)
{
	struct streaks *streaks = &group->groups->servers.streaks;
	struct server *server = member->server;

	if (streak_add(streaks, &server->streak)) {
		server->failing = (struct server_failing){
			.group = group_ref(group),
			.member = member_ref(member),
			.outcome = outcome,
			.err = err,
		};
		streaks_tell(streaks, &server->streak);
	}
}

void group_told(struct group *group, struct member *member, enum server_outcome outcome, int err)
{
	struct server *server = member->server;

	if (outcome == SERVER_FAILED || outcome == SERVER_NOT_FOUND) {
		(void)atomic_fetch_add_explicit(&server->n_failed, 1, memory_order_relaxed);
	}
	switch (outcome) {
	case SERVER_NOT_FOUND:
		return;
	case SERVER_ANSWERED:
		streak_clear(&group->groups->servers.streaks, &server->streak);
		return;
	case SERVER_FAILED:
	case SERVER_REFUSED:
		count_failure(group, member, outcome, err);
	}
}

void group_left(struct group *group, struct member *member)
{
	server_give(member->server);
	queue_serve(&group->queue);
}
