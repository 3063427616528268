/* SPDX-License-Identifier: ISC */
#include "load/suite_keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "load/scenario.h"
#include "load/suite.h"

void suite_refuse(struct suite_reading *reading, const struct setting *setting, const char *path,
	const char *format, ...)
{
	char why[OPTIONS_WHY_MAX + CONF_SHOWN_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	conf_text_error(
		reading->text, reading->errors, setting, path[0] == '\0' ? NULL : path, "%s", why);
	reading->failed = true;
}

const char *suite_join(
	char path[SUITE_PATH_MAX], const struct suite_place *place, const struct setting *setting)
{
	(void)snprintf(path, SUITE_PATH_MAX, "%.50s%s%.40s", place->path,
		place->path[0] == '\0' ? "" : ".", setting->name);
	return path;
}

/* ---- keys ---- */

/** Whether an option may be in the file: one of a scenario that opens connections, but not those
 * that the command line of a suite has, or that name a file for a report. */
static bool is_key(const struct option *option)
{
	return (option->scenarios & SCENARIO_CLIENTS) != 0 && option->kind != KIND_HELP &&
	       option->kind != KIND_PATH && (option->scenarios & SCENARIO_SUITE) == 0;
}

int suite_name_keys(struct suite_reading *reading)
{
	reading->names = calloc(option_count, SUITE_KEY_MAX);
	if (reading->names == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < option_count; i++) {
		(void)snprintf(reading->names[i], SUITE_KEY_MAX, "%s", option_table[i].name);
		for (char *c = reading->names[i]; *c != '\0'; c++) {
			*c = *c == '-' ? '_' : *c;
		}
	}
	return 0;
}

/** The option whose name the text begins with, which follows a "--"; NULL: it is not one of
 * ours. */
static const struct option *option_at(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-");

	for (size_t i = 0; i < option_count; i++) {
		if (strlen(option_table[i].name) == n &&
			memcmp(option_table[i].name, text, n) == 0) {
			return &option_table[i];
		}
	}
	return NULL;
}

/** Whether the text ends with words that are followed by an example of what to write. */
static bool is_advice(const char *text, size_t n)
{
	static const char *const words[] = {"such as ", "write "};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);

		if (n >= len && memcmp(text + n - len, words[i], len) == 0) {
			return true;
		}
	}
	return false;
}

/** Whether what stands before `at` begins a command line: "weirload serve ". */
static bool is_command(const char *text, const char *at)
{
	static const char command[] = "weirload serve ";
	size_t n = sizeof(command) - 1;

	return (size_t)(at - text) >= n && memcmp(at - n, command, n) == 0;
}

/** Reads the " VALUE" at `value`, and writes it as ` = "VALUE"`, or without quotes if the option is
 * a number. Returns how many bytes it has read; 0: there is no value. */
static size_t put_value(FILE *out, const struct option *option, const char *value)
{
	bool is_quoted = value[0] == ' ' && value[1] == '\'';
	bool is_number = option->kind == KIND_COUNT || option->kind == KIND_NUMBER;
	const char *begin = value + 1 + is_quoted;
	size_t n = value[0] == ' ' ? strcspn(begin, is_quoted ? "'" : " ,;:") : 0;

	if (n == 0) {
		return 0;
	}
	fprintf(out, is_number ? " = %.*s" : " = \"%.*s\"", (int)n, begin);
	begin += n;
	return (size_t)(begin - value) + (is_quoted && *begin == '\'');
}

void suite_name_as_keys(char *text, size_t size)
{
	char *whole = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&whole, &n);
	const char *from = text;

	if (out == NULL) {
		return;
	}
	while (*from != '\0') {
		const struct option *option = strncmp(from, "--", 2) == 0 && !is_command(text, from)
						      ? option_at(from + 2)
						      : NULL;

		if (option == NULL) {
			fputc(*from++, out);
			continue;
		}
		(void)fflush(out);
		from += 2 + strlen(option->name);
		bool gives = is_advice(whole, n);

		for (const char *c = option->name; *c != '\0'; c++) {
			fputc(*c == '-' ? '_' : *c, out);
		}
		from += gives ? put_value(out, option, from) : 0;
	}
	if (fclose(out) == 0) {
		(void)snprintf(text, size, "%s", whole);
	}
	free(whole);
}

/** The option for a key, of this scenario or of any; NULL: there is none. */
static const struct option *find_key(
	const struct suite_reading *reading, const struct scenario *scenario, const char *key)
{
	unsigned bits = scenario == NULL ? SCENARIO_CLIENTS : scenario->bit;

	for (size_t i = 0; i < option_count; i++) {
		if ((option_table[i].scenarios & bits) != 0 && is_key(&option_table[i]) &&
			strcmp(reading->names[i], key) == 0) {
			return &option_table[i];
		}
	}
	return NULL;
}

