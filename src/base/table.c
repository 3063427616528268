/* SPDX-License-Identifier: ISC */
#include "base/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { ROOM_MIN = 64 };

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *pos = bytes;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ pos[i]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

/**
 * Where a probe sequence begins. The low bits of FNV are its worst, so the high bits are mixed in.
 */
static size_t begin(const struct table *table, uint64_t hash)
{
	return (size_t)(hash ^ hash >> 32) & (table->room - 1);
}

static void put(struct table *table, uint64_t hash, const void *item)
{
	size_t i = begin(table, hash);

	while (table->slots[i].item != NULL) {
		i = (i + 1) & (table->room - 1);
	}
	table->slots[i] = (struct table_slot){.hash = hash, .item = item};
}

/**
 * Doubles the room. Moves the items in the order of the probe sequences, so that items with equal
 * hashes keep their order.
 */
static int grow(struct table *table)
{
	struct table old = *table;
	size_t first = 0;

	table->room = old.room == 0 ? ROOM_MIN : 2 * old.room;
	table->slots = calloc(table->room, sizeof(struct table_slot));
	if (table->slots == NULL) {
		*table = old;
		return -ENOMEM;
	}
	/* Begins after a free slot, which no probe sequence crosses. */
	while (first < old.room && old.slots[first].item != NULL) {
		first++;
	}
	for (size_t i = 0; i < old.room; i++) {
		const struct table_slot *slot = &old.slots[(first + i) & (old.room - 1)];

		if (slot->item != NULL) {
			put(table, slot->hash, slot->item);
		}
	}
	free(old.slots);
	return 0;
}

int table_add(struct table *table, uint64_t hash, const void *item)
{
	/* The table stays at most half full. */
	if (table->n >= table->room / 2 && grow(table) < 0) {
		return -ENOMEM;
	}
	put(table, hash, item);
	table->n++;
	return 0;
}

const void *table_find(const struct table *table, uint64_t hash,
	bool (*is_it)(const void *item, const void *key), const void *key)
{
	if (table->room == 0) {
		return NULL;
	}
	for (size_t i = begin(table, hash); table->slots[i].item != NULL;
		i = (i + 1) & (table->room - 1)) {
		if (table->slots[i].hash == hash && is_it(table->slots[i].item, key)) {
			return table->slots[i].item;
		}
	}
	return NULL;
}

void table_remove(struct table *table, uint64_t hash, const void *item)
{
	size_t last = table->room - 1;
	size_t hole = begin(table, hash);

	while (table->slots[hole].item != item) {
		assert(table->slots[hole].item != NULL);
		hole = (hole + 1) & last;
	}
	/* An item whose probe sequence crosses the hole moves into it, so that no sequence ends too
	 * early. */
	for (size_t i = (hole + 1) & last; table->slots[i].item != NULL; i = (i + 1) & last) {
		size_t from = begin(table, table->slots[i].hash);

		if (((i - from) & last) >= ((i - hole) & last)) {
			table->slots[hole] = table->slots[i];
			hole = i;
		}
	}
	table->slots[hole].item = NULL;
	if (--table->n == 0) {
		table_fini(table);
	}
}

void table_fini(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}
