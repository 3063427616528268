/* SPDX-License-Identifier: ISC */
/*
 * The names in a list of the config, none of which may be there twice. Private to conf.
 */
#ifndef WEIR_CONF_NAMES_H
#define WEIR_CONF_NAMES_H

#include <stddef.h>

#include "base/table.h"
#include "conf/read.h"

/** A list whose elements have names; the caller fills in all but the last two. */
struct names {
	const struct setting *list; /**< as it was written */
	const char *shown;          /**< its path in errors */
	/** The name of the element i; NULL where it was refused, or not written. */
	const char *(*name)(const struct names *names, size_t i);
	/** Where the name of the element i comes from, and its key; NULL: from `name` in `list`. */
	const struct setting *(*place)(
		const struct names *names, size_t i, char key[CONF_PATH_MAX]);
	const struct conf_reader *reader; /**< of place() */
	const void *elements;             /**< of the model */
	size_t n;
	const char **all;   /* n */
	struct table table; /* of pointers into `all` */
};

/** Tells of each name that is there already, and keeps the others. */
void names_check(struct conf_reader *reader, struct names *names);

/** The first element of this name; SIZE_MAX if there is none. */
size_t names_find(const struct names *names, const char *name);

void names_fini(struct names *names);

#endif