static bool is_own(const struct suite_place *place, const char *key)
{
	for (size_t i = 0; place->own[i] != NULL; i++) {
		if (strcmp(place->own[i], key) == 0) {
			return true;
		}
	}
	return false;
}

const struct scenario *suite_find_scenario(const char *name)
{
	const struct scenario *scenario = scenario_find(name);

	return scenario != NULL && scenario_opens(scenario) ? scenario : NULL;
}

/** The key that an unknown one probably means; NULL: none is similar. */
static const char *nearest_key(
	const struct suite_reading *reading, const struct suite_place *place, const char *key)
{
	unsigned bits = place->scenario == NULL ? SCENARIO_CLIENTS : place->scenario->bit;
	struct nearest nearest = nearest_begin(key);

	for (size_t i = 0; place->own[i] != NULL; i++) {
		nearest_try(&nearest, place->own[i]);
	}
	for (size_t i = 0; place->has_options && i < option_count; i++) {
		if ((option_table[i].scenarios & bits) != 0 && is_key(&option_table[i])) {
			nearest_try(&nearest, reading->names[i]);
		}
	}
	for (size_t i = 0; place->has_scenarios && scenarios[i] != NULL; i++) {
		if (scenario_opens(scenarios[i])) {
			nearest_try(&nearest, scenarios[i]->name);
		}
	}
	return nearest.known;
}

const struct setting *suite_find_value(const struct suite_reading *reading,
	const struct setting *group, const struct option *option)
{
	return group != NULL && is_key(option)
		       ? setting_member(group, reading->names[option - option_table])
		       : NULL;
}

static bool is_command_only(const struct suite_reading *reading, const char *key)
{
	for (size_t i = 0; i < option_count; i++) {
		if (strcmp(reading->names[i], key) == 0 &&
			(option_table[i].scenarios & SCENARIO_SUITE) != 0) {
			return true;
		}
	}
	return false;
}

static void refuse_unknown(struct suite_reading *reading, const struct suite_place *place,
	const struct setting *setting)
{
	const char *key = setting->name;
	const char *nearest = nearest_key(reading, place, key);
	char path[SUITE_PATH_MAX];

	(void)suite_join(path, place, setting);
	if (strcmp(key, "include") == 0) {
		suite_refuse(reading, setting, path,
			"is no key of a suite; write @include \"FILE\" on a line of its own");
	} else if (is_command_only(reading, key)) {
		suite_refuse(reading, setting, path,
			"is for the command line; write weirload suite FILE --%s", key);
	} else if (place->has_options && place->scenario != NULL &&
		   find_key(reading, NULL, key) != NULL) {
		suite_refuse(reading, setting, path,
			"is not an option of %s; see weirload %s --help", place->scenario->name,
			place->scenario->name);
	} else if (!place->has_options && find_key(reading, NULL, key) != NULL) {
		suite_refuse(
			reading, setting, path, "is not known here; write it in defaults = { }");
	} else if (nearest != NULL) {
		suite_refuse(reading, setting, path,
			"is not known here; the nearest known key is \"%s\"", nearest);
	} else {
		suite_refuse(reading, setting, path,
			"is not known here; weirload-suite(5) has all keys");
	}
}

/* ---- values ---- */

/** What to write for an option of this kind. */
static const char *expected(
	const struct option *option, const char *key, char text[SUITE_KEY_MAX * 3])
{
	static const char *const examples[] = {
		[KIND_TARGET] = "\"127.0.0.1:80\"",
		[KIND_LISTEN] = "\"127.0.0.1:80\"",
		[KIND_SOURCE] = "\"127.0.0.2\", or an array of such strings",
		[KIND_COUNT] = "100, a whole number without quotes",
		[KIND_NUMBER] = "100, a number without quotes",
		[KIND_DURATION] = "\"5s\", a string with a unit",
		[KIND_FLAG] = "true, without quotes",
		[KIND_TEXT] = "\"...\"",
	};
	const char *words = option->words;

	if (words != NULL) {
		(void)snprintf(text, SUITE_KEY_MAX * 3, "write %s = \"%.*s\"", key,
			(int)strcspn(words, " "), words);
	} else {
		(void)snprintf(
			text, SUITE_KEY_MAX * 3, "write %s = %s", key, examples[option->kind]);
	}
	return text;
}

