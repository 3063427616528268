/* SPDX-License-Identifier: ISC */
/*
 * Makes rows from the file. Each option of a row is taken from the first of these groups that has
 * it:
 *
 *	what a proxy has for this kind of scenario	proxies = ( { idle = { expect = ... } } )
 *	the scenario					scenarios = ( { ... } )
 *	the proxy					proxies = ( { ... } )
 *	all						defaults = { ... }
 *
 * The last two may have options that a scenario does not have; these are ignored for that scenario.
 * First each group is checked by itself, so that an error is reported once; then the rows are made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/character.h"
#include "base/nearest.h"
#include "load/result.h"
#include "load/scenario.h"
#include "load/suite.h"
#include "load/suite_keys.h"

enum { LAYERS = 4 };

struct file {
	struct suite_reading reading;
	struct suite *suite;
	const struct options *command;
	const struct setting *defaults;  /**< NULL: none */
	const struct setting *proxies;   /**< a list with at least one element */
	const struct setting *scenarios; /**< likewise */
};

/* ---- single elements ---- */

/** A text of an element; the element may be only that text. NULL: there is none, or it was
 * refused. */
static const char *text_of(const struct setting *element, const char *key)
{
	const struct setting *setting =
		element->type == SETTING_GROUP ? setting_member(element, key) : element;

	return setting == NULL ? NULL : setting_string(setting);
}

static const char *proxy_name(const struct setting *proxy)
{
	const char *name = proxy->type == SETTING_GROUP ? text_of(proxy, "name") : NULL;

	return name == NULL ? text_of(proxy, "target") : name;
}

static const char *scenario_name(const struct setting *scenario)
{
	const char *name = scenario->type == SETTING_GROUP ? text_of(scenario, "name") : NULL;

	return name == NULL ? text_of(scenario, "scenario") : name;
}

static void path_of(char path[SUITE_PATH_MAX], const char *list, size_t i)
{
	(void)snprintf(path, SUITE_PATH_MAX, "%s[%zu]", list, i);
}

/** Checks that a name fits in a table, and that no earlier element has it. */
static void check_name(struct file *file, const struct setting *list, size_t i,
	const char *(*name_of)(const struct setting *element))
{
	const char *name = name_of(list->elements[i]);
	char path[SUITE_PATH_MAX];
	char shown[CONF_SHOWN_MAX];

	path_of(path, list->name, i);
	if (name == NULL) {
		return;
	}
	if (name[0] == '\0' || strlen(name) >= SUITE_NAME_MAX) {
		suite_refuse(&file->reading, list->elements[i], path,
			"has a name of %zu bytes; give it a name = \"...\" of 1 to %d",
			strlen(name), SUITE_NAME_MAX - 1);
	}
	if (!character_are_plain(name)) {
		suite_refuse(&file->reading, list->elements[i], path,
			"has the name %s, which cannot be shown; give it another name = \"...\"",
			conf_shown(name, shown));
	}
	for (size_t k = 0; k < i; k++) {
		const char *other = name_of(list->elements[k]);

		if (other != NULL && strcmp(name, other) == 0) {
			suite_refuse(&file->reading, list->elements[i], path,
				"is called %s, as %s[%zu] is; give it another name = \"...\"",
				conf_shown(name, shown), list->name, k);
			return;
		}
	}
}

/** Checks that a key is a string. */
static void check_string(
	struct file *file, const struct suite_place *place, const char *key, const char *example)
{
	const struct setting *setting = setting_member(place->group, key);
	char path[SUITE_PATH_MAX];

	if (setting != NULL && setting->type != SETTING_STRING) {
		suite_refuse(&file->reading, setting, suite_join(path, place, setting),
			"%s; write %s = \"%s\"", setting_found(setting), key, example);
	}
}

/* ---- proxies ---- */

static void check_proxy(struct file *file, size_t i)
{
	static const char *const own[] = {"name", NULL};
	const struct setting *proxy = file->proxies->elements[i];
	struct suite_place place = {.group = proxy,
		.own = own,
		.has_options = true,
		.has_scenarios = true,
		.is_of_proxy = true};

	path_of(place.path, "proxies", i);
	if (proxy->type == SETTING_STRING) {
		struct setting target = *proxy;
		struct setting *const elements[] = {&target};
		const struct setting group = {.type = SETTING_GROUP,
			.line = proxy->line,
			.n = 1,
			.elements = (struct setting **)elements};

		target.name = "target";
		place.group = &group;
		suite_check_place(&file->reading, &place);
		return;
	}
	if (proxy->type != SETTING_GROUP) {
		suite_refuse(&file->reading, proxy, place.path,
			"%s; write { target = \"127.0.0.1:80\"; }, or the address alone",
			setting_found(proxy));
		return;
	}
	check_string(file, &place, "name", "haproxy");
	suite_check_place(&file->reading, &place);
	if (setting_member(proxy, "target") == NULL) {
		suite_refuse(&file->reading, proxy, place.path,
			"has no target; write target = \"127.0.0.1:80\", where it listens");
	}
}

