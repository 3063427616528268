/* SPDX-License-Identifier: ISC */
/*
 * Explains why a text does not fit the grammar. The most common mistakes have messages of their
 * own. For all others the message says what was found and what was expected. The line is that of
 * the token that does not fit, or that of the key, value or element before it, if the mistake is
 * there; if a bracket or string is open, the message has its line too.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/errors.h"
#include "conf/grammar.h"
#include "conf/schema.h"
#include "conf/source.h"
#include "conf/value.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-*"
#define SIGNS      ".:/@%+~-*"
#define WORD_CHARS NAME_CHARS SIGNS /* characters of values that lack their quotes */

/* Writes the message for a line; false: it is too long. */
__attribute__((format(printf, 3, 4))) static bool say(
	struct conf_hint *hint, unsigned line, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(hint->text, sizeof(hint->text), format, args);
	va_end(args);
	hint->line = line;
	return len < (int)sizeof(hint->text);
}

/* "line 3", or "FILE:3" if the token is in another file than line `from`, where the error is. */
static const char *place_of(
	const struct walk *walk, const struct token *token, unsigned from, char text[CONF_WHY_MAX])
{
	const char *file;
	const char *here;
	unsigned line;
	unsigned here_line;

	conf_source_place(walk->source, token->line, &file, &line);
	conf_source_place(walk->source, from, &here, &here_line);
	if (strcmp(file, here) == 0) {
		(void)snprintf(text, CONF_WHY_MAX, "line %u", line);
	} else {
		(void)snprintf(text, CONF_WHY_MAX, "%s:%u", file, line);
	}
	return text;
}

enum { FOUND_MAX = CONF_SHOWN_CHARS + sizeof("...") };

/* What was found, in words. */
static const char *describe(const struct token *token, char text[FOUND_MAX])
{
	char escape[TEXT_ESCAPE_MAX];

	if (token->kind == TOKEN_STRING) {
		return "a string";
	}
	if (token->kind == TOKEN_MARK) {
		bool visible = *token->text > ' ' && *token->text <= '~';

		(void)snprintf(text, FOUND_MAX, "'%.*s'",
			(int)(visible ? 1 : text_escape(*token->text, escape)),
			visible ? token->text : escape);
	} else {
		(void)snprintf(text, FOUND_MAX, token->len > CONF_SHOWN_CHARS ? "%.*s..." : "%.*s",
			token->len > CONF_SHOWN_CHARS ? CONF_SHOWN_CHARS : (int)token->len,
			token->text);
	}
	return text;
}

/* What the grammar expects. */
static const char *wanted(const struct walk *walk, char text[CONF_WHY_MAX])
{
	char inside = walk_inside(walk);
	const char *key_shown = walk->key.text;
	int len = walk->key.len > CONF_SHOWN_CHARS ? CONF_SHOWN_CHARS : (int)walk->key.len;

	switch (walk->state) {
	case WANT_SIGN:
		(void)snprintf(text, CONF_WHY_MAX, "'=' belongs after %.*s", len, key_shown);
		break;
	case WANT_VALUE:
	case WANT_FIRST:
		if (inside == '{') {
			(void)snprintf(
				text, CONF_WHY_MAX, "the value of %.*s belongs", len, key_shown);
		} else {
			(void)snprintf(text, CONF_WHY_MAX, "an element%s belongs",
				walk->state == WANT_VALUE ? ""
				: inside == '('           ? " or ')'"
							  : " or ']'");
		}
		break;
	default:
		if (inside == '{') {
			(void)snprintf(text, CONF_WHY_MAX, "a key%s belongs",
				walk->depth > 0 ? " or '}'" : "");
		} else {
			(void)snprintf(
				text, CONF_WHY_MAX, "',' or '%c' belongs", closing_of(inside));
		}
		break;
	}
	return text;
}

/* Writes what was found, what was expected, and where the bracket was opened. */
static bool say_surprise(const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	const struct token *open = walk->depth == 0 ? NULL : &walk->open[walk->depth - 1];
	unsigned line = token->kind == TOKEN_END ? walk->before.line : token->line;
	char found[FOUND_MAX];
	char place[CONF_WHY_MAX] = "";
	char want[CONF_WHY_MAX];

	if (open != NULL) {
		(void)place_of(walk, open, line, place);
	}
	if (token->kind == TOKEN_END && open != NULL) {
		return say(hint, line,
			"the file ends here, and the '%c' of %s is not closed; write '%c' after "
			"what belongs to it",
			*open->text, place, closing_of(*open->text));
	}
	if (token->kind == TOKEN_END) {
		return say(
			hint, line, "the file ends here, where %s; write it", wanted(walk, want));
	}
	if (open == NULL) {
		return say(hint, line, "%s is where %s; take it out, or write that before it",
			describe(token, found), wanted(walk, want));
	}
	return say(hint, line,
		"%s is where %s, and the '%c' of %s is not closed; take it out, or write that "
		"before it",
		describe(token, found), wanted(walk, want), *open->text, place);
}

/* Writes that a value lacks its quotes; `token` is its beginning. */
static bool say_bare(const struct token *key, const struct token *token, struct conf_hint *hint)
{
	int len = (int)strspn(token->text, WORD_CHARS);
	char name[CONF_SHOWN_CHARS + 1];
	const struct conf_key *known;

	/* If there are only signs, they are probably no value: one of them is too many. */
	if (len == (int)strspn(token->text, SIGNS) || len > CONF_SHOWN_CHARS) {
		return false;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)key->len, key->text);
	known = conf_schema_elsewhere("", name);
	if (known != NULL && known->type == CONF_INT && conf_refuse_unit(token->text, hint->text)) {
		hint->line = token->line;
		return true;
	}
	if (known != NULL && known->type == CONF_BOOL) {
		return say(hint, token->line, "%.*s is unknown; write true or false", len,
			token->text);
	}
	return say(hint, token->line, "%.*s is not in quotes; write \"%.*s\"", len, token->text,
		len, token->text);
}

