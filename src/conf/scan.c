/* SPDX-License-Identifier: ISC */
#include "conf/scan.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdefABCDEF"
#define ALPHA  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const char include_word[] = "@include";

/* How many characters from `pos` on are in `set`. Not strspn(3), because a sanitizer may check the
 * whole text after `pos` each time. */
static size_t span(const char *pos, const char *set)
{
	size_t n = 0;

	while (pos[n] != '\0' && strchr(set, pos[n]) != NULL) {
		n++;
	}
	return n;
}

void scanner_init(struct scanner *scanner, const char *text, size_t len)
{
	assert(text[len] == '\0');
	*scanner = (struct scanner){.begin = text, .pos = text, .end = text + len, .line = 1};
}

/* Moves on to `to`, counting lines. */
static void advance(struct scanner *scanner, const char *to)
{
	for (; scanner->pos < to; scanner->pos++) {
		scanner->line += *scanner->pos == '\n';
	}
}

/* Skips blanks and comments. False: a comment never ends, and pos is at its start. */
static bool skip_blanks(struct scanner *scanner)
{
	for (;;) {
		const char *pos = scanner->pos + span(scanner->pos, " \t\r\n\f");
		const char *end;

		advance(scanner, pos);
		if (*pos == '#' || (pos[0] == '/' && pos[1] == '/')) {
			end = memchr(pos, '\n', (size_t)(scanner->end - pos));
			advance(scanner, end == NULL ? scanner->end : end);
		} else if (pos[0] == '/' && pos[1] == '*') {
			end = memmem(pos + 2, (size_t)(scanner->end - pos - 2), "*/", 2);
			if (end == NULL) {
				return false;
			}
			advance(scanner, end + 2);
		} else {
			return true;
		}
	}
}

/* The end of the string that begins at `pos`, after its closing quote; NULL: it has none. */
static const char *string_end(const char *pos)
{
	for (pos++; *pos != '\0'; pos++) {
		if (*pos == '"') {
			return pos + 1;
		}
		if (*pos == '\\' && pos[1] != '\0') {
			pos++;
		}
	}
	return NULL;
}

/* The end of an exponent at `pos`; `pos` if there is no complete one. */
static const char *exponent_end(const char *pos)
{
	const char *digits;

	if (*pos != 'e' && *pos != 'E') {
		return pos;
	}
	digits = pos + 1;
	digits += *digits == '+' || *digits == '-';
	return span(digits, DIGITS) == 0 ? pos : digits + span(digits, DIGITS);
}

/* The end of the longest number at `pos`, as flex would find it; `pos` if there is none. */
static const char *number_end(const char *pos, enum token_kind *ret_kind)
{
	const char *digits = pos + (*pos == '+' || *pos == '-');
	const char *end = digits + span(digits, DIGITS);
	bool hex = pos[0] == '0' && (pos[1] == 'x' || pos[1] == 'X') && span(pos + 2, HEX) > 0;

	*ret_kind = TOKEN_FLOAT;
	if (*end == '.') {
		end++;
		return exponent_end(end + span(end, DIGITS));
	}
	if (end == digits) {
		return pos;
	}
	if (!hex && exponent_end(end) != end) {
		return exponent_end(end);
	}
	*ret_kind = TOKEN_INTEGER;
	if (hex) {
		end = pos + 2 + span(pos + 2, HEX);
	}
	end += *end == 'L';
	end += *end == 'L' && end[-1] == 'L';
	return end;
}

/* The end of an @include, which must be at the start of a line, with its path in quotes in the same
 * line. */
static const char *include_end(const struct scanner *scanner, enum token_kind *ret_kind)
{
	const char *word_end = scanner->pos + strlen(include_word);
	const char *quote = word_end + span(word_end, " \t");
	const char *before = scanner->pos;
	const char *end;

	while (before > scanner->begin && (before[-1] == ' ' || before[-1] == '\t')) {
		before--;
	}
	end = *quote == '"' ? string_end(quote) : NULL;
	if ((before > scanner->begin && before[-1] != '\n') || quote == word_end || end == NULL ||
		memchr(quote, '\n', (size_t)(end - quote)) != NULL) {
		*ret_kind = TOKEN_BAD_INCLUDE;
		return word_end;
	}
	*ret_kind = TOKEN_INCLUDE;
	return end;
}

/* Whether the text at `pos` begins with a word in upper or lower case; `word` is in lower case. */
static bool begins_with(const char *pos, const char *word)
{
	while (*word != '\0' && tolower((unsigned char)*pos) == *word) {
		pos++;
		word++;
	}
	return *word == '\0';
}

static bool is_bool(const char *text, size_t len)
{
	return (len == 4 && begins_with(text, "true")) || (len == 5 && begins_with(text, "false"));
}

/* Finds kind and end of the token at pos, which is neither blank nor the end of the text. */
static const char *token_end(const struct scanner *scanner, enum token_kind *ret_kind)
{
	const char *pos = scanner->pos;
	const char *end;

	if (*pos == '"') {
		end = string_end(pos);
		*ret_kind = end == NULL ? TOKEN_OPEN_STRING : TOKEN_STRING;
		return end == NULL ? pos + 1 : end;
	}
	if (scanner->end - pos >= (ptrdiff_t)strlen(include_word) &&
		memcmp(pos, include_word, strlen(include_word)) == 0) {
		return include_end(scanner, ret_kind);
	}
	if (span(pos, ALPHA "*") > 0) {
		end = pos + span(pos, ALPHA DIGITS "-_*");
		*ret_kind = is_bool(pos, (size_t)(end - pos)) ? TOKEN_BOOL : TOKEN_NAME;
		return end;
	}
	end = number_end(pos, ret_kind);
	if (end != pos) {
		return end;
	}
	*ret_kind = TOKEN_MARK;
	return pos + 1;
}

struct token scanner_next(struct scanner *scanner)
{
	struct token token = {.kind = TOKEN_END};
	const char *end;

	if (!skip_blanks(scanner)) {
		token.kind = TOKEN_OPEN_COMMENT;
	}
	token.text = scanner->pos;
	token.line = scanner->line;
	if (token.kind == TOKEN_OPEN_COMMENT) {
		advance(scanner, scanner->end);
		return token;
	}
	if (scanner->pos == scanner->end) {
		return token;
	}
	end = token_end(scanner, &token.kind);
	token.len = (size_t)(end - scanner->pos);
	/* The text after the opening quote of a string without end is of no use. */
	advance(scanner, token.kind == TOKEN_OPEN_STRING ? scanner->end : end);
	return token;
}
