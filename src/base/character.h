/* SPDX-License-Identifier: ISC */
/* Characters of hostile text in UTF-8, as a reader may be shown them: names may hold anything. */
#ifndef WEIR_BASE_CHARACTER_H
#define WEIR_BASE_CHARACTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/**
 * Writes the character at the beginning of a text, which is not empty. What drives a terminal
 * (every control character, the end of a line too), what changes the direction of the text behind
 * it, what cannot be seen, and what is no UTF-8, is \xNN or \uNNNN. Returns how many bytes it was.
 */
size_t character_put(FILE *out, const char *text);

/** Writes a whole text so. */
void character_put_all(FILE *out, const char *text);

/** How many characters of a text a column takes that is as wide; *ret_len are their bytes. */
int character_fit(const char *text, int width, int *ret_len);

/** Whether character_put() writes every character of a text as it is. */
bool character_are_plain(const char *text);

#endif
