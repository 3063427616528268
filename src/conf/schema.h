/* SPDX-License-Identifier: ISC */
/*
 * The schema of the config: one table with every key (schema_table.c).
 *
 * The reader, the defaults and the suggestions for unknown keys use this table, and a test compares
 * conf/weir.conf and weir.conf(5) with it. A key that is not in it does not exist.
 */
#ifndef WEIR_CONF_SCHEMA_H
#define WEIR_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
	CONF_GROUP,     /**< { ... }; its keys are entries of their own */
	CONF_OPTION,    /**< bool; a group, which means true, or one of two words, as CONF_EITHER */
	CONF_CHECK,     /**< struct conf_check *; a group, whose keys are `apart`, or "off" */
	CONF_LIST,      /**< ( { ... }, ... ): groups of the same keys, at least one */
	CONF_INT,       /**< uint32_t */
	CONF_DURATION,  /**< uint64_t ns */
	CONF_SIZE,      /**< size_t bytes */
	CONF_LEVEL,     /**< enum log_level */
	CONF_EITHER,    /**< bool; one of two words, of which the first means true */
	CONF_WORD,      /**< an enum: the index of one of the words */
	CONF_BOOL,      /**< bool; true or false, without quotes */
	CONF_BYTES,     /**< struct conf_bytes */
	CONF_FLAGS,     /**< unsigned; an array of words, each of which sets a bit */
	CONF_PREFIXES,  /**< const struct conf_prefixes *; a string or an array of strings */
	CONF_SNI,       /**< names in a ClientHello: char *; a string or an array of strings */
	CONF_ALPN,      /**< protocols in a ClientHello, likewise */
	CONF_HOSTS,     /**< names in a Host header, likewise */
	CONF_INCLUDE,   /**< patterns of files; handled before anything is parsed */
	CONF_FASTOPEN,  /**< struct sockopts: a number of clients, or a word, on or off */
	CONF_PATH,      /**< the path of a UNIX socket: struct addr */
	CONF_DOOR,      /**< an address to listen on: struct addr */
	CONF_RATE,      /**< uint64_t; a number a second */
	CONF_BANDWIDTH, /**< uint64_t; a size a second */
	CONF_MODE,      /**< mode_t; octal digits in a string */
	CONF_OWNER,     /**< a user, by name or number: struct file_access */
	CONF_TEAM,      /**< a group of users, likewise */
	CONF_NAME,      /**< char *; 1 - 64 of [A-Za-z0-9_.-], unique in its list */
	CONF_REFERENCE, /**< the name of an upstream: const struct conf_upstream * */
	CONF_LISTEN,    /**< addresses of a listener: a string or an array of strings */
	CONF_FORWARD,   /**< char *; the address of a server, or a range of ports of it */
	CONF_SOURCE,    /**< an IP address without a port: struct addr */
	CONF_SERVER,    /**< the address of a server: struct conf_server */
	CONF_TARGET,    /**< the address that a check connects to: struct conf_check */
	CONF_RESOLVERS, /**< addresses of DNS servers, as CONF_LISTEN */
	CONF_DISCOVER,  /**< "dns:NAME:PORT" or "srv:NAME": struct conf_discovery */
};

enum { CONF_NAME_MAX = 64, CONF_ELEMENTS_MAX = 10000 };

struct conf_key {
	/** "timeouts.idle"; "[]" stands for the elements of a list: "listeners[].name". */
	const char *path;
	enum conf_type type;
	bool required;
	const char *preset;       /**< the default as written in the config; NULL: see help */
	const char *example;      /**< a value that may be written, as in the config */
	const char *const *words; /**< ends with a NULL */
	const char *alone;        /**< of a list: the key that an element without braces sets */
	/** Of a key in a CONF_CHECK: its value belongs to an object of its own, not to that of the
	 * group's owner. */
	bool apart;
	/** For integers, durations, sizes, rates and CONF_FASTOPEN; `max` also for bytes, modes and
	 * arrays. */
	uint64_t min;
	uint64_t max;
	/**
	 * The offset of the value in the object to which the key belongs: the conf, or the element
	 * of the innermost list, or the object of `apart`. With element_size: the offset of the
	 * pointer to the elements.
	 */
	size_t offset;
	/** With element_size: the offset of the number of elements (size_t). */
	size_t count_offset;
	size_t element_size; /**< 0: the value is not a list or array of elements */
	const char *help;
};

/** The table and its length. Keys follow the group or list to which they belong. */
extern const struct conf_key conf_schema[];
extern const size_t conf_schema_len;

/** The entry for `name` in the group `parent` ("" or "timeouts" or "listeners[]"); NULL: none. */
const struct conf_key *conf_schema_find(const char *parent, const char *name);

/** The name of the entry if it belongs to the group `parent` itself, not to a group in it; else
 * NULL. */
const char *conf_schema_child(const struct conf_key *key, const char *parent);

/** Whether the value is in the object of `parent` itself, possibly in a group, but not in a list or
 * an object of its own. */
bool conf_schema_within(const struct conf_key *key, const char *parent);

/** The name in `parent` that an unknown one probably means; NULL: none is similar enough. */
const char *conf_schema_nearest(const char *parent, const char *name);

/** An entry with this name in another group: in one with the same name as `parent`, else in one
 * within `parent`, else in any. NULL: there is none. */
const struct conf_key *conf_schema_elsewhere(const char *parent, const char *name);

#endif
