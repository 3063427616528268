/* SPDX-License-Identifier: ISC */
#include "upstream/overrides.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "log/log.h"
#include "upstream/server.h"

struct override {
	struct list link; /**< struct overrides::all */
	enum server_state told;
	bool has_weight;
	uint32_t weight;
	struct addr addr;
	char upstream[];
};

struct key {
	const char *upstream;
	const struct addr *addr;
};

static bool is_it(const void *item, const void *key)
{
	const struct override *override = item;
	const struct key *wanted = key;

	return addr_equal(&override->addr, wanted->addr) &&
	       strcmp(override->upstream, wanted->upstream) == 0;
}

static uint64_t hash_of(const char *upstream, const struct addr *addr)
{
	return hash_bytes(addr_hash(addr), upstream, strlen(upstream));
}

static struct override *find(
	const struct overrides *overrides, const char *upstream, const struct addr *addr)
{
	struct key key = {.upstream = upstream, .addr = addr};

	/* The table has pointers to const; our items may be changed. */
	return (struct override *)table_find(
		&overrides->table, hash_of(upstream, addr), is_it, &key);
}

/** NULL: no memory. */
static struct override *override_new(
	struct overrides *overrides, const char *upstream, const struct addr *addr)
{
	size_t size = strlen(upstream) + 1;
	struct override *override = calloc(1, sizeof(*override) + size);

	if (override == NULL) {
		return NULL;
	}
	override->addr = *addr;
	memcpy(override->upstream, upstream, size);
	if (table_add(&overrides->table, hash_of(upstream, addr), override) < 0) {
		free(override);
		return NULL;
	}
	list_append(&overrides->all, &override->link);
	return override;
}

static void override_free(struct overrides *overrides, struct override *override)
{
	table_remove(&overrides->table, hash_of(override->upstream, &override->addr), override);
	list_remove(&override->link);
	free(override);
}

void overrides_init(struct overrides *overrides)
{
	*overrides = (struct overrides){0};
	list_init(&overrides->all);
}

void overrides_fini(struct overrides *overrides)
{
	while (overrides->table.n > 0) {
		override_free(overrides, container_of(overrides->all.next, struct override, link));
	}
	table_fini(&overrides->table);
}

int overrides_keep(struct overrides *overrides, const char *upstream, const struct addr *addr,
	const struct server_states *states)
{
	struct override *override = find(overrides, upstream, addr);

	if (states->told == SERVER_AUTO && !states->has_weight) {
		if (override != NULL) {
			override_free(overrides, override);
		}
		return 0;
	}
	if (override == NULL) {
		override = override_new(overrides, upstream, addr);
	}
	if (override == NULL) {
		return -ENOMEM;
	}
	override->told = states->told;
	override->has_weight = states->has_weight;
	override->weight = states->weight;
	return 0;
}

bool overrides_recall(const struct overrides *overrides, const char *upstream,
	const struct addr *addr, struct server_states *states)
{
	const struct override *override =
		overrides->table.n == 0 ? NULL : find(overrides, upstream, addr);

	if (override == NULL ||
		(states->told == override->told && states->has_weight == override->has_weight &&
			states->weight == override->weight)) {
		return false;
	}
	states->told = override->told;
	states->has_weight = override->has_weight;
	states->weight = override->weight;
	return true;
}

void overrides_log(const char *upstream, const struct member *member, const char *why)
{
	const struct server_states *states = &member->server->states;
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "server_told")) {
		member_log(member, upstream, &line);
		log_str(&line, "state", server_state_name(states->told));
		log_u64(&line, "weight", states->has_weight ? states->weight : member->weight);
		if (why != NULL) {
			log_str(&line, "why", why);
		}
		log_end(&line);
	}
}
