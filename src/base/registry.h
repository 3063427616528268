/* SPDX-License-Identifier: ISC */
/*
 * Objects that are found by name as long as anybody has a reference. So the state of an object
 * survives a reload if the new config still has its name; otherwise it goes with the last
 * reference.
 *
 * An object embeds a registry_entry with a reference count. The owner that gives back the last
 * reference removes the object from the registry and frees it. An owner of a reference takes
 * another one, or gives back one that is not the last, by a single atomic operation. The lock is
 * only for finding, adding and removing. Only the main thread finds and adds; any thread may give a
 * reference back.
 */
#ifndef WEIR_BASE_REGISTRY_H
#define WEIR_BASE_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/refs.h"
#include "base/table.h"

/** Zero it at first. Nothing needs freeing once every reference was given back. */
struct registry {
	pthread_mutex_t lock;
	struct table table; /* of struct registry_entry */
};

struct registry_entry {
	struct refs refs;
	uint64_t hash;
	struct registry *registry;
};

/**
 * Finds the entry with this hash (base/table.h) for which is_it() is true, and adds a reference; or
 * NULL. is_it() is called under the lock with candidates and `key`.
 */
struct registry_entry *registry_find(struct registry *registry, uint64_t hash,
	bool (*is_it)(const void *entry, const void *key), const void *key);

/** Adds an entry that is not in the registry yet, with one reference. 0 or -ENOMEM. */
int registry_add(struct registry *registry, uint64_t hash, struct registry_entry *entry);

/**
 * Gives a reference back. True: it was the last; the entry is removed, and the caller must free it.
 */
bool registry_unref(struct registry_entry *entry);

#endif
