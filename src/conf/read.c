/* SPDX-License-Identifier: ISC */
#include "conf/read.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/scan.h"
#include "conf/schema.h"
#include "conf/source.h"

/* A group of the config, and where its values go. */
struct spot {
	const config_setting_t *group;
	const char *schema; /* path in the schema: "listeners[].timeouts" */
	const char *shown;  /* path in errors: "listeners[0].timeouts" */
	void *object;       /* of conf_key::offset */
};

static void read_group(struct conf_reader *reader, const struct spot *spot);

/* The schema is at most three groups deep, so that a path always fits. */
static void join_name(char path[CONF_PATH_MAX], const char *parent, const char *name)
{
	int len = snprintf(path, CONF_PATH_MAX, "%s%s%.*s", parent, *parent == '\0' ? "" : ".",
		CONF_SHOWN_CHARS, name);

	assert(len < CONF_PATH_MAX);
}

static void join_index(char path[CONF_PATH_MAX], const char *parent, size_t i)
{
	int len = snprintf(path, CONF_PATH_MAX, "%s[%zu]", parent, i);

	assert(len < CONF_PATH_MAX);
}

/* Reads one value into `object`. */
static void read_value(struct conf_reader *reader, const struct conf_key *key,
	const config_setting_t *setting, const char *shown, void *object)
{
	bool number = key->type == CONF_INT;
	int type = config_setting_type(setting);
	char why[CONF_WHY_MAX];
	int r;

	if (number ? type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64
		   : type != CONFIG_TYPE_STRING) {
		conf_report_type(reader, key, setting, shown);
		return;
	}
	r = conf_value_set(key,
		number ? conf_reader_literal(setting) : config_setting_get_string(setting), object,
		why);
	if (r == -ENOMEM) {
		reader->no_memory = true;
	} else if (r < 0) {
		conf_reader_error(reader, setting, shown, "%s", why);
	}
}

/* How many elements a list or array has; 0, and an error, when that is none or too many. */
static size_t count(struct conf_reader *reader, const struct conf_key *key,
	const config_setting_t *setting, const char *shown)
{
	int n = config_setting_length(setting);
	char expected[CONF_WHY_MAX];

	if (n == 0) {
		conf_reader_error(
			reader, setting, shown, "is empty; %s", conf_expected(key, expected));
	} else if (n > CONF_ELEMENTS_MAX) {
		conf_reader_error(reader, setting, shown,
			"has %d elements; write at most %d, or start a second weir", n,
			CONF_ELEMENTS_MAX);
		n = 0;
	}
	return (size_t)n;
}

/* A string or an array of strings. */
static void read_listen(struct conf_reader *reader, const struct conf_key *key,
	const config_setting_t *setting, const char *shown, struct conf_listener *listener)
{
	bool several = config_setting_is_array(setting) == CONFIG_TRUE;
	size_t n = several ? count(reader, key, setting, shown) : 1;

	if (n == 0) {
		return;
	}
	listener->addresses = calloc(n, sizeof(*listener->addresses));
	if (listener->addresses == NULL) {
		reader->no_memory = true;
		return;
	}
	listener->n_addresses = n;
	if (!several) {
		read_value(reader, key, setting, shown, listener->addresses);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		char element[CONF_PATH_MAX];

		join_index(element, shown, i);
		read_value(reader, key, config_setting_get_elem(setting, (unsigned)i), element,
			&listener->addresses[i]);
	}
}

/* An array of strings, each of which switches something on; it may be empty. */
static void read_apply(struct conf_reader *reader, const struct conf_key *key,
	const config_setting_t *setting, const char *shown, void *object)
{
	int n = config_setting_length(setting);

	if (config_setting_is_array(setting) != CONFIG_TRUE) {
		conf_report_type(reader, key, setting, shown);
		return;
	}
	for (int i = 0; i < n; i++) {
		char element[CONF_PATH_MAX];

		join_index(element, shown, (size_t)i);
		read_value(reader, key, config_setting_get_elem(setting, (unsigned)i), element,
			object);
	}
}

/* They are part of the program: they cannot be refused. */
void conf_preset(const char *schema, void *object)
{
	char why[CONF_WHY_MAX];

	for (size_t i = 0; i < conf_schema_len; i++) {
		const struct conf_key *key = &conf_schema[i];

		if (key->preset != NULL && conf_schema_within(key, schema)) {
			int r = conf_value_set(key, key->preset, object, why);

			assert(r == 0);
		}
	}
}

static void preset(struct conf_reader *reader, const char *schema, void *object)
{
	conf_preset(schema, object);
	/* A listener's timeouts are the top level's, which is read before any list. */
	if (strcmp(schema, "listeners[]") == 0) {
		((struct conf_listener *)object)->timeouts = reader->conf->timeouts;
	}
}

