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

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if ((c | ' ') >= 'a' && (c | ' ') <= 'f') {
		return (c | ' ') - 'a' + 10;
	}
	return -1;
}

/* What stands for the characters at `from`, which follow a backslash, and how many they are; 0 when
 * the backslash stands for itself. */
static size_t unescape(const char *from, char *ret_char)
{
	static const char letters[] = "\"\\fnrt";
	static const char meanings[] = "\"\\\f\n\r\t";
	const char *letter = *from == '\0' ? NULL : strchr(letters, *from);

	if (letter != NULL) {
		*ret_char = meanings[letter - letters];
		return 1;
	}
	if (*from == 'x' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
		*ret_char = (char)(hex_digit(from[1]) << 4 | hex_digit(from[2]));
		return 3;
	}
	return 0;
}

/* Gives the setting room for a string that begins with `token`: pieces that follow each other are
 * one. False without memory. */
static bool begin_string(struct walk *walk, const struct token *token)
{
	struct scanner ahead = walk->scanner;
	struct token next = *token;
	size_t room = 1;

	for (; next.kind == TOKEN_STRING; next = scanner_next(&ahead)) {
		room += next.len;
	}
	walk->string_end = tree_take(walk->tree, room);
	walk->setting->text = walk->string_end;
	return walk->string_end != NULL;
}

static void add_piece(struct walk *walk, const struct token *token)
{
	const char *end = token->text + token->len - 1;
	char *to = walk->string_end;

	for (const char *from = token->text + 1; from < end; to++) {
		size_t n = *from == '\\' ? unescape(from + 1, to) : 0;

		if (n == 0) {
			*to = *from;
		}
		from += n + 1;
	}
	*to = '\0';
	walk->string_end = to;
}

/* An element of a list or an array, if that is where the value stands. */
static bool add_element(struct walk *walk, const struct token *token)
{
	struct setting *parent = holder(walk);

	if (parent->type == SETTING_GROUP) {
		return true; /* its key has made it */
	}
	if (parent->type == SETTING_ARRAY && parent->n > 0 &&
		parent->last->type != type_of(token)) {
		walk->why = "the elements of an array are of one type; write them all as strings";
		return false;
	}
	walk->setting = tree_add(walk->tree, parent, NULL, 0);
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
	if (token->kind != TOKEN_STRING) {
		walk->setting->text = token->text;
	} else if (begin_string(walk, token)) {
		add_piece(walk, token);
	} else {
		walk->no_memory = true;
		return false;
	}
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

/* An array holds neither lists nor groups. */
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
	if (!tree_close(walk->tree, holder(walk))) {
		walk->no_memory = true;
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
	walk->first = tree_find(walk->tree, group, token->text, token->len);
	if (walk->first != NULL) {
		walk->twice = true;
		return false;
	}
	walk->setting = tree_add(walk->tree, group, token->text, token->len);
	if (walk->setting == NULL) {
		walk->no_memory = true;
		return false;
	}
	walk->setting->line = token->line;
	walk->key = *token;
	walk->state = WANT_SIGN;
	return true;
}

/* The pieces of a string follow each other; in a group the ';' may be left out. */
static bool take_rest(struct walk *walk, const struct token *token)
{
	if (token->kind == TOKEN_STRING && walk->before.kind == TOKEN_STRING) {
		add_piece(walk, token);
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

/* Whether the grammar takes the token; the walk's state stays as it is where not. */
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
			"stands in this group already, in line %u; take out one of the two", first);
	} else {
		conf_errors_add(errors, file, line, name,
			"stands in this group already, in %s:%u; take out one of the two",
			first_file, first);
	}
}

static void report(const struct conf_source *source, const struct walk *walk,
	const struct token *token, struct conf_errors *errors)
{
	struct conf_hint hint = {.line = token->line};
	const char *what = walk->why;
	const char *file;
	unsigned line;

	if (walk->twice) {
		report_twice(source, walk, token, errors);
		return;
	}
	if (what == NULL) {
		conf_explain(walk, token, &hint);
		what = hint.text;
	}
	conf_source_place(source, hint.line, &file, &line);
	conf_errors_add(errors, file, line, NULL, "%s", what);
}

int conf_parse(const struct conf_source *source, struct conf_errors *errors, struct tree *tree)
{
	struct walk walk = {.source = source, .tree = tree, .state = WANT_KEY};
	struct token token;

	tree_init(tree);
	walk.holders[0] = &tree->root;
	scanner_init(&walk.scanner, source->text, source->len);
	for (;;) {
		token = scanner_next(&walk.scanner);
		if (token.kind == TOKEN_END && walk.depth == 0 &&
			(walk.state == WANT_KEY || walk.state == WANT_REST)) {
			return tree_close(tree, &tree->root) ? 0 : -ENOMEM;
		}
		if (!take(&walk, &token)) {
			break;
		}
		walk.before = token;
	}
	if (walk.no_memory) {
		return -ENOMEM;
	}
	report(source, &walk, &token, errors);
	return -EINVAL;
}
