/* SPDX-License-Identifier: ISC */
#include "conf/grammar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/errors.h"
#include "conf/source.h"

char token_mark(const struct token *token)
{
	return token->kind == TOKEN_MARK ? *token->text : '\0';
}

bool token_is_opening(const struct token *token)
{
	char mark = token_mark(token);

	return mark == '{' || mark == '(' || mark == '[';
}

bool token_is_closing(const struct token *token)
{
	char mark = token_mark(token);

	return mark == '}' || mark == ')' || mark == ']';
}

bool token_is_scalar(const struct token *token)
{
	return token->kind == TOKEN_STRING || token->kind == TOKEN_INTEGER ||
	       token->kind == TOKEN_FLOAT || token->kind == TOKEN_BOOL;
}

char closing_of(char bracket)
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

char walk_inside(const struct walk *walk)
{
	return walk->depth == 0 ? '{' : *walk->open[walk->depth - 1].text;
}

static struct setting *holder(const struct walk *walk)
{
	return walk->holders[walk->depth];
}

/* ---- values ---- */

static enum setting_type type_of(const struct token *token)
{
	switch (token->kind) {
	case TOKEN_STRING:
		return SETTING_STRING;
	case TOKEN_INTEGER:
		return SETTING_INTEGER;
	case TOKEN_FLOAT:
		return SETTING_FLOAT;
	case TOKEN_BOOL:
		return SETTING_BOOL;
	default:
		break;
	}
	switch (token_mark(token)) {
	case '(':
		return SETTING_LIST;
	case '[':
		return SETTING_ARRAY;
	default:
		return SETTING_GROUP;
	}
}

/* Adds an element, if the value is in a list or an array. */
static bool add_element(struct walk *walk, const struct token *token)
{
	struct setting *parent = holder(walk);

	if (parent->type == SETTING_GROUP) {
		return true; /* the setting was made at its key */
	}
	if (parent->type == SETTING_ARRAY && parent->n > 0 &&
		parent->last->type != type_of(token)) {
		walk->why = "the elements of an array are of one type; write them all as strings";
		return false;
	}
	walk->setting = tree_add(&walk->tree, parent, NULL, 0);
	if (walk->setting == NULL) {
		walk->no_memory = true;
		return false;
	}
	walk->setting->line = token->line;
	return true;
}

static bool take_scalar(struct walk *walk, const struct token *token)
{
	if (!add_element(walk, token)) {
		return false;
	}
	walk->setting->type = type_of(token);
	walk->value = *token;
	walk->value_key = walk->key;
	walk->state = WANT_REST;
	return true;
}

static bool take_opening(struct walk *walk, const struct token *token)
{
	if (walk->depth == GRAMMAR_DEPTH_MAX) {
		walk->why = "the brackets nest too deep; take some out";
		return false;
	}
	if (!add_element(walk, token)) {
		return false;
	}
	walk->setting->type = type_of(token);
	walk->open[walk->depth++] = *token;
	walk->holders[walk->depth] = walk->setting;
	walk->state = token_mark(token) == '{' ? WANT_KEY : WANT_FIRST;
	return true;
}

/* Takes a value. An array must not contain lists or groups. */
static bool take_value(struct walk *walk, const struct token *token)
{
	if (token_is_scalar(token)) {
		return take_scalar(walk, token);
	}
	return token_is_opening(token) && walk_inside(walk) != '[' && take_opening(walk, token);
}

/* ---- the grammar ---- */

static bool close_bracket(struct walk *walk, const struct token *token)
{
	if (walk->depth == 0 || closing_of(walk_inside(walk)) != token_mark(token)) {
		return false;
	}
	walk->setting = holder(walk);
	walk->depth--;
	walk->state = WANT_REST;
	return true;
}

static bool take_key(struct walk *walk, const struct token *token)
{
	struct setting *group = holder(walk);

	if (token->kind != TOKEN_NAME) {
		return close_bracket(walk, token);
	}
	walk->first = tree_find(&walk->tree, group, token->text, token->len);
	if (walk->first != NULL) {
		walk->twice = true;
		return false;
	}
	walk->setting = tree_add(&walk->tree, group, token->text, token->len);
	if (walk->setting == NULL) {
		walk->no_memory = true;
		return false;
	}
	walk->setting->line = token->line;
	walk->key = *token;
	walk->state = WANT_SIGN;
	return true;
}

