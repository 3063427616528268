/* SPDX-License-Identifier: ISC */
#include "conf/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/forward.h"
#include "conf/prefix_lists.h"
#include "conf/preset.h"
#include "conf/report.h"
#include "conf/schema.h"
#include "conf/tree.h"
#include "conf/value.h"

/* A group of the config, and the object for its values. */
struct spot {
	const struct setting *group;
	const char *schema; /* path in the schema: "listeners[].timeouts" */
	const char *shown;  /* path in errors: "listeners[0].timeouts" */
	void *object;       /* base of conf_key::offset */
};

static void read_group(struct conf_reader *reader, const struct spot *spot);

static enum setting_type type_of(const struct conf_key *key)
{
	switch (key->type) {
	case CONF_INT:
		return SETTING_INTEGER;
	case CONF_BOOL:
		return SETTING_BOOL;
	default:
		return SETTING_STRING;
	}
}

/* Whether a setting has a type that its key may have. TCP Fast Open has words in quotes and numbers
 * without. */
static bool is_of_type(const struct conf_key *key, const struct setting *setting)
{
	if (key->type == CONF_FASTOPEN && setting->type == SETTING_STRING) {
		return strspn(setting->text, "+-0123456789") == 0;
	}
	return setting->type == type_of(key) ||
	       (key->type == CONF_FASTOPEN && setting->type == SETTING_INTEGER);
}

/* Reads one value into `object`. */
static void read_value(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object)
{
	char why[CONF_WHY_MAX];
	int r;

	if (!is_of_type(key, setting)) {
		conf_report_type(reader, key, setting, shown);
		return;
	}
	r = conf_value_set(key, setting->text, object, why);
	if (r == -ENOMEM) {
		reader->no_memory = true;
	} else if (r < 0) {
		conf_reader_error(reader, setting, shown, "%s", why);
	}
}

/* Allocates the array of elements of `object`; NULL: no memory. */
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

/* Reads a string or an array of strings. */
static void read_array(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object)
{
	bool several = setting->type == SETTING_ARRAY;
	size_t n = several ? conf_count_elements(reader, key, setting, shown) : 1;
	char *elements;

	elements = n == 0 ? NULL : new_elements(reader, key, n, object);
	if (elements == NULL) {
		return;
	}
	if (!several) {
		read_value(reader, key, setting, shown, elements);
		return;
	}
	for (size_t i = 0; i < n && !reader->no_memory; i++) {
		char element[CONF_PATH_MAX];

		conf_join_index(element, shown, i);
		read_value(reader, key, setting->elements[i], element,
			elements + i * key->element_size);
	}
}

/* Reads an array of strings, each of which sets a flag; it may be empty. */
static void read_flags(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object)
{
	if (setting->type != SETTING_ARRAY) {
		conf_report_type(reader, key, setting, shown);
		return;
	}
	for (size_t i = 0; i < setting->n; i++) {
		char element[CONF_PATH_MAX];

		conf_join_index(element, shown, i);
		read_value(reader, key, setting->elements[i], element, object);
	}
}

/* Checks patterns of files, which were read already; there may be none. */
static void read_include(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown)
{
	if (setting->type == SETTING_ARRAY && setting->n > 0) {
		(void)conf_count_elements(reader, key, setting, shown);
	}
	if (setting->type == SETTING_ARRAY) {
		read_flags(reader, key, setting, shown, reader->conf);
	} else {
		read_value(reader, key, setting, shown, reader->conf);
	}
}

/* Sets the defaults of one element of a list of `owner`, and the values that it inherits, which
 * were read before any list. */
static void preset(struct conf_reader *reader, const char *schema, void *object, const void *owner)
{
	conf_preset(schema, object);
	if (strcmp(schema, "listeners[]") == 0) {
		((struct conf_listener *)object)->timeouts = reader->conf->timeouts;
		((struct conf_listener *)object)->socket = reader->conf->socket;
	} else if (strcmp(schema, "upstreams[]") == 0) {
		((struct conf_upstream *)object)->socket = reader->conf->socket;
		((struct conf_upstream *)object)->socket.fastopen_queue = 0;
	} else if (strcmp(schema, "upstreams[].servers[]") == 0) {
		((struct conf_server *)object)->check =
			((const struct conf_upstream *)owner)->check;
	}
}

static void read_element(
	struct conf_reader *reader, const struct conf_key *list, const struct spot *spot)
{
	const struct setting *setting = spot->group;

	if (setting->type == SETTING_GROUP) {
		read_group(reader, spot);
	} else if (list->alone == NULL) {
		conf_reader_error(reader, setting, spot->shown, "%s; write a group: { ... }",
			setting_found(setting));
	} else if (setting->type == SETTING_STRING) {
		read_value(reader, conf_schema_find(spot->schema, list->alone), setting,
			spot->shown, spot->object);
	} else {
		conf_reader_error(reader, setting, spot->shown,
			"%s; write a group, { ... }, or the %s alone, in quotes",
			setting_found(setting), list->alone);
	}
}

