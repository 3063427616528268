/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/errors.h"
#include "conf/read.h"
#include "conf/scan.h"
#include "conf/schema.h"
#include "conf/source.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-*"
#define SIGNS      ".:/@%+~-*"
#define WORD_CHARS NAME_CHARS SIGNS /* of values that lack their quotes */

enum { DEPTH_MAX = 64 }; /* of brackets that are remembered; deeper ones give the general text */

/* What the grammar wants next. */
enum state {
	WANT_KEY,
	WANT_SIGN,  /* '=' or ':' */
	WANT_FIRST, /* an element, or the end of an empty list */
	WANT_VALUE,
	WANT_REST, /* what may follow a value */
};

/* A walk by libconfig's grammar, up to the token that libconfig stumbled over. */
struct walk {
	struct scanner scanner;
	struct token open[DEPTH_MAX]; /* brackets; `depth` of them */
	size_t depth;
	enum state state;
	struct token key;       /* the last one */
	struct token value;     /* the last one, without lists and groups */
	struct token value_key; /* its key: libconfig takes "10k" for 10 and the next key, k */
	struct token before;    /* the one before the current token */
};

static char mark(const struct token *token)
{
	return token->kind == TOKEN_MARK ? *token->text : '\0';
}

static bool is_opening(const struct token *token)
{
	return mark(token) == '{' || mark(token) == '(' || mark(token) == '[';
}

static bool is_closing(const struct token *token)
{
	return mark(token) == '}' || mark(token) == ')' || mark(token) == ']';
}

static bool is_scalar(const struct token *token)
{
	return token->kind == TOKEN_STRING || token->kind == TOKEN_INTEGER ||
	       token->kind == TOKEN_FLOAT || token->kind == TOKEN_BOOL;
}

static char closing(char bracket)
{
	switch (bracket) {
	case '{':
		return '}';
	case '(':
		return ')';
	default:
		return ']';
	}
}

/* The bracket that is open; '{' for the top level, which is a group without braces. */
static char inside(const struct walk *walk)
{
	return walk->depth == 0 ? '{' : *walk->open[walk->depth - 1].text;
}

static bool close_bracket(struct walk *walk, const struct token *token)
{
	if (walk->depth == 0 || closing(inside(walk)) != mark(token)) {
		return false;
	}
	walk->depth--;
	walk->state = WANT_REST;
	return true;
}

static bool take_key(struct walk *walk, const struct token *token)
{
	if (token->kind != TOKEN_NAME) {
		return close_bracket(walk, token);
	}
	walk->key = *token;
	walk->state = WANT_SIGN;
	return true;
}

static bool take_value(struct walk *walk, const struct token *token)
{
	if (is_scalar(token)) {
		walk->value = *token;
		walk->value_key = walk->key;
		walk->state = WANT_REST;
		return true;
	}
	/* An array holds neither lists nor groups. */
	if (!is_opening(token) || inside(walk) == '[' || walk->depth == DEPTH_MAX) {
		return false;
	}
	walk->open[walk->depth++] = *token;
	walk->state = mark(token) == '{' ? WANT_KEY : WANT_FIRST;
	return true;
}

/* The pieces of a string follow each other; in a group the ';' may be left out. */
static bool take_rest(struct walk *walk, const struct token *token)
{
	if (token->kind == TOKEN_STRING && walk->before.kind == TOKEN_STRING) {
		return true;
	}
	if (inside(walk) == '{') {
		if (mark(token) == ';' || mark(token) == ',') {
			walk->state = WANT_KEY;
			return true;
		}
		return take_key(walk, token);
	}
	if (mark(token) == ',') {
		walk->state = WANT_VALUE;
		return true;
	}
	return close_bracket(walk, token);
}

/* Whether the grammar takes the token; the walk stays as it is where not. */
static bool take(struct walk *walk, const struct token *token)
{
	switch (walk->state) {
	case WANT_KEY:
		return take_key(walk, token);
	case WANT_SIGN:
		if (mark(token) != '=' && mark(token) != ':') {
			return false;
		}
		walk->state = WANT_VALUE;
		return true;
	case WANT_FIRST:
		return close_bracket(walk, token) || take_value(walk, token);
	case WANT_VALUE:
		return take_value(walk, token);
	case WANT_REST:
		break;
	}
	return take_rest(walk, token);
}

/* Says what is wrong in a line; false when that is more than an error should hold. */
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

