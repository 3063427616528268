/* SPDX-License-Identifier: ISC */
/*
 * The schema of the config: one table of every key, which is schema_table.c.
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
	CONF_OPTION,    /**< bool; a group that says true, or one of two words, as CONF_EITHER */
	CONF_CHECK,     /**< struct conf_check *; a group, whose keys are `apart`, or "off" */
	CONF_LIST,      /**< ( { ... }, ... ): groups of the same keys, at least one */
	CONF_INT,       /**< uint32_t */
	CONF_DURATION,  /**< uint64_t ns */
	CONF_SIZE,      /**< size_t bytes */
	CONF_LEVEL,     /**< enum log_level */
	CONF_EITHER,    /**< bool; one of two words, of which the first says true */
	CONF_WORD,      /**< an enum: the index of one of the words */
	CONF_BOOL,      /**< bool; true or false, without quotes */
	CONF_BYTES,     /**< struct conf_bytes */
	CONF_FLAGS,     /**< unsigned; an array of words, the bit of each of which is set */
	CONF_PREFIXES,  /**< const struct conf_prefixes *; a string or an array of strings */
	CONF_SNI,       /**< names in a ClientHello, as CONF_LISTEN: char * */
	CONF_ALPN,      /**< protocols in it, the same */
	CONF_HOSTS,     /**< names in a Host header, the same */
	CONF_INCLUDE,   /**< patterns of files: was done before anything is parsed */
	CONF_FASTOPEN,  /**< struct sockopts: a number of clients, or a word, on or off */
	CONF_PATH,      /**< the path of a UNIX socket: struct addr */
	CONF_DOOR,      /**< an address that can be bound: struct addr */
	CONF_RATE,      /**< uint64_t; a number a second */
	CONF_BANDWIDTH, /**< uint64_t; a size a second */
	CONF_MODE,      /**< mode_t; octal digits in a string */
	CONF_OWNER,     /**< a user, by name or number: struct file_access */
	CONF_TEAM,      /**< a group of users, the same */
	CONF_NAME,      /**< char *; 1 - 64 of [A-Za-z0-9_.-], unique in its list */
	CONF_REFERENCE, /**< the name of an upstream: const struct conf_upstream * */
	CONF_LISTEN,    /**< addresses of a listener: a string or an array of strings */
	CONF_FORWARD,   /**< char *; the address of a server, or a range of ports of it */
	CONF_SOURCE,    /**< an IP address without a port: struct addr */
	CONF_SERVER,    /**< the address of a server: struct conf_server */
	CONF_TARGET,    /**< the address that is checked: struct conf_check */
	CONF_RESOLVERS, /**< addresses of DNS servers, as CONF_LISTEN */
	CONF_DISCOVER,  /**< "dns:NAME:PORT" or "srv:NAME": struct conf_discovery */
};

enum { CONF_NAME_MAX = 64, CONF_ELEMENTS_MAX = 10000 };

struct conf_key {
	const char
		*path; /**< "timeouts.idle"; "[]" for the elements of a list: "listeners[].name" */
	enum conf_type type;
	bool required;
	const char *preset;       /**< the default as written in the config; NULL: see help */
	const char *example;      /**< what may be written, as in the config */
	const char *const *words; /**< up to a NULL */
	const char *alone;        /**< of a list: the key that an element without braces has */
	/** Of a key in a CONF_CHECK: its object is not that of the group's owner. */
	bool apart;
	uint64_t
		min; /**< of integers, durations, sizes and rates; `max` of bytes and arrays, too */
	uint64_t max;
	/**
	 * Where the value goes, from the start of the object that the key belongs to: the conf, or
	 * the element of the innermost list, or what `apart` says. Of a list or an array: the
	 * pointer to the elements.
	 */
	size_t offset;
	size_t count_offset; /**< of these: where the number of elements (size_t) goes */
	size_t element_size; /**< of a list or an array */
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

/** Whether the value lies in the object of `parent` itself, in a group or not: neither in a list
 * nor in an object of its own. */
bool conf_schema_within(const struct conf_key *key, const char *parent);

/** The name in `parent` that an unknown one most likely means; NULL if none is near enough. */
const char *conf_schema_nearest(const char *parent, const char *name);

/** An entry of that name in another group, rather in one that is called as `parent` is, or in one
 * within `parent`; NULL if there is none. */
const struct conf_key *conf_schema_elsewhere(const char *parent, const char *name);

#endif