/** The proxy with this name; NULL: there is none. */
static const struct setting *find_proxy(const struct file *file, const char *name)
{
	for (size_t i = 0; i < file->proxies->n; i++) {
		const char *other = proxy_name(file->proxies->elements[i]);

		if (other != NULL && strcmp(other, name) == 0) {
			return file->proxies->elements[i];
		}
	}
	return NULL;
}

/* ---- scenarios ---- */

static void refuse_scenario(struct file *file, const struct setting *setting, const char *path)
{
	struct nearest nearest = nearest_begin_any(setting->text);
	char shown[CONF_SHOWN_MAX];

	for (size_t i = 0; scenarios[i] != NULL; i++) {
		if (scenario_opens(scenarios[i])) {
			nearest_try(&nearest, scenarios[i]->name);
		}
	}
	suite_refuse(&file->reading, setting, path,
		"%s is no scenario; the nearest one is \"%s\", and weirload --help has all",
		conf_shown(setting->text, shown), nearest.known);
}

/** Checks the key `proxies` of a scenario: the names of the proxies that it is for. */
static void check_chosen(struct file *file, const struct suite_place *place)
{
	const struct setting *chosen = setting_member(place->group, "proxies");
	char path[SUITE_PATH_MAX];
	char shown[CONF_SHOWN_MAX];
	char known[CONF_SHOWN_MAX];

	if (chosen == NULL) {
		return;
	}
	(void)suite_join(path, place, chosen);
	if (chosen->type != SETTING_ARRAY || chosen->n == 0) {
		suite_refuse(&file->reading, chosen, path,
			"names no proxy; write proxies = [ \"NAME\" ], or leave it out for all");
		return;
	}
	for (size_t i = 0; i < chosen->n; i++) {
		const char *name = setting_string(chosen->elements[i]);
		struct nearest nearest = nearest_begin_any(name == NULL ? "" : name);

		if (name != NULL && find_proxy(file, name) != NULL) {
			continue;
		}
		for (size_t k = 0; k < file->proxies->n; k++) {
			nearest_try(&nearest, proxy_name(file->proxies->elements[k]));
		}
		suite_refuse(&file->reading, chosen->elements[i], path,
			"no proxy is called %s; the nearest one is %s",
			name == NULL ? "so" : conf_shown(name, shown),
			nearest.known == NULL ? "not named" : conf_shown(nearest.known, known));
	}
}

static void check_scenario(struct file *file, size_t i)
{
	static const char *const own[] = {"scenario", "name", "proxies", NULL};
	const struct setting *element = file->scenarios->elements[i];
	struct suite_place place = {.group = element, .own = own, .has_options = true};
	const struct setting *kind = element;
	char path[SUITE_PATH_MAX];

	path_of(place.path, "scenarios", i);
	(void)snprintf(path, sizeof(path), "%s", place.path);
	if (element->type == SETTING_GROUP) {
		kind = setting_member(element, "scenario");
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), ".scenario");
		if (kind == NULL) {
			suite_refuse(&file->reading, element, place.path,
				"has no scenario; write scenario = \"idle\"");
			return;
		}
	}
	if (kind->type != SETTING_STRING) {
		suite_refuse(&file->reading, kind, path, "%s; write %s\"idle\"",
			setting_found(kind), kind == element ? "" : "scenario = ");
		return;
	}
	place.scenario = suite_find_scenario(kind->text);
	if (place.scenario == NULL) {
		refuse_scenario(file, kind, path);
		return;
	}
	if (element->type == SETTING_GROUP) {
		check_string(file, &place, "name", "idle at night");
		check_chosen(file, &place);
		suite_check_place(&file->reading, &place);
	}
}

/* ---- the whole ---- */

/** A list of the top level with at least one element; NULL, with an error: there is none. */
static const struct setting *find_list(struct file *file, const char *name, const char *example)
{
	const struct setting *root = &file->reading.text->tree.root;
	const struct setting *list = setting_member(root, name);

	if (list == NULL) {
		suite_refuse(
			&file->reading, root, name, "is missing; write %s = ( %s )", name, example);
	} else if (list->type != SETTING_LIST) {
		suite_refuse(&file->reading, list, name, "%s; write %s = ( %s )",
			setting_found(list), name, example);
	} else if (list->n == 0) {
		suite_refuse(
			&file->reading, list, name, "is empty; write %s = ( %s )", name, example);
	} else {
		return list;
	}
	return NULL;
}