static void read_list(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *list, const char *shown, void *object)
{
	char schema[CONF_PATH_MAX];
	char *elements;
	size_t n;

	if (list->type != SETTING_LIST) {
		conf_report_type(reader, key, list, shown);
		return;
	}
	/* The elements of a list of the top level may be in a file that was refused. */
	n = list->n == 0 && reader->lacks_part && strchr(key->path, '.') == NULL
		    ? 0
		    : conf_count_elements(reader, key, list, shown);
	elements = n == 0 ? NULL : new_elements(reader, key, n, object);
	if (elements == NULL) {
		return;
	}
	(void)snprintf(schema, sizeof(schema), "%s[]", key->path);
	preset(reader, schema, elements, object);
	for (size_t i = 1; i < n; i++) {
		memcpy(elements + i * key->element_size, elements, key->element_size);
	}
	for (size_t i = 0; i < n && !reader->no_memory; i++) {
		char element[CONF_PATH_MAX];
		struct spot spot = {
			.group = list->elements[i],
			.schema = schema,
			.shown = element,
			.object = elements + i * key->element_size,
		};

		conf_join_index(element, shown, i);
		read_element(reader, key, &spot);
	}
}

/* Reads a group, which means true, or one of the two words that may be written in its place. */
static void read_option(
	struct conf_reader *reader, const struct conf_key *key, const struct spot *spot)
{
	if (spot->group->type == SETTING_GROUP) {
		*(bool *)((char *)spot->object + key->offset) = true;
		read_group(reader, spot);
	} else {
		read_value(reader, key, spot->group, spot->shown, spot->object);
	}
}

/* The same for a check, which is an object of its own. If there is one already, it is the
 * upstream's, and values that a server's group does not set are taken from it. */
static void read_check(
	struct conf_reader *reader, const struct conf_key *key, const struct spot *spot)
{
	const struct conf_check **place =
		(const struct conf_check **)((char *)spot->object + key->offset);
	const char *text = setting_string(spot->group);
	struct spot inner = *spot;
	struct conf_check *check;

	if (text != NULL && strcmp(text, "off") == 0) {
		*place = NULL;
		return;
	}
	if (spot->group->type != SETTING_GROUP) {
		conf_report_type(reader, key, spot->group, spot->shown);
		return;
	}
	check = calloc(1, sizeof(*check));
	if (check == NULL) {
		reader->no_memory = true;
		return;
	}
	if (*place != NULL) {
		*check = **place;
	} else {
		conf_preset(key->path, check);
	}
	*place = check;
	inner.object = check;
	read_group(reader, &inner);
}

static void read_key(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object)
{
	struct spot spot = {
		.group = setting, .schema = key->path, .shown = shown, .object = object};

	switch (key->type) {
	case CONF_GROUP:
		if (setting->type == SETTING_GROUP) {
			read_group(reader, &spot);
		} else {
			conf_report_type(reader, key, setting, shown);
		}
		break;
	case CONF_OPTION:
		read_option(reader, key, &spot);
		break;
	case CONF_CHECK:
		read_check(reader, key, &spot);
		break;
	case CONF_LIST:
		read_list(reader, key, setting, shown, object);
		break;
	case CONF_INCLUDE:
		read_include(reader, key, setting, shown);
		break;
	case CONF_FLAGS:
		read_flags(reader, key, setting, shown, object);
		break;
	case CONF_PREFIXES:
		conf_read_prefixes(reader, key, setting, shown, object);
		break;
	case CONF_LISTEN:
		conf_read_listen(reader, key, setting, shown, object);
		break;
	case CONF_RESOLVERS:
	case CONF_SNI:
	case CONF_ALPN:
	case CONF_HOSTS:
		read_array(reader, key, setting, shown, object);
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

		if (name != NULL && key->required && setting_member(spot->group, name) == NULL &&
			!(key->type == CONF_LIST && reader->lacks_part)) {
			conf_join_name(shown, spot->shown, name);
			conf_reader_error(reader, spot->group, shown, "is missing; %s",
				conf_expected(key, expected));
		}
	}
}

/* Reads the lists of a group, or all other keys. Returns how many keys are left for the other
 * call. */
static size_t read_keys(struct conf_reader *reader, const struct spot *spot, bool lists)
{
	size_t n_left = 0;

	for (size_t i = 0; i < spot->group->n && !reader->no_memory; i++) {
		const struct setting *setting = spot->group->elements[i];
		const struct conf_key *key = conf_schema_find(spot->schema, setting->name);
		char shown[CONF_PATH_MAX];

		if ((key != NULL && key->type == CONF_LIST) != lists) {
			n_left++;
			continue;
		}
		conf_join_name(shown, spot->shown, setting->name);
		if (key == NULL) {
			conf_report_unknown(reader, spot->schema, setting, shown);
		} else {
			read_key(reader, key, setting, shown, spot->object);
		}
	}
	return n_left;
}

/* Reads the lists last, so that the values that their elements inherit are known, wherever they are
 * in the file. */
static void read_group(struct conf_reader *reader, const struct spot *spot)
{
	if (read_keys(reader, spot, false) > 0) {
		(void)read_keys(reader, spot, true);
	}
	report_missing(reader, spot);
}

static const struct setting *list_of(const struct setting *root, const char *name)
{
	const struct setting *list = setting_member(root, name);

	return list != NULL && list->type == SETTING_LIST ? list : NULL;
}

bool conf_read(struct conf_reader *reader, const struct setting *root)
{
	struct spot spot = {.group = root, .schema = "", .shown = "", .object = reader->conf};

	reader->root = root;
	reader->listeners = list_of(root, "listeners");
	reader->upstreams = list_of(root, "upstreams");
	conf_preset("", reader->conf);
	read_group(reader, &spot);
	conf_make_upstreams(reader);
	if (!reader->no_memory) {
		conf_check_model(reader);
	}
	free(reader->makers);
	table_fini(&reader->prefixes);
	table_fini(&reader->refused);
	return !reader->failed && !reader->no_memory;
}
