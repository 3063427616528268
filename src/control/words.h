/* SPDX-License-Identifier: ISC */
/* The words that may stand somewhere, for who has written another one. Pure. */
#ifndef WEIR_CONTROL_WORDS_H
#define WEIR_CONTROL_WORDS_H

#include <stddef.h>

/** "a, b and c" of all words, behind which is NULL, cut where there is no room; `text`. */
const char *words_list(const char *const *words, char *text, size_t size);

#endif
