/* SPDX-License-Identifier: ISC */
#include "proxy/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "proxy/counters.h"

struct named_limit {
	struct limit limit;
	struct registry_entry entry;
	char *name; /* behind the tallies */
	size_t n_workers;
	struct tally tallies[];
};

static bool has_name(const void *item, const void *name)
{
	const struct registry_entry *entry = item;

	return strcmp(container_of(entry, const struct named_limit, entry)->name, name) == 0;
}

/** The memory of one, with the name behind it all. */
static struct named_limit *named_alloc(const char *name, size_t n_workers)
{
	size_t name_size = strlen(name) + 1;
	size_t end = sizeof(struct named_limit) + n_workers * sizeof(struct tally);
	size_t size = (end + name_size + TALLY_ALIGN - 1) / TALLY_ALIGN * TALLY_ALIGN;
	struct named_limit *named = aligned_alloc(TALLY_ALIGN, size);

	if (named != NULL) {
		memset(named, 0, size);
		named->name = memcpy((char *)named + end, name, name_size);
		named->n_workers = n_workers;
	}
	return named;
}

struct limit *limits_get(struct registry *limits, const char *name, uint32_t max, size_t n_workers)
{
	uint64_t hash = hash_bytes(HASH_BEGIN, name, strlen(name) + 1);
	struct registry_entry *found = registry_find(limits, hash, has_name, name);
	struct named_limit *named;

	if (found != NULL) {
		return &container_of(found, struct named_limit, entry)->limit;
	}
	named = named_alloc(name, n_workers);
	if (named == NULL) {
		return NULL;
	}
	atomic_init(&named->limit.max, max);
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

struct tally *limits_tally(struct limit *limit, size_t worker)
{
	struct named_limit *named = container_of(limit, struct named_limit, limit);

	assert(worker < named->n_workers);
	return &named->tallies[worker];
}

uint64_t limits_sum(const struct limit *limit, size_t counter)
{
	const struct named_limit *named = container_of(limit, const struct named_limit, limit);
	uint64_t sum = 0;

	for (size_t i = 0; i < named->n_workers; i++) {
		const char *tally = (const char *)&named->tallies[i];

		sum += atomic_load_explicit(
			(const _Atomic uint64_t *)(const void *)(tally + counter),
			memory_order_relaxed);
	}
	return sum;
}