/* Gives `object` its array of elements; NULL without memory. */
static char *new_elements(
	struct conf_reader *reader, const struct conf_key *key, size_t n, void *object)
{
	void *elements = calloc(n, key->element_size);

	if (elements == NULL) {
		reader->no_memory = true;
		return NULL;
	}
	memcpy((char *)object + key->offset, &elements, sizeof(elements));
	memcpy((char *)object + key->count_offset, &n, sizeof(n));
	return elements;
}

static void read_list(struct conf_reader *reader, const struct conf_key *key,
	const config_setting_t *list, const char *shown, void *object)
{
	char schema[CONF_PATH_MAX];
	char *elements;
	size_t n;

	if (!config_setting_is_list(list)) {
		conf_report_type(reader, key, list, shown);
		return;
	}
	n = count(reader, key, list, shown);
	elements = n == 0 ? NULL : new_elements(reader, key, n, object);
	if (elements == NULL) {
		return;
	}
	(void)snprintf(schema, sizeof(schema), "%s[]", key->path);
	for (size_t i = 0; i < n && !reader->no_memory; i++) {
		char element[CONF_PATH_MAX];
		struct spot spot = {
			.group = config_setting_get_elem(list, (unsigned)i),
			.schema = schema,
			.shown = element,
			.object = elements + i * key->element_size,
		};

		join_index(element, shown, i);
		preset(reader, schema, spot.object);
		if (config_setting_is_group(spot.group)) {
			read_group(reader, &spot);
		} else {
			conf_reader_error(reader, spot.group, element, "%s; write a group: { ... }",
				conf_found(spot.group));
		}
	}
}

static void read_key(struct conf_reader *reader, const struct conf_key *key,
	const config_setting_t *setting, const char *shown, void *object)
{
	struct spot spot = {
		.group = setting, .schema = key->path, .shown = shown, .object = object};

	switch (key->type) {
	case CONF_GROUP:
		if (config_setting_is_group(setting)) {
			read_group(reader, &spot);
		} else {
			conf_report_type(reader, key, setting, shown);
		}
		break;
	case CONF_LIST:
		read_list(reader, key, setting, shown, object);
		break;
	case CONF_APPLY:
		read_apply(reader, key, setting, shown, object);
		break;
	case CONF_LISTEN:
		read_listen(reader, key, setting, shown, object);
		break;
	default:
		read_value(reader, key, setting, shown, object);
	}
}

static void report_missing(struct conf_reader *reader, const struct spot *spot)
{
	for (size_t i = 0; i < conf_schema_len; i++) {
		const struct conf_key *key = &conf_schema[i];
		const char *name = conf_schema_child(key, spot->schema);
		char expected[CONF_WHY_MAX];
		char shown[CONF_PATH_MAX];

		if (name != NULL && key->required &&
			config_setting_get_member(spot->group, name) == NULL) {
			join_name(shown, spot->shown, name);
			conf_reader_error(reader, spot->group, shown, "is missing; %s",
				conf_expected(key, expected));
		}
	}
}

/* Reads the lists last: what their elements inherit is known by then, wherever it stands in the
 * file. */
static void read_group(struct conf_reader *reader, const struct spot *spot)
{
	unsigned n = (unsigned)config_setting_length(spot->group);

	for (unsigned i = 0; i < 2 * n && !reader->no_memory; i++) {
		const config_setting_t *setting = config_setting_get_elem(spot->group, i % n);
		const char *name = config_setting_name(setting);
		const struct conf_key *key = conf_schema_find(spot->schema, name);
		bool last = key != NULL && key->type == CONF_LIST;
		char shown[CONF_PATH_MAX];

		join_name(shown, spot->shown, name);
		if (last != (i >= n)) {
			continue;
		}
		if (key == NULL) {
			conf_report_unknown(reader, spot->schema, setting, shown);
		} else {
			read_key(reader, key, setting, shown, spot->object);
		}
	}
	report_missing(reader, spot);
}

bool conf_read(struct conf_reader *reader, const config_t *config)
{
	config_setting_t *root = config_root_setting(config);
	struct spot spot = {.group = root, .schema = "", .shown = "", .object = reader->conf};
	struct scanner scanner;
	bool same;

	scanner_init(&scanner, reader->source->text, reader->source->len);
	same = conf_attach_literals(root, &scanner);
	assert(same); /* our scanner and libconfig's agree on every text that is valid */
	preset(reader, "", reader->conf);
	read_group(reader, &spot);
	if (!reader->no_memory) {
		conf_check(reader, root);
	}
	return !reader->failed && !reader->no_memory;
}
