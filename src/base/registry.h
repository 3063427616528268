/* SPDX-License-Identifier: ISC */
/*
 * Objects that are found by a name for as long as anybody holds them: so what is known of a thing
 * outlives a reload that keeps its name, and not the last config that has it.
 *
 * An object embeds a registry_entry, which counts its references; whoever gives back the last one
 * takes it out and frees it. Taking a reference that one has already, and giving back one that is
 * not the last, is one atomic step; the lock is only for finding, adding and taking out. One thread
 * finds and adds (the main thread); references are given back on any.
 */
#ifndef WEIR_BASE_REGISTRY_H
#define WEIR_BASE_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/refs.h"
#include "base/table.h"

/** All zero at first; nothing is to be freed when every reference was given back. */
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
 * The entry with this hash (base/table.h) that is the one wanted, with one more reference, or NULL.
 * is_it() gets entries that may be it, and `key`, under the lock.
 */
struct registry_entry *registry_find(struct registry *registry, uint64_t hash,
	bool (*is_it)(const void *entry, const void *key), const void *key);

/** Adds an entry that is not there yet, with one reference. 0 or -ENOMEM. */
int registry_add(struct registry *registry, uint64_t hash, struct registry_entry *entry);

/** Gives a reference back. True: it was the last, the entry is out, and to be freed. */
bool registry_unref(struct registry_entry *entry);

#endif
