/* SPDX-License-Identifier: ISC */
#include "conf/prefix_lists.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/prefix_files.h"
#include "conf/prefixes.h"
#include "conf/report.h"
#include "conf/schema.h"
#include "conf/tree.h"

/* Adds the contents of a file, and reports errors. 0 or -ENOMEM. */
static int add_file(struct conf_reader *reader, struct conf_prefixes *list,
	const struct setting *setting, const char *shown, const char *name)
{
	const struct conf_prefixes *held;

	if (*name == '\0') {
		conf_reader_error(reader, setting, shown,
			"\"file:\" names no file; write one after it, like \"file:partners\"");
		return 0;
	}
	held = prefix_files_get(reader, setting, shown, name);
	if (held == NULL) {
		list->lacks_file = true;
		return 0;
	}
	list->any |= held->any;
	list->unix_peers |= held->unix_peers;
	return conf_prefixes_add(list, held->prefixes, held->n);
}

/* Adds an element of a list, and reports errors. */
static void add_setting(struct conf_reader *reader, const struct conf_key *key,
	struct conf_prefixes *list, const struct setting *setting, const char *shown)
{
	static const char file[] = "file:";
	const char *text = setting_string(setting);
	char quoted[CONF_SHOWN_MAX];
	char why[PREFIX_WHY_MAX];
	int r = 0;

	if (text == NULL) {
		conf_report_type(reader, key, setting, shown);
	} else if (strncmp(text, file, strlen(file)) == 0) {
		r = add_file(reader, list, setting, shown, text + strlen(file));
	} else {
		r = conf_prefixes_add_text(list, text, why);
	}
	if (r == -ENOMEM) {
		reader->no_memory = true;
	} else if (r < 0) {
		conf_reader_error(reader, setting, shown, "%s: %s", conf_shown(text, quoted), why);
	}
}

static uint64_t hash_of(const struct conf_prefixes *list)
{
	uint64_t hash = hash_bytes(HASH_BEGIN, &list->any, sizeof(list->any));

	hash = hash_bytes(hash, &list->unix_peers, sizeof(list->unix_peers));
	return hash_bytes(hash, list->prefixes, list->n * sizeof(*list->prefixes));
}

static bool is_alike(const void *item, const void *list)
{
	const struct conf_prefixes *a = item;
	const struct conf_prefixes *b = list;

	return a->n == b->n && a->any == b->any && a->unix_peers == b->unix_peers &&
	       a->lacks_file == b->lacks_file &&
	       (a->n == 0 || memcmp(a->prefixes, b->prefixes, a->n * sizeof(*a->prefixes)) == 0);
}

/* Returns an earlier list that is equal to this one, or else keeps this one. */
static const struct conf_prefixes *keep(struct conf_reader *reader, struct conf_prefixes *list)
{
	uint64_t hash = hash_of(list);
	const struct conf_prefixes *other = table_find(&reader->prefixes, hash, is_alike, list);

	if (other != NULL) {
		free(list->prefixes);
		free(list);
		return other;
	}
	reader->n_prefixes += list->n;
	list->next = reader->conf->prefixes;
	reader->conf->prefixes = list;
	reader->no_memory |= table_add(&reader->prefixes, hash, list) < 0;
	return list;
}

/* Adds a string, or the elements of an array. */
static void add_all(struct conf_reader *reader, const struct conf_key *key,
	struct conf_prefixes *list, const struct setting *setting, const char *shown)
{
	if (setting->type != SETTING_ARRAY) {
		add_setting(reader, key, list, setting, shown);
		return;
	}
	for (size_t i = 0; i < setting->n && !reader->no_memory; i++) {
		char element[CONF_PATH_MAX];

		conf_join_index(element, shown, i);
		add_setting(reader, key, list, setting->elements[i], element);
	}
}

void conf_read_prefixes(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object)
{
	struct conf_prefixes *list;
	const struct conf_prefixes *kept;

	assert(key->type == CONF_PREFIXES);
	if (setting->type == SETTING_ARRAY && setting->n > CONF_ELEMENTS_MAX) {
		conf_reader_error(reader, setting, shown,
			"has %zu elements; write at most %d, or write them into a file", setting->n,
			CONF_ELEMENTS_MAX);
		return;
	}
	list = calloc(1, sizeof(*list));
	if (list == NULL) {
		reader->no_memory = true;
		return;
	}
	add_all(reader, key, list, setting, shown);
	kept = keep(reader, list);
	memcpy((char *)object + key->offset, &kept, sizeof(kept));
	if (reader->n_prefixes > CONF_PREFIXES_MAX) {
		conf_reader_error(reader, setting, shown,
			"is too large: all lists together hold more than %d prefixes; write wider "
			"ones in place of many",
			CONF_PREFIXES_MAX);
	}
}
