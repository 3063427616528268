/* SPDX-License-Identifier: ISC */
/* Builds a list of prefixes. Private to conf. */
#ifndef WEIR_CONF_PREFIXES_H
#define WEIR_CONF_PREFIXES_H

#include <stddef.h>

#include "base/prefix.h"

struct conf_prefixes;

enum { CONF_PREFIXES_MAX = 1000 * 1000 }; /**< in all files together, and in all lists together */

/** Adds prefixes. 0 or -ENOMEM. */
int conf_prefixes_add(struct conf_prefixes *list, const struct prefix *prefixes, size_t n);

/** Adds the element that a text stands for: a prefix, "unix" or "any". 0; -ENOMEM; or -EINVAL and
 * what is wrong in ret_why. */
int conf_prefixes_add_text(
	struct conf_prefixes *list, const char *text, char ret_why[PREFIX_WHY_MAX]);

#endif