static void check_root(struct file *file)
{
	static const char *const own[] = {"defaults", "proxies", "scenarios", "parallel", NULL};
	const struct suite_place root = {.group = &file->reading.text->tree.root, .own = own};
	const struct setting *parallel = setting_member(root.group, "parallel");
	struct suite_place defaults = {.path = "defaults", .own = own + 4, .has_options = true};

	suite_check_place(&file->reading, &root);
	if (parallel != NULL && parallel->type != SETTING_BOOL) {
		suite_refuse(&file->reading, parallel, "parallel",
			"%s; write parallel = true, without quotes", setting_found(parallel));
	} else {
		file->suite->parallel =
			parallel != NULL && strncasecmp(parallel->text, "t", 1) == 0;
	}
	defaults.group = setting_member(root.group, "defaults");
	if (defaults.group != NULL && defaults.group->type != SETTING_GROUP) {
		suite_refuse(&file->reading, defaults.group, "defaults",
			"%s; write defaults = { ... }", setting_found(defaults.group));
	} else if (defaults.group != NULL) {
		suite_check_place(&file->reading, &defaults);
		file->defaults = defaults.group;
	}
}

static void check(struct file *file)
{
	check_root(file);
	file->proxies = find_list(file, "proxies", "\"127.0.0.1:80\"");
	file->scenarios = find_list(file, "scenarios", "\"idle\"");
	if (file->proxies == NULL || file->scenarios == NULL) {
		return;
	}
	if (file->proxies->n > SUITE_PROXIES_MAX ||
		file->proxies->n * file->scenarios->n > SUITE_ROWS_MAX) {
		suite_refuse(&file->reading, file->proxies, "proxies",
			"%zu, and %zu scenarios; write at most %d proxies and %d runs in all, or "
			"several files",
			file->proxies->n, file->scenarios->n, SUITE_PROXIES_MAX, SUITE_ROWS_MAX);
		return;
	}
	for (size_t i = 0; i < file->proxies->n; i++) {
		check_proxy(file, i);
		check_name(file, file->proxies, i, proxy_name);
	}
	for (size_t i = 0; i < file->scenarios->n; i++) {
		check_scenario(file, i);
		check_name(file, file->scenarios, i, scenario_name);
	}
}

/* ---- rows ---- */

/** Whether a scenario is for a proxy. */
static bool is_chosen(const struct setting *scenario, const char *proxy)
{
	const struct setting *chosen = setting_member(scenario, "proxies");

	for (size_t i = 0; chosen != NULL && i < chosen->n; i++) {
		if (strcmp(setting_string(chosen->elements[i]), proxy) == 0) {
			return true;
		}
	}
	return chosen == NULL;
}

/** Reads each option of a row from the first group that has it. */
static void read_options(struct file *file, struct suite_row *row,
	const struct setting *const layers[LAYERS], char *why)
{
	static const char target[] = "target";

	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		const struct setting *value = NULL;

		if ((option->scenarios & row->options.scenario->bit) == 0) {
			continue;
		}
		for (size_t k = 0; k < LAYERS && value == NULL; k++) {
			value = layers[k] != NULL && layers[k]->type == SETTING_STRING
					? strcmp(option->name, target) == 0 ? layers[k] : NULL
					: suite_find_value(&file->reading, layers[k], option);
		}
		if (value != NULL) {
			(void)suite_read_option(&file->reading, option, value, why, &row->options);
		}
	}
}

static void add_row(struct file *file, size_t i, size_t k)
{
	const struct setting *scenario = file->scenarios->elements[i];
	const struct setting *proxy = file->proxies->elements[k];
	const char *kind = text_of(scenario, "scenario");
	const struct setting *const layers[LAYERS] = {
		setting_member(proxy, kind),
		scenario->type == SETTING_GROUP ? scenario : NULL,
		proxy,
		file->defaults,
	};
	struct suite_row *row = &file->suite->rows[file->suite->n_rows++];
	char path[SUITE_PATH_MAX];
	char why[OPTIONS_WHY_MAX];
	int r;

	*row = (struct suite_row){
		.proxy = proxy_name(proxy), .name = scenario_name(scenario), .proxy_index = k};
	r = options_begin(&row->options, suite_find_scenario(kind), file->command->argc,
		file->command->argv, why);
	path_of(path, "scenarios", i);
	if (r == 0) {
		read_options(file, row, layers, path);
		r = options_finish(&row->options, why);
	}
	if (r < 0) {
		suite_name_as_keys(why, sizeof(why));
		suite_refuse(&file->reading, scenario, path, "through %s: %s", row->proxy, why);
	}
	row->options.quiet = file->suite->parallel;
	row->options.progress_ns = file->command->progress_ns;
	row->options.label = row->label;
	if (row->options.n_sources == 0) {
		options_fini(&row->options); /* frees an array of 256 that is not needed */
	}
}

