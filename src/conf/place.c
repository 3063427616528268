/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>

#include "conf/errors.h"
#include "conf/read.h"
#include "conf/scan.h"
#include "conf/source.h"

/* Whether the setting is what this token says. */
static bool is_literal(const config_setting_t *setting, enum token_kind kind)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		return kind == TOKEN_STRING;
	case CONFIG_TYPE_BOOL:
		return kind == TOKEN_BOOL;
	case CONFIG_TYPE_FLOAT:
		return kind == TOKEN_FLOAT;
	default:
		return kind == TOKEN_INTEGER;
	}
}

/* The next value in the text; the pieces of a string are one. */
static struct token next_literal(struct scanner *scanner)
{
	struct token token = scanner_next(scanner);

	while (token.kind == TOKEN_NAME || token.kind == TOKEN_MARK) {
		token = scanner_next(scanner);
	}
	if (token.kind == TOKEN_STRING) {
		struct scanner ahead = *scanner;

		while (scanner_next(&ahead).kind == TOKEN_STRING) {
			*scanner = ahead;
		}
	}
	return token;
}

/* Hangs on each value the text that it was read from: the n-th in the tree is the n-th in the text.
 */
bool conf_attach_literals(config_setting_t *setting, struct scanner *scanner)
{
	struct token token;

	if (config_setting_is_aggregate(setting)) {
		unsigned n = (unsigned)config_setting_length(setting);

		for (unsigned i = 0; i < n; i++) {
			if (!conf_attach_literals(config_setting_get_elem(setting, i), scanner)) {
				return false;
			}
		}
		return true;
	}
	token = next_literal(scanner);
	config_setting_set_hook(setting, (void *)token.text);
	return is_literal(setting, token.kind);
}

const char *conf_reader_literal(const config_setting_t *setting)
{
	return config_setting_get_hook(setting);
}

/* Where a setting stands in the whole text. libconfig does not know it of a string in an array: it
 * has looked at the next token by then. */
static unsigned setting_line(const struct conf_reader *reader, const config_setting_t *setting)
{
	const char *literal = conf_reader_literal(setting);
	unsigned line = 1;

	if (config_setting_name(setting) != NULL || literal == NULL) {
		return config_setting_source_line(setting);
	}
	for (const char *pos = reader->source->text; pos < literal; pos++) {
		line += *pos == '\n';
	}
	return line;
}

void conf_reader_error(struct conf_reader *reader, const config_setting_t *setting, const char *key,
	const char *format, ...)
{
	const char *file = reader->source->files[0];
	unsigned line = 0;
	char why[1024];
	va_list args;

	if (!config_setting_is_root(setting)) {
		conf_source_place(reader->source, setting_line(reader, setting), &file, &line);
	}
	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	reader->failed = true;
	conf_errors_add(reader->errors, file, line, key, "%s", why);
}
