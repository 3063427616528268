/* SPDX-License-Identifier: ISC */
/*
 * The keys of a suite's file that are options of weirload, with '_' for '-': which may stand in a
 * group, and their values. By the table of options (options_table.c), and nothing else.
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
	char (*names)[SUITE_KEY_MAX]; /**< heap: each option as a key; suite_name_keys() */
	bool failed;                  /**< an error was told */
};

/** A group of the file, and what may stand in it. */
struct suite_place {
	const struct setting *group;
	char path[SUITE_PATH_MAX];       /**< "proxies[0].idle"; "" of the top level */
	const struct scenario *scenario; /**< whose options alone; NULL: those of any */
	const char *const *own;          /**< keys that others read, up to a NULL */
	bool has_scenarios;              /**< and groups that are called as scenarios are */
	bool has_options;
};

/** Fills in the names, which are freed by the caller. 0 or -ENOMEM. */
int suite_name_keys(struct suite_reading *reading);

/** An error about a setting. */
__attribute__((format(printf, 4, 5))) void suite_refuse(struct suite_reading *reading,
	const struct setting *setting, const char *path, const char *format, ...);

/** Writes "max_late needs expect" for "--max-late needs --expect". */
void suite_name_as_keys(char *text);

/** The path of a setting in a group; `path`. */
const char *suite_join(
	char path[SUITE_PATH_MAX], const struct suite_place *place, const struct setting *setting);

/** The scenario of that name that opens connections; NULL. */
const struct scenario *suite_find_scenario(const char *name);

/** Checks that each key of a group is known there, and each option's value. */
void suite_check_place(struct suite_reading *reading, const struct suite_place *place);

/** What a group (NULL is none) says of an option; NULL: nothing. */
const struct setting *suite_find_value(const struct suite_reading *reading,
	const struct setting *group, const struct option *option);

/** The value of an option into the options; false, and an error, where it is wrong. */
bool suite_read_option(struct suite_reading *reading, const struct option *option,
	const struct setting *setting, const char *path, struct options *options);

#endif
