/* SPDX-License-Identifier: ISC */
/*
 * How weir quotes bytes that came from outside, in the log and in errors about a config. Between
 * double quotes '"' is written as \", '\' as \\, and a byte that is not printable ASCII as \xNN
 * (two lower-case hex digits); every other byte stands for itself. A string in a config may be
 * written in the same way. Also here: letters in lower case, text in Latin-1, and the lines of a
 * text.
 */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_ESCAPE_MAX = 4 };

/** Whether a byte stands for itself between quotes; '\0' does not. */
bool text_is_plain(char byte);

/** Turns an upper-case ASCII letter into lower case, whatever the locale. */
static inline uint8_t text_lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

enum { TEXT_LATIN1_MAX = 2 };

/** Writes a Latin-1 character as UTF-8, without a '\0'. Returns its length. */
size_t text_from_latin1(char latin1, char utf8[TEXT_LATIN1_MAX]);

/** Copies a Latin-1 text as UTF-8. Free it with free(3). NULL: no memory. */
char *text_copy_latin1(const char *latin1);

/** Writes the escape of a byte that is not plain, without a '\0'. Returns its length. */
size_t text_escape(char byte, char escape[TEXT_ESCAPE_MAX]);

/** Reads one byte from what text_escape() wrote. Returns the length of the escape. */
size_t text_unescape(const char *escape, char *ret_byte);

/**
 * Finds the next line that is not empty, without its line feed, and moves *text to its end. Returns
 * its length, and the line in *ret_line; 0: there is none left.
 */
size_t text_next_line(const char **text, const char **ret_line);

#endif
