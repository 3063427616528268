/* SPDX-License-Identifier: ISC */
/* Checks whether some lists of prefixes together contain all of another list. Private to conf. */
#ifndef WEIR_CONF_COVER_H
#define WEIR_CONF_COVER_H

#include <stdbool.h>
#include <stddef.h>

struct conf_prefixes;

/** The contents of a list, sorted. */
struct cover;

/** Makes a cover of a list, which is copied; a `list` of NULL contains every client. NULL: no
 * memory. */
struct cover *cover_new(const struct conf_prefixes *list);

/** NULL is fine; returns NULL. */
struct cover *cover_free(struct cover *cover);

/** Whether it contains no client. */
bool cover_is_empty(const struct cover *cover);

/**
 * Whether each address of `inner`, and UNIX clients if `inner` has them, is in one of the `n`
 * covers of `outer`. Subtracts the number of its steps from *budget; false also if none are left.
 */
bool cover_all(
	const struct cover *const *outer, size_t n, const struct cover *inner, size_t *budget);

#endif