static int make_rows(struct file *file)
{
	struct suite *suite = file->suite;

	suite->n_proxies = file->proxies->n;
	suite->rows = calloc(file->proxies->n * file->scenarios->n, sizeof(*suite->rows));
	if (suite->rows == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < file->scenarios->n; i++) {
		for (size_t k = 0; k < file->proxies->n; k++) {
			if (is_chosen(file->scenarios->elements[i],
				    proxy_name(file->proxies->elements[k]))) {
				add_row(file, i, k);
			}
		}
	}
	for (size_t i = 0; i < suite->n_rows; i++) {
		struct suite_row *row = &suite->rows[i];

		(void)snprintf(row->label, sizeof(row->label), "%zu of %zu, %s through %s: ", i + 1,
			suite->n_rows, row->name, row->proxy);
	}
	return 0;
}

/* ---- what goes on at the same time ---- */

/** Whether sockets that listen on these addresses are in each other's way. */
static bool is_taken(const struct addr *a, const struct addr *b)
{
	return a->sa_len != 0 && b->sa_len != 0 &&
	       (addr_equal(a, b) || addr_is_within(a, b) || addr_is_within(b, a));
}

/** The option because of which two runs cannot go on at the same time; NULL: they can. */
static const char *in_the_way(const struct options *a, const struct options *b)
{
	if (is_taken(&a->serve, &b->serve)) {
		return "serve";
	}
	if (is_taken(&a->blackhole, &b->blackhole) || is_taken(&a->serve, &b->blackhole) ||
		is_taken(&a->blackhole, &b->serve)) {
		return "blackhole";
	}
	return a->has_remote && b->has_remote && addr_equal(&a->remote, &b->remote) ? "remote"
										    : NULL;
}

/** Refuses proxies that cannot be tested at the same time, each once. */
static void check_parallel(struct file *file)
{
	const struct suite *suite = file->suite;
	bool is_told[SUITE_PROXIES_MAX] = {false};
	char path[SUITE_PATH_MAX];

	for (size_t i = 0; suite->parallel && i < suite->n_rows; i++) {
		const struct suite_row *row = &suite->rows[i];

		for (size_t k = 0; k < suite->n_rows; k++) {
			const struct suite_row *other = &suite->rows[k];
			const char *key = other->proxy_index < row->proxy_index
						  ? in_the_way(&other->options, &row->options)
						  : NULL;

			if (key == NULL || is_told[row->proxy_index]) {
				continue;
			}
			is_told[row->proxy_index] = true;
			path_of(path, "proxies", row->proxy_index);
			suite_refuse(&file->reading, file->proxies->elements[row->proxy_index],
				path,
				"needs the same %s as \"%s\" at the same time; give each its own, "
				"or write parallel = false",
				key, other->proxy);
		}
	}
}

int suite_load(struct suite *suite, const struct options *command)
{
	struct conf_errors errors;
	struct file file = {
		.reading = {.text = &suite->text, .errors = &errors},
		.suite = suite,
		.command = command,
	};
	int r;

	*suite = (struct suite){0};
	conf_errors_init(&errors);
	errors.remedy = "create it, or name another one after 'suite'";
	r = conf_text_read(&suite->text, command->suite, &errors);
	if (r == 0) {
		r = suite_name_keys(&file.reading);
	}
	if (r == 0) {
		check(&file);
		if (!file.reading.failed) {
			r = make_rows(&file);
		}
		if (r == 0 && !file.reading.failed) {
			check_parallel(&file);
		}
	}
	(void)conf_errors_result(&errors, command->suite, errors.n_errors == 0 ? r : 0);
	conf_errors_print(&errors, "weirload: ", stderr);
	conf_errors_fini(&errors);
	free(file.reading.names);
	return r < 0 || file.reading.failed ? -EINVAL : 0;
}

void suite_fini(struct suite *suite)
{
	for (size_t i = 0; i < suite->n_rows; i++) {
		options_fini(&suite->rows[i].options);
		suite->rows[i].result = result_free(suite->rows[i].result);
	}
	free(suite->rows);
	conf_text_fini(&suite->text);
}