static bool is_of_type(const struct option *option, const struct setting *setting)
{
	switch (option->kind) {
	case KIND_COUNT:
		return setting->type == SETTING_INTEGER;
	case KIND_NUMBER:
		return setting->type == SETTING_INTEGER || setting->type == SETTING_FLOAT;
	case KIND_FLAG:
		return setting->type == SETTING_BOOL;
	case KIND_SOURCE:
		return setting->type == SETTING_STRING || setting->type == SETTING_ARRAY;
	default:
		return setting->type == SETTING_STRING;
	}
}

/** Reads one text into the options; `setting` contains it. */
static bool read_text(struct suite_reading *reading, const struct option *option,
	const struct setting *setting, const char *path, struct options *options)
{
	char shown[CONF_SHOWN_MAX];
	char why[OPTIONS_WHY_MAX];

	if (options_read_value(options, option, setting->text, why) == 0) {
		return true;
	}
	if (setting->type == SETTING_STRING) {
		suite_refuse(
			reading, setting, path, "%s: %s", conf_shown(setting->text, shown), why);
	} else {
		suite_refuse(reading, setting, path, "%s: %s", setting->text, why);
	}
	return false;
}

static bool is_true(const struct setting *setting)
{
	return setting->text[0] == 't' || setting->text[0] == 'T';
}

bool suite_read_option(struct suite_reading *reading, const struct option *option,
	const struct setting *setting, const char *path, struct options *options)
{
	char text[SUITE_KEY_MAX * 3];

	if (!is_of_type(option, setting)) {
		if (option->kind == KIND_DURATION && setting->type == SETTING_INTEGER) {
			suite_refuse(reading, setting, path,
				"%s has no unit; write \"%ss\" for seconds", setting->text,
				setting->text);
		} else {
			suite_refuse(reading, setting, path, "%s; %s", setting_found(setting),
				expected(option, setting->name, text));
		}
		return false;
	}
	if (option->kind == KIND_FLAG && !is_true(setting)) {
		return true;
	}
	if (setting->type != SETTING_ARRAY) {
		return read_text(reading, option, setting, path, options);
	}
	for (size_t i = 0; i < setting->n; i++) {
		if (setting->elements[i]->type != SETTING_STRING) {
			suite_refuse(reading, setting, path, "%s in it; %s",
				setting_found(setting->elements[i]),
				expected(option, setting->name, text));
			return false;
		}
		if (!read_text(reading, option, setting->elements[i], path, options)) {
			return false;
		}
	}
	return true;
}

/* ---- one group by itself ---- */

static const char *const no_keys[] = {NULL};

/** Checks a value by reading it into options that are dropped. */
static void check_value(struct suite_reading *reading, const struct option *option,
	const struct setting *setting, const char *path)
{
	char why[OPTIONS_WHY_MAX];
	struct options options;

	if (options_begin(&options, &scenario_idle, 0, NULL, why) < 0) {
		suite_refuse(reading, setting, path, "%s", why);
	} else {
		(void)suite_read_option(reading, option, setting, path, &options);
	}
	options_fini(&options);
}

/** Checks the group of a proxy for one kind of scenario. */
static void check_kind(struct suite_reading *reading, const struct suite_place *proxy,
	const struct setting *setting)
{
	struct suite_place place = {
		.group = setting,
		.scenario = suite_find_scenario(setting->name),
		.own = no_keys,
		.has_options = true,
		.is_of_proxy = true,
	};

	(void)suite_join(place.path, proxy, setting);
	if (setting->type != SETTING_GROUP) {
		suite_refuse(reading, setting, place.path, "%s; write %s = { ... }",
			setting_found(setting), setting->name);
	} else {
		suite_check_place(reading, &place);
	}
}

void suite_check_place(struct suite_reading *reading, const struct suite_place *place)
{
	char path[SUITE_PATH_MAX];

	for (size_t i = 0; i < place->group->n; i++) {
		const struct setting *setting = place->group->elements[i];
		const struct option *option =
			place->has_options ? find_key(reading, place->scenario, setting->name)
					   : NULL;

		if (setting->name[0] == '@' || is_own(place, setting->name)) {
			/* A file that the key `include` names (the key itself is refused), or a key
			 * that other code reads. */
			continue;
		}
		if (option != NULL && strcmp(option->name, "target") == 0 && !place->is_of_proxy) {
			suite_refuse(reading, setting, suite_join(path, place, setting),
				"is for a proxy; write it in proxies = ( { target = \"...\"; } )");
			continue;
		}
		if (place->has_scenarios && suite_find_scenario(setting->name) != NULL) {
			check_kind(reading, place, setting);
		} else if (option == NULL) {
			refuse_unknown(reading, place, setting);
		} else {
			check_value(reading, option, setting, suite_join(path, place, setting));
		}
	}
}
