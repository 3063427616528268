/* SPDX-License-Identifier: ISC */
/* The names in a list of the config, which must be unique. Private to conf. */
#ifndef WEIR_CONF_NAMES_H
#define WEIR_CONF_NAMES_H

#include <stddef.h>

#include "base/table.h"
#include "conf/errors.h"
#include "conf/reader.h"

/** A list whose elements have names. The caller sets all members but the last two. */
struct names {
	const struct setting *list; /**< the list as written */
	const char *shown;          /**< its path in errors */
	/** The name of element `i`; NULL: it was refused, or is not written. */
	const char *(*name)(const struct names *names, size_t i);
	/** Returns the setting from which the name of element `i` comes, and writes its key. If the
	 * caller sets no such function, that is the key "name" of this element of `list`. */
	const struct setting *(*place)(
		const struct names *names, size_t i, char key[CONF_PATH_MAX]);
	const struct conf_reader *reader; /**< for place() */
	const void *elements;             /**< the elements in the model */
	size_t n;
	const char **all;   /* n */
	struct table table; /* of pointers into `all` */
};

/** Reports each name that occurs again, and stores the others. */
void names_check(struct conf_reader *reader, struct names *names);

/** The first element with this name; SIZE_MAX: there is none. */
size_t names_find(const struct names *names, const char *name);

void names_fini(struct names *names);

#endif
