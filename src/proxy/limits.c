/* SPDX-License-Identifier: ISC */
#include "proxy/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

struct named_limit {
	struct limit limit;
	struct registry_entry entry;
	char name[];
};

static bool has_name(const void *item, const void *name)
{
	const struct registry_entry *entry = item;

	return strcmp(container_of(entry, const struct named_limit, entry)->name, name) == 0;
}

struct limit *limits_get(struct registry *limits, const char *name, uint32_t max)
{
	size_t size = strlen(name) + 1;
	uint64_t hash = hash_bytes(HASH_BEGIN, name, size);
	struct registry_entry *found = registry_find(limits, hash, has_name, name);
	struct named_limit *named;

	if (found != NULL) {
		return &container_of(found, struct named_limit, entry)->limit;
	}
	named = calloc(1, sizeof(*named) + size);
	if (named == NULL) {
		return NULL;
	}
	atomic_init(&named->limit.max, max);
	memcpy(named->name, name, size);
	if (registry_add(limits, hash, &named->entry) < 0) {
		free(named);
		return NULL;
	}
	return &named->limit;
}

void limits_put(struct limit *limit)
{
	struct named_limit *named;

	if (limit == NULL) {
		return;
	}
	named = container_of(limit, struct named_limit, limit);
	if (registry_unref(&named->entry)) {
		assert(limit_taken(limit) == 0);
		free(named);
	}
}
