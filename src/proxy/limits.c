/* SPDX-License-Identifier: ISC */
#include "proxy/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/accept_rate.h"
#include "proxy/counters.h"

struct named_limit {
	struct limit limit;
	struct registry_entry entry;
	struct list kept; /**< struct limits::kept, or on no list */
	char *name;       /* stored after the tallies */
	struct accept_rate accept_rate;
	struct often refusals[END_REASONS]; /**< zeroed: limits_refused() does not count it */
	struct sources_list *sources_list;
	struct sources *sources; /**< NULL: no config has limited sources yet */
	size_t n_workers;
	struct tally tallies[];
};

static bool has_name(const void *item, const void *name)
{
	const struct registry_entry *entry = item;

	return strcmp(container_of(entry, const struct named_limit, entry)->name, name) == 0;
}

/** Allocates a limit, with its name after the tallies. */
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
		list_init(&named->kept);
	}
	return named;
}

void limits_init(struct limits *limits, size_t n_workers)
{
	often_list_init(&limits->refusals, "refused_more", "listener", "clients", LOG_LEVEL_INFO);
	sources_list_init(&limits->sources);
	list_init(&limits->kept);
	limits->n_kept = limits->n_in_force = 0;
	limits->n_workers = n_workers;
}

static void named_init_refusals(struct named_limit *named, struct limits *limits)
{
	for (unsigned i = 0; i < END_REASONS; i++) {
		enum end_reason reason = (enum end_reason)i;

		if (end_is_refusal(reason) || end_is_failure(reason)) {
			often_init(&named->refusals[i], &limits->refusals, named->name,
				end_reason_name(reason));
		}
	}
}

static void named_free(struct named_limit *named)
{
	for (size_t i = 0; i < END_REASONS; i++) {
		often_fini(&named->refusals[i]);
	}
	sources_free(named->sources);
	free(named);
}

struct limit *limits_get(struct limits *limits, const char *name, uint32_t max)
{
	uint64_t hash = hash_bytes(HASH_BEGIN, name, strlen(name) + 1);
	struct registry_entry *found = registry_find(&limits->names, hash, has_name, name);
	struct named_limit *named;

	if (found != NULL) {
		return &container_of(found, struct named_limit, entry)->limit;
	}
	named = named_alloc(name, limits->n_workers);
	if (named == NULL) {
		return NULL;
	}
	atomic_init(&named->limit.max, max);
	if (registry_add(&limits->names, hash, &named->entry) < 0) {
		free(named);
		return NULL;
	}
	named_init_refusals(named, limits);
	named->sources_list = &limits->sources;
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
		named_free(named);
	}
}

const char *limits_name(const struct limit *limit)
{
	return container_of(limit, const struct named_limit, limit)->name;
}

struct tally *limits_tally(struct limit *limit, size_t worker)
{
	struct named_limit *named = container_of(limit, struct named_limit, limit);

	assert(worker < named->n_workers);
	return &named->tallies[worker];
}

struct accept_rate *limits_accept_rate(struct limit *limit)
{
	return &container_of(limit, struct named_limit, limit)->accept_rate;
}

bool limits_refused(struct limit *limit, enum end_reason reason)
{
	return often_count(&container_of(limit, struct named_limit, limit)->refusals[reason]);
}

struct sources *limits_sources(struct limit *limit)
{
	struct named_limit *named = container_of(limit, struct named_limit, limit);

	if (named->sources == NULL) {
		named->sources = sources_new(named->sources_list, SOURCES_MAX);
	}
	return named->sources;
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

/* ---- the names that are kept ---- */

static void forget(struct limits *limits, struct named_limit *named)
{
	list_remove(&named->kept);
	limits->n_kept--;
	limits_put(&named->limit);
}

void limits_fini(struct limits *limits)
{
	limits->n_in_force = 0;
	while (limits->n_kept > 0) {
		forget(limits, container_of(limits->kept.next, struct named_limit, kept));
	}
}

void limits_begin(struct limits *limits)
{
	limits->n_in_force = 0;
}

void limits_keep(struct limits *limits, struct limit *limit)
{
	struct named_limit *named = container_of(limit, struct named_limit, limit);

	if (list_empty(&named->kept)) {
		refs_ref(&named->entry.refs);
		limits->n_kept++;
	}
	list_remove(&named->kept);
	list_append(&limits->kept, &named->kept);
	limits->n_in_force++;
}

void limits_tick(struct limits *limits)
{
	size_t n_gone = limits->n_kept - limits->n_in_force;
	size_t n_left = n_gone;

	list_for_each (link, &limits->kept) {
		struct named_limit *named = container_of(link, struct named_limit, kept);

		if (n_left-- == 0 || n_gone <= LIMITS_GONE_MAX) {
			return;
		}
		/* Only this thread takes references, so nobody has one if there is only ours. */
		if (refs_count(&named->entry.refs) == 1) {
			forget(limits, named);
			n_gone--;
		}
	}
}

void limits_take(struct limits *limits, struct limit **ret_limits)
{
	size_t n_gone = limits->n_kept - limits->n_in_force;
	size_t i = 0;

	list_for_each (link, &limits->kept) {
		struct named_limit *named = container_of(link, struct named_limit, kept);

		refs_ref(&named->entry.refs);
		ret_limits[i < n_gone ? limits->n_in_force + i : i - n_gone] = &named->limit;
		i++;
	}
}
