/* SPDX-License-Identifier: ISC */
#include "conf/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "conf/errors.h"
#include "conf/schema.h"
#include "conf/source.h"
#include "conf/tree.h"
#include "conf/value.h"

/* ---- paths of keys ---- */

/* Cuts off a path that is too long, because it is only shown. */
static void cut(char path[CONF_PATH_MAX], int len)
{
	if (len >= CONF_PATH_MAX) {
		strcpy(path + CONF_PATH_MAX - sizeof("..."), "...");
	}
}

void conf_join_name(char path[CONF_PATH_MAX], const char *parent, const char *name)
{
	cut(path, snprintf(path, CONF_PATH_MAX, "%s%s%.*s", parent, *parent == '\0' ? "" : ".",
			  CONF_SHOWN_CHARS, name));
}

void conf_join_index(char path[CONF_PATH_MAX], const char *parent, size_t i)
{
	cut(path, snprintf(path, CONF_PATH_MAX, "%s[%zu]", parent, i));
}

/* ---- errors ---- */

__attribute__((format(printf, 5, 0))) static void add(struct conf_reader *reader,
	struct conf_errors *errors, const struct setting *setting, const char *key,
	const char *format, va_list args)
{
	const char *file = reader->source->files[0];
	unsigned line = 0;
	char why[1024];

	if (setting->line > 0) {
		conf_source_place(reader->source, setting->line, &file, &line);
	}
	(void)vsnprintf(why, sizeof(why), format, args);
	conf_errors_add(errors, file, line, key, "%s", why);
}

void conf_reader_error(struct conf_reader *reader, const struct setting *setting, const char *key,
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(reader, reader->errors, setting, key, format, args);
	va_end(args);
	reader->failed = true;
}

void conf_reader_warning(struct conf_reader *reader, const struct setting *setting, const char *key,
	const char *format, ...)
{
	va_list args;

	assert(!reader->failed);
	va_start(args, format);
	add(reader, reader->errors, setting, key, format, args);
	va_end(args);
}

void conf_reader_hint(struct conf_reader *reader, const struct setting *setting, const char *key,
	const char *format, ...)
{
	va_list args;

	if (reader->errors->hints == NULL) {
		return;
	}
	va_start(args, format);
	add(reader, reader->errors->hints, setting, key, format, args);
	va_end(args);
}

const char *conf_where(const struct conf_reader *reader, const struct setting *here,
	const struct setting *there, char where[CONF_WHERE_MAX])
{
	const char *here_file;
	const char *file;
	unsigned line;

	*where = '\0';
	conf_source_place(reader->source, here->line, &here_file, &line);
	conf_source_place(reader->source, there->line, &file, &line);
	if (here_file != file && line > 0) {
		(void)snprintf(where, CONF_WHERE_MAX, " of %.256s:%u", file, line);
	}
	return where;
}

const char *conf_expected(const struct conf_key *key, char text[CONF_WHY_MAX])
{
	const char *dot = strrchr(key->path, '.');
	const char *name = dot == NULL ? key->path : dot + 1;

	switch (key->type) {
	case CONF_GROUP:
		(void)snprintf(text, CONF_WHY_MAX, "write %s = { ... }", name);
		break;
	case CONF_OPTION:
	case CONF_CHECK:
		(void)snprintf(text, CONF_WHY_MAX, "write %s = { ... }, or \"off\"", name);
		break;
	case CONF_FASTOPEN:
		(void)snprintf(text, CONF_WHY_MAX,
			"write %s = 256, the queue of a listener, or \"on\", towards servers",
			name);
		break;
	case CONF_BOOL:
		(void)snprintf(text, CONF_WHY_MAX, "write %s = true or %s = false, without quotes",
			name, name);
		break;
	case CONF_LIST:
		(void)snprintf(text, CONF_WHY_MAX, "write %s = ( { ... }, ... )", name);
		break;
	case CONF_INT:
		(void)snprintf(text, CONF_WHY_MAX,
			"write an integer from %" PRIu64 " to %" PRIu64 ", like %s = %s", key->min,
			key->max, name, key->example);
		break;
	case CONF_DURATION:
		(void)snprintf(text, CONF_WHY_MAX, "write a string with a unit, like %s = \"%s\"",
			name, key->example);
		break;
	case CONF_FLAGS:
		(void)snprintf(
			text, CONF_WHY_MAX, "write %s = [ \"%s\" ], or [ ]", name, key->example);
		break;
	case CONF_INCLUDE:
	case CONF_LISTEN:
	case CONF_RESOLVERS:
	case CONF_PREFIXES:
	case CONF_SNI:
	case CONF_ALPN:
	case CONF_HOSTS:
		(void)snprintf(text, CONF_WHY_MAX, "write %s = \"%s\", or an array of such strings",
			name, key->example);
		break;
	default:
		(void)snprintf(text, CONF_WHY_MAX, "write %s = \"%s\"", name, key->example);
		break;
	}
	return text;
}