static bool say_open(const struct token *open, struct conf_hint *hint)
{
	return say(hint, open->line,
		"the '%c' that opens here is not closed; write '%c' behind what belongs to it",
		*open->text, closing(*open->text));
}

/* A value without its quotes; `token` is its beginning. */
static bool say_bare(const struct token *key, const struct token *token, struct conf_hint *hint)
{
	int len = (int)strspn(token->text, WORD_CHARS);
	char name[CONF_SHOWN_CHARS + 1];
	const struct conf_key *known;

	/* Signs alone are more likely one too many than a value. */
	if (len == (int)strspn(token->text, SIGNS) || len > CONF_SHOWN_CHARS) {
		return false;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)key->len, key->text);
	known = conf_schema_elsewhere(name);
	if (known != NULL && known->type == CONF_INT && conf_refuse_unit(token->text, hint->text)) {
		hint->line = token->line;
		return true;
	}
	return say(hint, token->line, "%.*s is not in quotes; write \"%.*s\"", len, token->text,
		len, token->text);
}

/* "10m", "127.0.0.1:80": libconfig takes the beginning for a number. */
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
	if (is_scalar(token) || is_opening(token)) {
		return say(hint, walk->key.line, "%.*s has no '='; write %.*s = ...", len, key, len,
			key);
	}
	return false;
}

static bool explain_value(
	const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	struct scanner ahead = walk->scanner;
	struct token next = scanner_next(&ahead);

	if (is_opening(token)) {
		return inside(walk) == '[' && say(hint, walk->open[walk->depth - 1].line,
						      "an array has no groups, lists or arrays; "
						      "write '(' and ')' in place "
						      "of '[' and ']'");
	}
	if (token->kind == TOKEN_NAME && mark(&next) == '=') {
		return inside(walk) != '{' && token->len <= CONF_SHOWN_CHARS &&
		       say(hint, token->line, "a key stands in a group; write { %.*s = ...; }",
			       (int)token->len, token->text);
	}
	return say_bare(&walk->key, token, hint);
}

/* Something other than ',' or the closing bracket behind an element. */
static bool explain_element(
	const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	struct scanner ahead = walk->scanner;
	struct token next = scanner_next(&ahead);

	if (mark(token) == ';' && mark(&next) == closing(inside(walk))) {
		return say(hint, token->line, "%s has no ';' behind its last element; take it out",
			inside(walk) == '(' ? "a list" : "an array");
	}
	if (is_scalar(token) || is_opening(token) ||
		(mark(token) == ';' && (is_scalar(&next) || is_opening(&next)))) {
		return say(hint, walk->before.line, "write ',' between the elements");
	}
	return say_open(&walk->open[walk->depth - 1], hint);
}

static bool explain_end(const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	if (walk->depth == 0) {
		return false;
	}
	if (mark(token) != closing(inside(walk))) {
		return say_open(&walk->open[walk->depth - 1], hint);
	}
	return mark(&walk->before) == ',' &&
	       say(hint, walk->before.line, "%s has no ',' behind its last element; take it out",
		       inside(walk) == '(' ? "a list" : "an array");
}

/* Says why the grammar does not take the token. */
static bool explain(const struct walk *walk, const struct token *token, struct conf_hint *hint)
{
	/* ' and what word processors make of quotes, in UTF-8. */
	if (mark(token) == '\'' ||
		(token->kind == TOKEN_MARK && strncmp(token->text, "\xe2\x80", 2) == 0)) {
		return say(hint, token->line,
			"strings stand in double quotes; write '\"' before and behind it");
	}
	if (walk->state == WANT_SIGN) {
		return explain_sign(walk, token, hint);
	}
	if (token->kind == TOKEN_END || is_closing(token)) {
		return explain_end(walk, token, hint);
	}
	if (walk->state == WANT_FIRST || walk->state == WANT_VALUE) {
		return explain_value(walk, token, hint);
	}
	if (walk->state == WANT_REST && is_glued(walk, token)) {
		return say_bare(&walk->value_key, &walk->value, hint);
	}
	return inside(walk) != '{' && explain_element(walk, token, hint);
}

bool conf_find_hint(const struct conf_source *source, struct conf_hint *hint)
{
	struct walk walk = {.state = WANT_KEY};
	struct token token;

	scanner_init(&walk.scanner, source->text, source->len);
	for (;;) {
		token = scanner_next(&walk.scanner);
		if (!take(&walk, &token)) {
			return explain(&walk, &token, hint);
		}
		walk.before = token;
	}
}
