/* SPDX-License-Identifier: ISC */
/*
 * How weir writes bytes that came from outside, wherever it quotes them: in the log, and in what it
 * says of a config. Between double quotes '"' is \", '\' is \\, and what is not printable ASCII is
 * \xNN (two hex digits, lower case); every other byte is itself. A config is read the same. And how
 * names are compared whose case means nothing.
 */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_ESCAPE_MAX = 4 };

/** Whether a byte is itself between quotes; '\0' is not. */
bool text_is_plain(char byte);

/** The small letter of a capital one; ASCII, whatever the locale says. */
static inline uint8_t text_lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

enum { TEXT_LATIN1_MAX = 2 };

/** Writes a character of Latin-1 in UTF-8, without a '\0'; its length. */
size_t text_from_latin1(char latin1, char utf8[TEXT_LATIN1_MAX]);

/** A copy of a text of Latin-1 in UTF-8, from malloc(3); NULL: no memory. */
char *text_copy_latin1(const char *latin1);

/** Writes a byte that is not plain as it stands between quotes, without a '\0'; its length. */
size_t text_escape(char byte, char escape[TEXT_ESCAPE_MAX]);

/** Reads one byte from what text_escape() wrote; returns the length of the escape. */
size_t text_unescape(const char *escape, char *ret_byte);

#endif
