/* SPDX-License-Identifier: ISC */
/* Lists the words that are allowed in a place, for an error about another word. Pure. */
#ifndef WEIR_CONTROL_WORDS_H
#define WEIR_CONTROL_WORDS_H

#include <stddef.h>

/** Writes all words, the last of which is followed by NULL, as "a, b and c", cut off if there is no
 * room. Returns `text`. */
const char *words_list(const char *const *words, char *text, size_t size);

#endif
