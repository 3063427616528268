/* SPDX-License-Identifier: ISC */
/* Shows UTF-8 text that may be hostile, such as names, so that a reader sees every character. */
#ifndef WEIR_BASE_CHARACTER_H
#define WEIR_BASE_CHARACTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/**
 * Writes the first character of `text`, which must not be empty. Writes \xNN or \uNNNN instead of a
 * control character (also of a line end), of one that changes the direction of the text after it,
 * of one that cannot be seen, and of a byte that is not UTF-8. Returns how many bytes of `text` it
 * has used.
 */
size_t character_put(FILE *out, const char *text);

/** Writes a whole text as character_put() does. */
void character_put_all(FILE *out, const char *text);

/** How many characters of a text fit in a column of `width` characters; *ret_len: their bytes. */
int character_fit(const char *text, int width, int *ret_len);

/** Whether character_put() writes every character of a text as it is. */
bool character_are_plain(const char *text);

#endif
