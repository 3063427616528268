/* SPDX-License-Identifier: ISC */
/*
 * Points listeners and routes at the upstreams that they name. A name that is wrong because another
 * setting was refused is not reported: the error at that setting is the only one to correct.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/table.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/names.h"
#include "conf/report.h"
#include "conf/schema.h"
#include "conf/tree.h"

/* How often the name nearest to a wrong one is searched for. A search takes time in proportion to
 * the number of upstreams. */
enum { GUESSES_MAX = 100 };

void conf_check_upstreams(struct conf_reader *reader)
{
	static const struct setting root = {.type = SETTING_GROUP};
	char expected[CONF_WHY_MAX];

	/* If there are listeners, this is no error of its own: a listener with `server` needs no
	 * upstream, and the reference of any other listener is reported as wrong. */
	if (setting_member(reader->root, "upstreams") == NULL &&
		setting_member(reader->root, "listeners") == NULL && !reader->lacks_part) {
		conf_reader_error(reader, &root, "upstreams", "is missing; %s",
			conf_expected(conf_schema_find("", "upstreams"), expected));
	}
}

static bool is_name(const void *item, const void *name)
{
	return strcmp(item, name) == 0;
}

static uint64_t hash_of(const char *name)
{
	return hash_bytes(HASH_BEGIN, name, strlen(name));
}

/* Notes the name of an upstream, or of a listener with a server, that is written in this group but
 * is not in the model. */
static void note_refused(struct conf_reader *reader, const struct setting *group)
{
	const struct setting *setting = setting_member(group, "name");
	const char *name = setting == NULL ? NULL : setting_string(setting);

	if (name != NULL && table_add(&reader->refused, hash_of(name), (void *)name) < 0) {
		reader->no_memory = true;
	}
}

void conf_note_refused(struct conf_reader *reader)
{
	const struct conf *conf = reader->conf;

	for (size_t i = 0; i < reader->n_written; i++) {
		if (conf->upstreams[i].name == NULL) {
			note_refused(reader, reader->upstreams->elements[i]);
		}
	}
	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct setting *group = reader->listeners->elements[i];

		if (setting_member(group, "server") != NULL &&
			(conf->listeners[i].server == NULL || conf->listeners[i].name == NULL)) {
			note_refused(reader, group);
		}
	}
}

/* Whether `upstreams` is written, but has no element, which was reported. */
static bool has_bad_list(const struct conf_reader *reader)
{
	const struct setting *list = setting_member(reader->root, "upstreams");

	return list != NULL && reader->n_written == 0;
}

/* Reports that there is no upstream with this name. */
static void report(struct conf_reader *reader, const struct setting *setting, const char *key,
	const char *name)
{
	const struct conf *conf = reader->conf;
	struct nearest nearest = nearest_begin_any(name);
	bool searches;
	char text[CONF_SHOWN_MAX];

	if (reader->lacks_part || has_bad_list(reader) ||
		table_find(&reader->refused, hash_of(name), is_name, name) != NULL) {
		return;
	}
	searches = reader->n_guesses++ < GUESSES_MAX;
	for (size_t i = 0; searches && i < conf->n_upstreams; i++) {
		nearest_try(&nearest, conf->upstreams[i].name);
	}
	if (nearest.known != NULL) {
		conf_reader_error(reader, setting, key,
			"there is no upstream %s; the nearest name is \"%s\"",
			conf_shown(name, text), nearest.known);
	} else if (conf->n_upstreams == 0) {
		conf_reader_error(reader, setting, key,
			"there is no upstream %s, nor any other; write upstreams = ( { ... }, ... "
			")",
			conf_shown(name, text));
	} else {
		conf_reader_error(reader, setting, key,
			"there is no upstream %s; write the name of one that there is",
			conf_shown(name, text));
	}
}

/* The upstream to which `group` refers; NULL: it has no reference, or a wrong one. */
static const struct conf_upstream *look_up(struct conf_reader *reader,
	const struct names *upstreams, const struct setting *group, const char *shown)
{
	const struct setting *setting = setting_member(group, "upstream");
	const char *name = setting == NULL ? NULL : setting_string(setting);
	struct conf *conf = reader->conf;
	size_t j = name == NULL ? SIZE_MAX : names_find(upstreams, name);
	char text[CONF_SHOWN_MAX];
	char key[CONF_PATH_MAX];

	(void)snprintf(key, sizeof(key), "%s.upstream", shown);
	if (j == SIZE_MAX) {
		if (name != NULL) {
			report(reader, setting, key, name);
		}
		return NULL;
	}
	if (conf->upstreams[j].balance == BALANCE_PORTS) {
		conf_reader_error(reader, setting, key,
			"%s has a server for each port of its listener, and no other "
			"clients go there; write an upstream with these servers",
			conf_shown(name, text));
	}
	return &conf->upstreams[j];
}

void conf_check_references(struct conf_reader *reader, size_t i, const struct names *upstreams)
{
	const struct setting *element = reader->listeners->elements[i];
	struct conf_listener *listener = &reader->conf->listeners[i];
	const struct setting *routes = setting_member(element, "routes");
	char shown[64];

	(void)snprintf(shown, sizeof(shown), "listeners[%zu]", i);
	if (listener->server == NULL) {
		listener->upstream = look_up(reader, upstreams, element, shown);
	} else if (listener->name != NULL) {
		size_t own = names_find(upstreams, listener->name);

		listener->upstream = own == SIZE_MAX ? NULL : &reader->conf->upstreams[own];
	}
	for (size_t k = 0; k < listener->n_routes; k++) {
		(void)snprintf(shown, sizeof(shown), "listeners[%zu].routes[%zu]", i, k);
		listener->routes[k].upstream =
			look_up(reader, upstreams, routes->elements[k], shown);
	}
}
