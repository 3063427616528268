/* SPDX-License-Identifier: ISC */
/*
 * The settings of a config: groups, lists, arrays and values, with their lines, before the schema
 * is applied. tape.c makes the tree of a whole config, which read.c and the users of conf/text.h
 * read; grammar.c makes one up to the first mistake.
 *
 * A tree is stored in a few blocks of memory, which are freed together. A failed allocation is
 * returned as an error, because trees are also made in a process that has pairs.
 */
#ifndef WEIR_CONF_TREE_H
#define WEIR_CONF_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"

enum setting_type {
	SETTING_GROUP,
	SETTING_LIST,
	SETTING_ARRAY,
	SETTING_STRING,
	SETTING_INTEGER,
	SETTING_FLOAT,
	SETTING_BOOL,
};

struct setting {
	enum setting_type type;
	unsigned line;    /**< line of the key or the element in the whole text; 0 for the root */
	const char *name; /**< NULL: an element of a list or an array, or the root */
	/** A string's characters, or the value as written; NULL for groups, lists and arrays. */
	const char *text;
	size_t n; /**< of a group, a list or an array: the number of its settings */
	struct setting **elements; /**< `n` of them; tree_close() sets it */
	struct setting *last;      /**< the last one that tree_add() has added */
	struct setting *parent;
	struct setting *before; /**< the setting before it in its parent */
};

struct tree_block;

struct tree {
	struct tree_block *blocks;
	struct table keys;   /**< the keys of all groups, so that a duplicate is found */
	struct setting root; /**< the top level: a group */
};

void tree_init(struct tree *tree);
void tree_fini(struct tree *tree);

/** Adds a setting, whose value is set later, to a group, list or array. `name` is copied; NULL for
 * an element. NULL: no memory. */
struct setting *tree_add(
	struct tree *tree, struct setting *parent, const char *name, size_t name_len);

/** Allocates memory that is freed with the tree; NULL: no memory. */
void *tree_take(struct tree *tree, size_t size);

/** Sets `elements` of a group, list or array, after its settings were added. False: no memory. */
bool tree_close(struct tree *tree, struct setting *setting);

/** The setting with this name in a group of the tree; NULL: there is none. */
const struct setting *tree_find(
	const struct tree *tree, const struct setting *group, const char *name, size_t name_len);

/** The same by a linear search, for a group with few keys; NULL also if it is not a group. */
const struct setting *setting_member(const struct setting *group, const char *name);

/** The setting at the end of a path of names, like "keepalive.idle"; NULL: there is none. */
const struct setting *setting_at(const struct setting *group, const char *path);

/** The text of a string; NULL for other types. */
const char *setting_string(const struct setting *setting);

/** The words for a setting of a wrong type in an error: "an integer was found". */
const char *setting_found(const struct setting *setting);

/** Whether it is a group, a list or an array. */
bool setting_holds(const struct setting *setting);

#endif
