/* SPDX-License-Identifier: ISC */
#include "proxy/limits.h"

#include <assert.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

/** The tree has pointers to the names. */
struct named_limit {
	struct limit limit;
	unsigned refs;
	char name[];
};

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static struct named_limit *named_new(const char *name, uint32_t max)
{
	size_t size = strlen(name) + 1;
	struct named_limit *named = calloc(1, sizeof(*named) + size);

	if (named != NULL) {
		atomic_init(&named->limit.max, max);
		memcpy(named->name, name, size);
	}
	return named;
}

static struct named_limit *find_or_add(struct limits *limits, const char *name, uint32_t max)
{
	char **found = tfind(name, &limits->tree, compare);
	struct named_limit *named;

	if (found != NULL) {
		return (struct named_limit *)(void *)(*found - offsetof(struct named_limit, name));
	}
	named = named_new(name, max);
	if (named != NULL && tsearch(named->name, &limits->tree, compare) == NULL) {
		free(named);
		return NULL;
	}
	return named;
}

struct limit *limits_get(struct limits *limits, const char *name, uint32_t max)
{
	struct named_limit *named;

	pthread_mutex_lock(&limits->lock);
	named = find_or_add(limits, name, max);
	if (named != NULL) {
		named->refs++;
	}
	pthread_mutex_unlock(&limits->lock);
	return named == NULL ? NULL : &named->limit;
}

void limits_put(struct limits *limits, struct limit *limit)
{
	struct named_limit *named;

	if (limit == NULL) {
		return;
	}
	named = container_of(limit, struct named_limit, limit);
	pthread_mutex_lock(&limits->lock);
	assert(named->refs > 0);
	if (--named->refs == 0) {
		assert(limit_taken(limit) == 0);
		(void)tdelete(named->name, &limits->tree, compare);
		free(named);
	}
	pthread_mutex_unlock(&limits->lock);
}
