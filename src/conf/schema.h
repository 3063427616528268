/* SPDX-License-Identifier: ISC */
/*
 * The schema of the config: one table of every key.
 *
 * The reader, the defaults and the suggestions for unknown keys come from this table;
 * conf/weir.conf and weir.conf(5) are compared with it by a test. A key that is not in it does not
 * exist.
 */
#ifndef WEIR_CONF_SCHEMA_H
#define WEIR_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
	CONF_GROUP,     /**< { ... }; its keys are entries of their own */
	CONF_LIST,      /**< ( { ... }, ... ): groups of the same keys, at least one */
	CONF_INT,       /**< uint32_t */
	CONF_DURATION,  /**< uint64_t ns */
	CONF_SIZE,      /**< size_t bytes */
	CONF_LEVEL,     /**< enum log_level */
	CONF_AUTO,      /**< bool; "auto" or "off" */
	CONF_SWITCH,    /**< bool; "on" or "off" */
	CONF_CLOSE,     /**< bool; "reset" or "fin" */
	CONF_APPLY,     /**< bool; an array of strings, of which there is one: "timeouts" */
	CONF_MODE,      /**< mode_t; octal digits in a string */
	CONF_OWNER,     /**< a user, by name or number: struct file_access */
	CONF_TEAM,      /**< a group of users, the same */
	CONF_NAME,      /**< char *; 1 - 64 of [A-Za-z0-9_.-], unique in its list */
	CONF_REFERENCE, /**< the name of an upstream: const struct conf_upstream * */
	CONF_LISTEN,    /**< addresses of a listener: a string or an array of strings */
	CONF_SOURCE,    /**< an IP address without a port: struct addr */
	CONF_SERVER,    /**< the address of a server: struct conf_server */
};

enum { CONF_NAME_MAX = 64, CONF_ELEMENTS_MAX = 10000 };

struct conf_key {
	const char
		*path; /**< "timeouts.idle"; "[]" for the elements of a list: "listeners[].name" */
	enum conf_type type;
	bool required;
	const char *preset;  /**< the default as written in the config; NULL: see help */
	const char *example; /**< what may be written, as in the config */
	uint64_t min;        /**< of integers, durations and sizes */
	uint64_t max;
	/**
	 * Where the value goes, from the start of the object that the key belongs to: the conf, or
	 * the element of the innermost list. Of a list: the pointer to the elements.
	 */
	size_t offset;
	size_t count_offset; /**< of a list: where the number of elements (size_t) goes */
	size_t element_size; /**< of a list */
	const char *help;
};

/** The table and its length. Keys stand behind the group or list that they belong to. */
extern const struct conf_key conf_schema[];
extern const size_t conf_schema_len;

/** The entry for `name` in the group `parent` ("" or "timeouts" or "listeners[]"); NULL if none. */
const struct conf_key *conf_schema_find(const char *parent, const char *name);

/** Whether the entry belongs to the group `parent` itself, not to a group in it; its name if so,
 * else NULL. */
const char *conf_schema_child(const struct conf_key *key, const char *parent);

/** Whether the value lies in the object of `parent` itself, in a group or not, but not in a list.
 */
bool conf_schema_within(const struct conf_key *key, const char *parent);

/** The name in `parent` that an unknown one most likely means: at most two edits or a third of its
 * length away; NULL if there is none. */
const char *conf_schema_nearest(const char *parent, const char *name);

/** An entry of that name in any other group; NULL if there is none. */
const struct conf_key *conf_schema_elsewhere(const char *name);

/** Insertions, deletions and changes that make one text of the other; what is beyond 64 bytes is
 * not looked at. */
size_t conf_edits(const char *a, const char *b);

#endif
