/* SPDX-License-Identifier: ISC */
#include "upstream/set.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "conf/conf.h"

void groups_init(struct groups *groups, struct resolver *resolver)
{
	*groups = (struct groups){.resolver = resolver};
	failures_list_init(&groups->failures);
}

/* ---- the group ---- */

static bool has_name(const void *item, const void *name)
{
	const struct registry_entry *entry = item;

	return strcmp(container_of(entry, const struct group, entry)->name, name) == 0;
}

/** The group of that name, or a new one, with one reference. NULL: no memory. */
static struct group *group_get(struct groups *groups, const char *name)
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
	if (registry_add(&groups->names, hash, &group->entry) < 0) {
		free(group);
		return NULL;
	}
	failures_init(&group->failures, &groups->failures, group->name);
	return group;
}

static void group_unref(struct group *group)
{
	if (group != NULL && registry_unref(&group->entry)) {
		failures_fini(&group->failures);
		free(group);
	}
}

/* ---- its sets ---- */

/** Also of one that is half made. */
static void group_set_free(struct group_set *set)
{
	for (size_t i = 0; i < set->n_servers; i++) {
		server_unref(set->servers[i]);
	}
	group_unref(set->group);
	free(set);
}

struct group_set *group_set_new(struct groups *groups, const struct conf_upstream *conf)
{
	struct group_set *set = calloc(1, sizeof(*set) + conf->n_servers * sizeof(struct server *));

	if (set == NULL) {
		return NULL;
	}
	refs_init(&set->refs);
	set->socket = conf->socket;
	set->source = conf->source;
	set->retry_for_ns = conf->retry_for_ns;
	set->group = group_get(groups, conf->name);
	while (set->group != NULL && set->n_servers < conf->n_servers) {
		set->servers[set->n_servers] = server_get(&groups->servers, groups->resolver,
			set->group, &conf->servers[set->n_servers]);
		if (set->servers[set->n_servers] == NULL) {
			break;
		}
		set->n_servers++;
	}
	if (set->group == NULL || set->n_servers < conf->n_servers) {
		group_set_free(set);
		return NULL;
	}
	return set;
}

struct group_set *group_set_ref(struct group_set *set)
{
	refs_ref(&set->refs);
	return set;
}

struct group_set *group_set_unref(struct group_set *set)
{
	if (set != NULL && refs_unref(&set->refs)) {
		group_set_free(set);
	}
	return NULL;
}
