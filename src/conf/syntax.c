/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "conf/errors.h"
#include "conf/read.h"
#include "conf/scan.h"
#include "conf/source.h"

enum { DEPTH_MAX = 64 }; /* of brackets that are remembered; a deeper key is not named */

static bool is_mark(const struct token *token, const char *marks)
{
	return token->kind == TOKEN_MARK && strchr(marks, *token->text) != NULL;
}

/* The line of the first key of this name, from the beginning of its group on; 0 when `key` is. */
static unsigned first_line(struct scanner scanner, const struct token *key)
{
	struct token token;
	size_t depth = 0;

	for (token = scanner_next(&scanner); token.text < key->text;
		token = scanner_next(&scanner)) {
		if (is_mark(&token, "{([")) {
			depth++;
		} else if (is_mark(&token, "})]")) {
			depth--;
		} else if (depth == 0 && token.kind == TOKEN_NAME && token.len == key->len &&
			   memcmp(token.text, key->text, key->len) == 0) {
			return token.line;
		}
	}
	return 0;
}

/* Finds the key in `line` that its group holds already, and the line of the first one. What stands
 * before is right: libconfig took it. */
static bool find_second(
	const struct conf_source *source, unsigned line, struct token *ret_key, unsigned *ret_first)
{
	struct scanner groups[DEPTH_MAX]; /* what the open brackets hold; [0] is the top level */
	struct scanner scanner;
	struct token token;
	size_t depth = 0;

	scanner_init(&scanner, source->text, source->len);
	groups[0] = scanner;
	for (token = scanner_next(&scanner); token.kind != TOKEN_END && token.line <= line;
		token = scanner_next(&scanner)) {
		if (is_mark(&token, "{([")) {
			if (++depth == DEPTH_MAX) {
				return false;
			}
			groups[depth] = scanner;
		} else if (is_mark(&token, "})]")) {
			depth -= depth > 0;
		} else if (token.kind == TOKEN_NAME && token.line == line) {
			*ret_first = first_line(groups[depth], &token);
			*ret_key = token;
			if (*ret_first != 0) {
				return true;
			}
		}
	}
	return false;
}

static void report_twice(
	const struct conf_source *source, unsigned line, struct conf_errors *errors)
{
	char name[CONF_SHOWN_CHARS + 1];
	const char *first_file;
	const char *file;
	struct token key;
	unsigned first;

	if (!find_second(source, line, &key, &first)) {
		conf_source_place(source, line, &file, &line);
		conf_errors_add(errors, file, line, NULL,
			"a group holds this key twice; take out one of the two");
		return;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)key.len, key.text);
	conf_source_place(source, line, &file, &line);
	conf_source_place(source, first, &first_file, &first);
	if (strcmp(first_file, file) == 0) {
		conf_errors_add(errors, file, line, name,
			"stands in this group already, in line %u; take out one of the two", first);
	} else {
		conf_errors_add(errors, file, line, name,
			"stands in this group already, in %s:%u; take out one of the two",
			first_file, first);
	}
}

void conf_report_syntax(
	const config_t *config, const struct conf_source *source, struct conf_errors *errors)
{
	unsigned line = (unsigned)config_error_line(config);
	const char *what = config_error_text(config);
	struct conf_hint hint;
	const char *file;

	if (what != NULL && strcmp(what, "duplicate setting name") == 0) {
		report_twice(source, line, errors);
		return;
	}
	if (what != NULL && strcmp(what, "mismatched element type in array") == 0) {
		what = "the elements of an array are of one type; write them all as strings";
	} else if (what != NULL && strcmp(what, "memory exhausted") == 0) {
		what = "the brackets nest too deep; take some out";
	} else if (conf_find_hint(source, &hint)) {
		line = hint.line;
		what = hint.text;
	} else {
		what = "syntax error here or in the line before; "
		       "look for a missing quote, '=', ',' or bracket";
	}
	conf_source_place(source, line, &file, &line);
	conf_errors_add(errors, file, line, NULL, "%s", what);
}
