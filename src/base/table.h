/* SPDX-License-Identifier: ISC */
/*
 * A hash table of pointers, for finding one object among thousands by a key. It neither owns the
 * objects nor reads them.
 *
 *	table_add(&table, hash_bytes(HASH_BEGIN, name, strlen(name)), item)
 *	table_find(&table, hash_bytes(...), has_name, name)
 */
#ifndef WEIR_BASE_TABLE_H
#define WEIR_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint64_t hash;
	const void *item; /* NULL: free */
};

/** Zeroed: empty. */
struct table {
	struct table_slot *slots;
	size_t room; /* a power of two, or 0 */
	size_t n;
};

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

/**
 * Continues a hash; the first call starts with HASH_BEGIN. FNV-1a: not for keys that an attacker
 * chooses.
 */
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len);

/** Adds an item; others may have the same hash. 0 or -ENOMEM. */
int table_add(struct table *table, uint64_t hash, const void *item);

/**
 * The first item added of those with this hash for which is_it() is true; NULL if there is none.
 */
const void *table_find(const struct table *table, uint64_t hash,
	bool (*is_it)(const void *item, const void *key), const void *key);

/** Removes an item, which must be in the table with this hash. */
void table_remove(struct table *table, uint64_t hash, const void *item);

/** Removes all items and frees the memory. */
void table_fini(struct table *table);

#endif