/* Takes what follows a value: another piece of a string, a separator, which may be left out in a
 * group, or the closing bracket. */
static bool take_rest(struct walk *walk, const struct token *token)
{
	if (token->kind == TOKEN_STRING && walk->before.kind == TOKEN_STRING) {
		return true;
	}
	if (walk_inside(walk) == '{') {
		if (token_mark(token) == ';' || token_mark(token) == ',') {
			walk->state = WANT_KEY;
			return true;
		}
		return take_key(walk, token);
	}
	if (token_mark(token) == ',') {
		walk->state = WANT_VALUE;
		return true;
	}
	return close_bracket(walk, token);
}

/* Takes a token. False: it does not fit the grammar, and walk->state is unchanged; or there is no
 * memory. */
static bool take(struct walk *walk, const struct token *token)
{
	switch (walk->state) {
	case WANT_KEY:
		return take_key(walk, token);
	case WANT_SIGN:
		if (token_mark(token) != '=' && token_mark(token) != ':') {
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

/* ---- what is wrong ---- */

static void report_twice(const struct conf_source *source, const struct walk *walk,
	const struct token *token, struct conf_errors *errors)
{
	char name[CONF_SHOWN_CHARS + 1];
	const char *first_file;
	const char *file;
	unsigned first;
	unsigned line;

	(void)snprintf(name, sizeof(name), "%.*s", (int)token->len, token->text);
	conf_source_place(source, token->line, &file, &line);
	conf_source_place(source, walk->first->line, &first_file, &first);
	if (strcmp(first_file, file) == 0) {
		conf_errors_add(errors, file, line, name,
			"is in this group already, in line %u; take out one of the two", first);
	} else {
		conf_errors_add(errors, file, line, name,
			"is in this group already, in %s:%u; take out one of the two", first_file,
			first);
	}
}

/* Walks up to the first token that does not fit the grammar, and reports it. Returns whether there
 * is one. */
static bool report_surprise(struct walk *walk, struct conf_errors *errors)
{
	struct conf_hint hint;
	const char *what;
	const char *file;
	struct token token;
	unsigned line;

	for (token = scanner_next(&walk->scanner); take(walk, &token);
		token = scanner_next(&walk->scanner)) {
		walk->before = token;
	}
	if (walk->no_memory || (token.kind == TOKEN_END && walk->depth == 0 &&
				       (walk->state == WANT_KEY || walk->state == WANT_REST))) {
		return false;
	}
	if (walk->twice) {
		report_twice(walk->source, walk, &token, errors);
		return true;
	}
	hint.line = token.line;
	what = walk->why;
	if (what == NULL) {
		conf_explain(walk, &token, &hint);
		what = hint.text;
	}
	conf_source_place(walk->source, hint.line, &file, &line);
	conf_errors_add(errors, file, line, NULL, "%s", what);
	return true;
}

int conf_report_refusal(const struct conf_source *source, unsigned line, const char *words,
	struct conf_errors *errors)
{
	struct walk walk = {.source = source, .state = WANT_KEY};
	struct conf_part part = conf_source_part(source, 0);
	const char *file;
	int r = -EINVAL;

	for (size_t i = 1; i <= source->n_more && source->more[i - 1].line <= line; i++) {
		part = conf_source_part(source, i);
	}
	tree_init(&walk.tree);
	walk.holders[0] = &walk.tree.root;
	scanner_init(&walk.scanner, source->text + part.begin, part.len);
	walk.scanner.line = part.line;
	if (report_surprise(&walk, errors)) {
		goto out;
	}
	if (walk.no_memory) {
		r = -ENOMEM;
		goto out;
	}
	/* Libconfig distinguishes integers with and without an L at the end. */
	if (strcmp(words, "mismatched element type in array") == 0) {
		words = "the elements of an array are of one type; write them all as strings";
	}
	conf_source_place(source, line, &file, &line);
	conf_errors_add(errors, file, line, NULL, "%s", words);
out:
	tree_fini(&walk.tree);
	return r;
}
