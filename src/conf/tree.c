/* SPDX-License-Identifier: ISC */
#include "conf/tree.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

struct tree_block {
	struct tree_block *next;
	size_t used;
	size_t room;
	alignas(max_align_t) char bytes[];
};

void tree_init(struct tree *tree)
{
	*tree = (struct tree){.root.type = SETTING_GROUP};
}

void tree_fini(struct tree *tree)
{
	while (tree->blocks != NULL) {
		struct tree_block *next = tree->blocks->next;

		free(tree->blocks);
		tree->blocks = next;
	}
	table_fini(&tree->keys);
	tree_init(tree);
}

void *tree_take(struct tree *tree, size_t size)
{
	struct tree_block *block = tree->blocks;
	size_t whole = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	char *bytes;

	if (block == NULL || block->room - block->used < whole) {
		size_t room = whole > BLOCK_BYTES ? whole : BLOCK_BYTES;

		block = malloc(sizeof(*block) + room);
		if (block == NULL) {
			return NULL;
		}
		*block = (struct tree_block){.next = tree->blocks, .room = room};
		tree->blocks = block;
	}
	bytes = block->bytes + block->used;
	block->used += whole;
	return bytes;
}

/* A key of a group. */
struct tree_key {
	const struct setting *group;
	const char *name;
	size_t len;
};

static uint64_t hash_key(const struct tree_key *key)
{
	uint64_t hash = hash_bytes(HASH_BEGIN, &key->group, sizeof(struct setting *));

	return hash_bytes(hash, key->name, key->len);
}

static bool is_key(const void *item, const void *wanted)
{
	const struct setting *setting = item;
	const struct tree_key *key = wanted;

	return setting->parent == key->group && strncmp(setting->name, key->name, key->len) == 0 &&
	       setting->name[key->len] == '\0';
}

const struct setting *tree_find(
	const struct tree *tree, const struct setting *group, const char *name, size_t name_len)
{
	struct tree_key key = {.group = group, .name = name, .len = name_len};

	return table_find(&tree->keys, hash_key(&key), is_key, &key);
}

struct setting *tree_add(
	struct tree *tree, struct setting *parent, const char *name, size_t name_len)
{
	struct tree_key key = {.group = parent, .name = name, .len = name_len};
	struct setting *setting =
		tree_take(tree, sizeof(*setting) + (name == NULL ? 0 : name_len + 1));

	if (setting == NULL ||
		(name != NULL && table_add(&tree->keys, hash_key(&key), setting) < 0)) {
		return NULL;
	}
	*setting = (struct setting){.parent = parent, .before = parent->last};
	if (name != NULL) {
		char *own = (char *)(setting + 1);

		memcpy(own, name, name_len);
		own[name_len] = '\0';
		setting->name = own;
	}
	parent->last = setting;
	parent->n++;
	return setting;
}

bool tree_close(struct tree *tree, struct setting *setting)
{
	size_t i = setting->n;

	if (i == 0) {
		return true;
	}
	setting->elements = tree_take(tree, i * sizeof(struct setting *));
	if (setting->elements == NULL) {
		return false;
	}
	for (struct setting *one = setting->last; one != NULL; one = one->before) {
		setting->elements[--i] = one;
	}
	return true;
}

static const struct setting *find(const struct setting *group, const char *name, size_t len)
{
	const struct setting *one = group->type == SETTING_GROUP ? group->last : NULL;

	while (one != NULL && (strncmp(one->name, name, len) != 0 || one->name[len] != '\0')) {
		one = one->before;
	}
	return one;
}

const struct setting *setting_member(const struct setting *group, const char *name)
{
	return find(group, name, strlen(name));
}

const struct setting *setting_at(const struct setting *group, const char *path)
{
	const struct setting *setting = group;

	for (;;) {
		size_t len = strcspn(path, ".");

		setting = find(setting, path, len);
		if (setting == NULL || path[len] == '\0') {
			return setting;
		}
		path += len + 1;
	}
}

const char *setting_string(const struct setting *setting)
{
	return setting->type == SETTING_STRING ? setting->text : NULL;
}

const char *setting_found(const struct setting *setting)
{
	switch (setting->type) {
	case SETTING_GROUP:
		return "a group was found";
	case SETTING_LIST:
		return "a list was found";
	case SETTING_ARRAY:
		return "an array was found";
	case SETTING_STRING:
		return "a string was found";
	case SETTING_BOOL:
		return "a boolean was found";
	case SETTING_FLOAT:
		return "a number with a point was found";
	case SETTING_INTEGER:
		break;
	}
	return "an integer was found";
}

bool setting_holds(const struct setting *setting)
{
	return setting->type <= SETTING_ARRAY;
}
