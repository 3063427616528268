/* SPDX-License-Identifier: ISC */
/*
 * Splits a text into the tokens of libconfig's syntax, with their lines.
 *
 * It follows the rules of libconfig 1.5 (lib/scanner.l), except for includes, which are inserted
 * before anything is parsed (source.h). Nothing is allocated; tokens point into the text.
 */
#ifndef WEIR_CONF_SCAN_H
#define WEIR_CONF_SCAN_H

#include <stddef.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,  /**< one piece with its quotes; adjacent pieces are one value */
	TOKEN_INTEGER, /**< decimal or hex, with its suffix L or LL */
	TOKEN_FLOAT,
	TOKEN_BOOL,
	TOKEN_MARK,         /**< any other character */
	TOKEN_INCLUDE,      /**< from '@' to the quote that ends the path */
	TOKEN_BAD_INCLUDE,  /**< "@include" that libconfig would not recognise */
	TOKEN_OPEN_STRING,  /**< begins here and never ends */
	TOKEN_OPEN_COMMENT, /**< begins here and never ends */
};

struct token {
	enum token_kind kind;
	const char *text; /**< points into the scanned text; not terminated */
	size_t len;
	unsigned line; /**< of its first character, from 1 */
};

struct scanner {
	const char *begin;
	const char *pos;
	const char *end;
	unsigned line;
};

/** Borrows `text`, which must hold no NUL before `len` and one at `len`. */
void scanner_init(struct scanner *scanner, const char *text, size_t len);

/** The next token; at the end of the text always TOKEN_END. */
struct token scanner_next(struct scanner *scanner);

#endif
