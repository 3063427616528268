/* SPDX-License-Identifier: ISC */
/*
 * A config as its text says it: groups, lists, arrays and values, with their places. Private to
 * conf; tape.c makes it, read.c takes it apart.
 *
 * All of it lies in a few blocks that go at once. Every allocation may fail, and is then told: a
 * tree is also made in a process that has pairs to keep.
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
	unsigned line;    /**< of the whole text: of the key, or of an element; 0 of the root */
	const char *name; /**< NULL: an element of a list or an array, or the root */
	const char *text; /**< a string's characters, or the value as it was written; NULL of
				groups, lists and arrays */
	size_t n;         /**< of a group, a list or an array: how many are in it */
	struct setting **elements; /**< n of them, once its closing bracket was read */
	struct setting *last;      /**< until then: the last of them */
	struct setting *parent;
	struct setting *before; /**< the one before it where it stands */
};

struct tree_block;

struct tree {
	struct tree_block *blocks;
	struct table keys;   /**< those of all groups: a second one is found in time */
	struct setting root; /**< the top level: a group */
};

void tree_init(struct tree *tree);
void tree_fini(struct tree *tree);

/** Adds a setting, whose value comes later, to an open group, list or array; `name` is copied, NULL
 * for an element. NULL without memory. */
struct setting *tree_add(
	struct tree *tree, struct setting *parent, const char *name, size_t name_len);

/** Memory that goes with the tree; NULL without any. */
void *tree_take(struct tree *tree, size_t size);

/** Nothing more comes into `setting`: its elements may be asked for. False without memory. */
bool tree_close(struct tree *tree, struct setting *setting);

/** The setting of this name that a group of the tree holds already; NULL if there is none. */
const struct setting *tree_find(
	const struct tree *tree, const struct setting *group, const char *name, size_t name_len);

/** The same of a group with few keys; NULL also of what is no group. */
const struct setting *setting_member(const struct setting *group, const char *name);

/** The setting at the end of a path of names, like "keepalive.idle"; NULL if there is none. */
const struct setting *setting_at(const struct setting *group, const char *path);

/** The text of a string; NULL of anything else. */
const char *setting_string(const struct setting *setting);

/** What an error says of a setting of a wrong type: "an integer was found". */
const char *setting_found(const struct setting *setting);

/** Whether it is a group, a list or an array. */
bool setting_holds(const struct setting *setting);

#endif
