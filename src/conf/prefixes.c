/* SPDX-License-Identifier: ISC */
/*
 * Lists of prefixes, as the config writes them: prefixes, addresses, "unix" and "any".
 *
 * A list that is as one before it is that one: a hundred listeners with one list have it once.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prefix.h"
#include "base/table.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/read.h"
#include "conf/schema.h"
#include "conf/tree.h"

/* A list while it is read. */
struct building {
	struct conf_reader *reader;
	struct conf_prefixes *list;
	size_t room;
};

/* Adds one prefix; without memory the reading stops. */
static void add_prefix(struct building *building, const struct prefix *prefix)
{
	struct conf_prefixes *list = building->list;

	if (list->n == building->room) {
		size_t room = building->room == 0 ? 8 : 2 * building->room;
		struct prefix *more = reallocarray(list->prefixes, room, sizeof(*more));

		if (more == NULL) {
			building->reader->no_memory = true;
			return;
		}
		list->prefixes = more;
		building->room = room;
	}
	list->prefixes[list->n++] = *prefix;
}

/* Adds what a text says; false, and what is wrong with it in `why`. */
static bool add_text(struct building *building, const char *text, char why[PREFIX_WHY_MAX])
{
	struct prefix prefix;

	if (strcmp(text, "any") == 0) {
		building->list->any = true;
	} else if (strcmp(text, "unix") == 0) {
		building->list->unix_peers = true;
	} else if (prefix_parse(text, &prefix, why) < 0) {
		return false;
	} else {
		add_prefix(building, &prefix);
	}
	return true;
}

static void add_setting(struct building *building, const struct conf_key *key,
	const struct setting *setting, const char *shown)
{
	const char *text = setting_string(setting);
	char quoted[CONF_SHOWN_MAX];
	char why[PREFIX_WHY_MAX];

	if (text == NULL) {
		conf_report_type(building->reader, key, setting, shown);
	} else if (!add_text(building, text, why)) {
		conf_reader_error(
			building->reader, setting, shown, "%s: %s", conf_shown(text, quoted), why);
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
	       (a->n == 0 || memcmp(a->prefixes, b->prefixes, a->n * sizeof(*a->prefixes)) == 0);
}

/* The list that stays: one that is as this one, or this one. */
static const struct conf_prefixes *keep(struct conf_reader *reader, struct conf_prefixes *list)
{
	uint64_t hash = hash_of(list);
	const struct conf_prefixes *other = table_find(&reader->prefixes, hash, is_alike, list);

	if (other != NULL) {
		free(list->prefixes);
		free(list);
		return other;
	}
	list->next = reader->conf->prefixes;
	reader->conf->prefixes = list;
	reader->no_memory |= table_add(&reader->prefixes, hash, list) < 0;
	return list;
}

void conf_read_prefixes(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object)
{
	bool several = setting->type == SETTING_ARRAY;
	struct building building = {.reader = reader};
	const struct conf_prefixes *kept;

	assert(key->type == CONF_PREFIXES);
	if (several && setting->n > CONF_ELEMENTS_MAX) {
		conf_reader_error(reader, setting, shown,
			"has %zu elements; write at most %d, or write them into a file", setting->n,
			CONF_ELEMENTS_MAX);
		return;
	}
	building.list = calloc(1, sizeof(*building.list));
	if (building.list == NULL) {
		reader->no_memory = true;
		return;
	}
	if (!several) {
		add_setting(&building, key, setting, shown);
	}
	for (size_t i = 0; several && i < setting->n && !reader->no_memory; i++) {
		char element[CONF_PATH_MAX];

		(void)snprintf(element, sizeof(element), "%.*s[%zu]", CONF_PATH_MAX - 24, shown, i);
		add_setting(&building, key, setting->elements[i], element);
	}
	kept = keep(reader, building.list);
	memcpy((char *)object + key->offset, &kept, sizeof(kept));
}