/* Whether a value like "10m" or "127.0.0.1:80" was read as a number and a rest. */
static bool is_glued(const struct walk *walk, const struct token *token)
{
	return walk->value.kind != TOKEN_STRING && walk->value.text != NULL &&
	       walk->value.text + walk->value.len == token->text;
}

static bool explain_sign(const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	int len = walk->key.len > CONF_SHOWN_CHARS ? CONF_SHOWN_CHARS : (int)walk->key.len;
	const char *key = walk->key.text;
	const char *member = key + walk->key.len + 1;
	int member_len;

	if (is_glued(walk, &walk->key)) {
		return say_bare(&walk->value_key, &walk->value, hint);
	}
	if (*token->text == '.' && token->text + 1 == member) {
		member_len = (int)strspn(member, NAME_CHARS);
		return member_len > 0 && member_len <= CONF_SHOWN_CHARS && member[member_len] != '.'
			       ? say(hint, token->line,
					 "a key has no dots; write %.*s = { %.*s = ...; };", len,
					 key, member_len, member)
			       : say(hint, token->line, "a key has no dots; write %.*s = { ... };",
					 len, key);
	}
	if (token_is_scalar(token) || token_is_opening(token) || token->kind == TOKEN_NAME) {
		return say(hint, walk->key.line,
			"%.*s has no '='; write %.*s = ..., or take it out", len, key, len, key);
	}
	return false;
}

static bool explain_value(
	const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	struct scanner ahead = walk->scanner;
	struct token next = scanner_next(&ahead);
	char place[CONF_WHY_MAX];

	if (token_is_opening(token)) {
		return say(hint, token->line,
			"an array has no groups, lists or arrays; write '(' in place of the '[' of "
			"%s, "
			"and ')' of its ']'",
			place_of(walk, &walk->open[walk->depth - 1], token->line, place));
	}
	if (token->kind == TOKEN_NAME && token_mark(&next) == '=') {
		return walk_inside(walk) != '{' && token->len <= CONF_SHOWN_CHARS &&
		       say(hint, token->line, "a key belongs in a group; write { %.*s = ...; }",
			       (int)token->len, token->text);
	}
	return say_bare(&walk->key, token, hint);
}

/* Explains a token that follows an element and is neither ',' nor the closing bracket. */
static bool explain_element(
	const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	struct scanner ahead = walk->scanner;
	struct token next = scanner_next(&ahead);

	if (token_mark(token) == ';' && token_mark(&next) == closing_of(walk_inside(walk))) {
		return say(hint, token->line,
			"%s must not have a ';' after its last element; take it out",
			walk_inside(walk) == '(' ? "a list" : "an array");
	}
	if (token_is_scalar(token) || token_is_opening(token) ||
		(token_mark(token) == ';' && (token_is_scalar(&next) || token_is_opening(&next)))) {
		return say(hint, walk->before.line, "write ',' between the elements");
	}
	return false;
}

/* Explains the right closing bracket if it comes after a ','. */
static bool explain_closing(
	const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	return walk->depth > 0 && token_mark(token) == closing_of(walk_inside(walk)) &&
	       token_mark(&walk->before) == ',' &&
	       say(hint, walk->before.line,
		       "%s must not have a ',' after its last element; take it out",
		       walk_inside(walk) == '(' ? "a list" : "an array");
}

static unsigned count_lines(const struct token *token)
{
	unsigned n = 0;

	for (size_t i = 0; i < token->len; i++) {
		n += token->text[i] == '\n';
	}
	return n;
}

/* Explains a string that continues on the next line, probably because its quote is missing. */
static bool explain_string(
	const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	unsigned n = walk->value.kind == TOKEN_STRING ? count_lines(&walk->value) : 0;
	char place[CONF_WHY_MAX];

	return n > 0 && walk->value.line + n == token->line &&
	       say(hint, token->line,
		       "the string that begins in %s ends only here; write a '\"' where it should "
		       "end",
		       place_of(walk, &walk->value, token->line, place));
}

/* Explains a common mistake. False: it is not one. */
static bool explain(const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	if (explain_string(walk, token, hint)) {
		return true;
	}
	/* ' and typographic quotes, in UTF-8. */
	if (token_mark(token) == '\'' ||
		(token->kind == TOKEN_MARK && strncmp(token->text, "\xe2\x80", 2) == 0)) {
		return say(hint, token->line,
			"strings are written in double quotes; write '\"' before and after it");
	}
	if (walk->state == WANT_SIGN) {
		return explain_sign(walk, token, hint);
	}
	if (token_is_closing(token)) {
		return explain_closing(walk, token, hint);
	}
	if (token->kind == TOKEN_END) {
		return false;
	}
	if (walk->state == WANT_FIRST || walk->state == WANT_VALUE) {
		return explain_value(walk, token, hint);
	}
	if (walk->state == WANT_REST && is_glued(walk, token)) {
		return say_bare(&walk->value_key, &walk->value, hint);
	}
	return walk_inside(walk) != '{' && explain_element(walk, token, hint);
}

void conf_explain(const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	if (!explain(walk, token, hint) && !say_surprise(walk, token, hint)) {
		(void)say(hint, token->line,
			"syntax error; look for a missing quote, '=', ',' or bracket");
	}
}
