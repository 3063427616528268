/* SPDX-License-Identifier: ISC */
/*
 * The keys of a suite's file that are options of weirload, with '_' for '-': which keys a group may
 * have, and their values. All of it is derived from the table of options (options_table.c).
 */
#ifndef WEIR_LOAD_SUITE_KEYS_H
#define WEIR_LOAD_SUITE_KEYS_H

#include <stdbool.h>

#include "conf/errors.h"
#include "conf/text.h"
#include "load/options_private.h"

struct scenario;

enum { SUITE_KEY_MAX = 40, SUITE_PATH_MAX = 96 };

/** A file that is being read. */
struct suite_reading {
	const struct conf_text *text;
	struct conf_errors *errors;
	char (*names)[SUITE_KEY_MAX]; /**< malloc'd by suite_name_keys(): each option as a key */
	bool failed;                  /**< an error was reported */
};

/** A group of the file, and the keys that it may have. */
struct suite_place {
	const struct setting *group;
	char path[SUITE_PATH_MAX];       /**< "proxies[0].idle"; "": the top level */
	const struct scenario *scenario; /**< only options of this scenario; NULL: of any */
	const char *const *own;          /**< keys that other code reads, up to a NULL */
	bool has_scenarios;              /**< it may have groups with the names of scenarios */
	bool has_options;                /**< it may have options */
	bool is_of_proxy;                /**< it may say where a proxy listens */
};

/** Sets `names`, which the caller frees. 0 or -ENOMEM. */
int suite_name_keys(struct suite_reading *reading);

/** Reports an error about a setting. */
__attribute__((format(printf, 4, 5))) void suite_refuse(struct suite_reading *reading,
	const struct setting *setting, const char *path, const char *format, ...);

/** Writes "max_late needs expect" for "--max-late needs --expect", and 'such as every = "1s"' for
 * "such as --every 1s". Words that are no options of weirload stay as they are. */
void suite_name_as_keys(char *text, size_t size);

/** Writes the path of a setting in a group. Returns `path`. */
const char *suite_join(
	char path[SUITE_PATH_MAX], const struct suite_place *place, const struct setting *setting);

/** The scenario with this name, if it opens connections; else NULL. */
const struct scenario *suite_find_scenario(const char *name);

/** Checks that each key of a group is known there, and each option's value. */
void suite_check_place(struct suite_reading *reading, const struct suite_place *place);

/** The setting of an option in a group (which may be NULL); NULL: there is none. */
const struct setting *suite_find_value(const struct suite_reading *reading,
	const struct setting *group, const struct option *option);

/** Parses the value of an option into `options`. False, with an error reported: it is wrong. */
bool suite_read_option(struct suite_reading *reading, const struct option *option,
	const struct setting *setting, const char *path, struct options *options);

#endif