/* Reports a number where a string is expected: usually only the unit or the quotes are missing. */
static bool report_bare_number(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown)
{
	const char *text = setting_string(setting) == NULL ? setting->text : NULL;
	int len = text == NULL ? 0 : (int)strspn(text, ".0123456789");

	if ((setting->type != SETTING_INTEGER && setting->type != SETTING_FLOAT) || len == 0 ||
		len > 12 || strspn(text + len, "abcdefxABCDEFXL") > 0) {
		return false;
	}
	if (key->type == CONF_DURATION && key->max < NS_NEVER && key->min > 0 &&
		(int)strspn(text, ".0") == len) {
		conf_reader_error(reader, setting, shown,
			"%.*s is no duration; write one like \"%s\"", len, text, key->example);
		return true;
	}
	if (key->type == CONF_DURATION && key->min > 0 && (int)strspn(text, ".0") == len) {
		conf_reader_error(reader, setting, shown,
			"%.*s is no duration; write \"none\" to switch it off", len, text);
		return true;
	}
	if (key->type == CONF_DURATION) {
		conf_reader_error(reader, setting, shown,
			"%.*s has no unit; write \"%.*ss\" for seconds", len, text, len, text);
		return true;
	}
	if (key->type == CONF_SIZE || key->type == CONF_MODE || key->type == CONF_OWNER ||
		key->type == CONF_TEAM) {
		conf_reader_error(reader, setting, shown,
			"%.*s is a bare number; write \"%.*s\", in quotes", len, text, len, text);
		return true;
	}
	return false;
}

void conf_report_type(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown)
{
	const char *string = setting_string(setting);
	char expected[CONF_WHY_MAX];

	if (key->type == CONF_INT && string != NULL && conf_refuse_unit(string, expected)) {
		conf_reader_error(reader, setting, shown, "%s", expected);
	} else if (!report_bare_number(reader, key, setting, shown)) {
		conf_reader_error(reader, setting, shown, "%s; %s", setting_found(setting),
			conf_expected(key, expected));
	}
}

/* Whether no element of any list has a key of this name. */
static bool is_top_level_only(const char *name)
{
	for (size_t i = 0; i < conf_schema_len; i++) {
		const char *dot = strrchr(conf_schema[i].path, '.');

		if (dot != NULL && strcmp(dot + 1, name) == 0 &&
			strchr(conf_schema[i].path, '[') != NULL) {
			return false;
		}
	}
	return true;
}

/* The names of all keys in the group `parent` of the schema. */
static const char *known_names(const char *parent, char names[CONF_WHY_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < conf_schema_len; i++) {
		const char *name = conf_schema_child(&conf_schema[i], parent);

		if (name != NULL) {
			len += (size_t)snprintf(names + len, CONF_WHY_MAX - len, "%s%s",
				len == 0 ? "" : ", ", name);
			assert(len < CONF_WHY_MAX); /* a group of our schema has few keys */
		}
	}
	return names;
}

void conf_report_unknown(struct conf_reader *reader, const char *parent,
	const struct setting *setting, const char *shown)
{
	const char *name = setting->name;
	const struct conf_key *other = conf_schema_elsewhere(parent, name);
	const char *nearest = conf_schema_nearest(parent, name);
	const char *dot = other == NULL ? NULL : strrchr(other->path, '.');
	char names[CONF_WHY_MAX];

	if (other != NULL && strchr(other->path, '[') == NULL && *parent != '\0') {
		conf_reader_error(reader, setting, shown, "%s; write it at the top level, as %s",
			is_top_level_only(name) ? "is known at the top level only"
						: "is not known here",
			other->path);
	} else if (dot != NULL && (nearest == NULL || nearest_edits(name, nearest) > 1)) {
		conf_reader_error(reader, setting, shown, "is not known here; write it in %.*s",
			(int)(dot - other->path), other->path);
	} else if (nearest != NULL) {
		conf_reader_error(reader, setting, shown,
			"is not known here; the nearest known key is \"%s\"", nearest);
	} else {
		conf_reader_error(reader, setting, shown, "is not known here; known are: %s",
			known_names(parent, names));
	}
}

size_t conf_count_elements(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown)
{
	size_t n = setting->n;
	size_t most = key->type != CONF_LIST && key->max > 0 ? key->max : CONF_ELEMENTS_MAX;
	char expected[CONF_WHY_MAX];

	if (n == 0) {
		conf_reader_error(
			reader, setting, shown, "is empty; %s", conf_expected(key, expected));
	} else if (n > most) {
		conf_reader_error(reader, setting, shown, "has %zu elements; write at most %zu%s",
			n, most, most == CONF_ELEMENTS_MAX ? ", or start a second weir" : "");
		n = 0;
	}
	return n;
}
