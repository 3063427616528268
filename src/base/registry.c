/* SPDX-License-Identifier: ISC */
#include "base/registry.h"

struct registry_entry *registry_find(struct registry *registry, uint64_t hash,
	bool (*is_it)(const void *entry, const void *key), const void *key)
{
	struct registry_entry *entry;

	pthread_mutex_lock(&registry->lock);
	/* The table has pointers to const; our items may be changed. */
	entry = (struct registry_entry *)table_find(&registry->table, hash, is_it, key);
	if (entry != NULL) {
		/* The count is not 0: the last reference is given back under the lock. */
		refs_ref(&entry->refs);
	}
	pthread_mutex_unlock(&registry->lock);
	return entry;
}

int registry_add(struct registry *registry, uint64_t hash, struct registry_entry *entry)
{
	int r;

	refs_init(&entry->refs);
	entry->hash = hash;
	entry->registry = registry;
	pthread_mutex_lock(&registry->lock);
	r = table_add(&registry->table, hash, entry);
	pthread_mutex_unlock(&registry->lock);
	return r;
}

bool registry_unref(struct registry_entry *entry)
{
	struct registry *registry = entry->registry;
	bool is_last;

	if (refs_unref_unless_last(&entry->refs)) {
		return false;
	}
	/* Somebody may find it again before we have the lock. */
	pthread_mutex_lock(&registry->lock);
	is_last = refs_unref(&entry->refs);
	if (is_last) {
		table_remove(&registry->table, entry->hash, entry);
	}
	pthread_mutex_unlock(&registry->lock);
	return is_last;
}
