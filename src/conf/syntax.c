/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "conf/errors.h"
#include "conf/read.h"
#include "conf/scan.h"
#include "conf/source.h"

enum { DEPTH_MAX = 64 }; /* of brackets that are remembered; deeper ones give the general text */

/* What is found on the way to the place where libconfig gave up. */
struct hint {
	unsigned line; /* 0: nothing found */
	char text[CONF_WHY_MAX];
};

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

/* A number and a name without anything between them: a duration or size without its quotes. */
static void look_for_unit(const struct token *number, const struct token *name, struct hint *hint)
{
	if ((number->kind == TOKEN_INTEGER || number->kind == TOKEN_FLOAT) &&
		name->kind == TOKEN_NAME && number->text + number->len == name->text &&
		number->len + name->len <= CONF_SHOWN_CHARS) {
		int len = (int)(number->len + name->len);

		hint->line = number->line;
		(void)snprintf(hint->text, sizeof(hint->text),
			"%.*s is not in quotes; write \"%.*s\"", len, number->text, len,
			number->text);
	}
}

static void look_for_closing(const struct token *open, struct hint *hint)
{
	if (hint->line == 0) {
		hint->line = open->line;
		(void)snprintf(hint->text, sizeof(hint->text),
			"the '%c' that opens here is not closed; write '%c' behind what belongs to "
			"it",
			*open->text, closing(*open->text));
	}
}

/* Looks at the tokens up to `line` for a unit without quotes, then for a bracket that is not
 * closed. */
static void look(const struct conf_source *source, unsigned line, struct hint *hint)
{
	struct token open[DEPTH_MAX];
	struct token before = {.kind = TOKEN_END};
	struct token token;
	struct scanner scanner;
	size_t depth = 0;

	scanner_init(&scanner, source->text, source->len);
	for (token = scanner_next(&scanner); token.line <= line; token = scanner_next(&scanner)) {
		if (token.kind == TOKEN_END) {
			break;
		}
		if (token.line + 1 >= line) {
			look_for_unit(&before, &token, hint);
		}
		before = token;
		if (token.kind == TOKEN_MARK && strchr("{([", *token.text) != NULL) {
			if (depth == DEPTH_MAX) {
				return;
			}
			open[depth++] = token;
		} else if (token.kind == TOKEN_MARK && strchr("})]", *token.text) != NULL) {
			if (depth == 0) {
				return;
			}
			if (closing(*open[depth - 1].text) != *token.text) {
				look_for_closing(&open[depth - 1], hint);
				return;
			}
			depth--;
		}
	}
	if (token.kind == TOKEN_END && depth > 0) {
		look_for_closing(&open[depth - 1], hint);
	}
}

/* The one key of a line; NULL when there is none or more. */
static const char *only_key(
	const struct conf_source *source, unsigned line, char name[CONF_SHOWN_CHARS + 1])
{
	struct scanner scanner;
	struct token token;
	unsigned n = 0;

	scanner_init(&scanner, source->text, source->len);
	do {
		token = scanner_next(&scanner);
		if (token.line == line && token.kind == TOKEN_NAME) {
			(void)snprintf(
				name, CONF_SHOWN_CHARS + 1, "%.*s", (int)token.len, token.text);
			n++;
		}
	} while (token.kind != TOKEN_END && token.line <= line);
	return n == 1 ? name : NULL;
}

void conf_report_syntax(
	const config_t *config, const struct conf_source *source, struct conf_errors *errors)
{
	unsigned line = (unsigned)config_error_line(config);
	const char *what = config_error_text(config);
	const char *key = NULL;
	char name[CONF_SHOWN_CHARS + 1];
	struct hint hint = {0};
	const char *file;
	unsigned file_line;

	if (what != NULL && strcmp(what, "duplicate setting name") == 0) {
		key = only_key(source, line, name);
		what = "a group holds this key twice; take out one of the two";
	} else if (what != NULL && strcmp(what, "mismatched element type in array") == 0) {
		what = "the elements of an array are of one type; write them all as strings";
	} else if (what != NULL && strcmp(what, "memory exhausted") == 0) {
		what = "the brackets nest too deep; take some out";
	} else {
		what = "syntax error here or in the line before; "
		       "look for a missing quote, '=', ',' or bracket";
		look(source, line, &hint);
	}
	if (hint.line != 0) {
		line = hint.line;
		what = hint.text;
	}
	conf_source_place(source, line, &file, &file_line);
	conf_errors_add(errors, file, file_line, key, "%s", what);
}
