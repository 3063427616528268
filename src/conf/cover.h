/* SPDX-License-Identifier: ISC */
/* Whether some lists of prefixes together hold all that another one holds. Private to conf. */
#ifndef WEIR_CONF_COVER_H
#define WEIR_CONF_COVER_H

#include <stdbool.h>
#include <stddef.h>

struct conf_prefixes;

/** What a list holds, in order. */
struct cover;

/** Of a list, which is borrowed; NULL is everybody. NULL without memory. */
struct cover *cover_new(const struct conf_prefixes *list);

/** NULL is fine; returns NULL. */
struct cover *cover_free(struct cover *cover);

/** Whether nobody is in it. */
bool cover_is_empty(const struct cover *cover);

/**
 * Whether each address of `inner`, and whoever comes by a UNIX socket if it has these, is in one of
 * `outer`. Takes the steps that this takes off *budget; false when there are none left.
 */
bool cover_all(
	const struct cover *const *outer, size_t n, const struct cover *inner, size_t *budget);

#endif
