/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/read.h"
#include "conf/schema.h"

/* The name of the element i of a list; NULL where it was refused. */
typedef const char *name_of(const struct conf *conf, size_t i);

static const char *listener_name(const struct conf *conf, size_t i)
{
	return conf->listeners[i].name;
}

static const char *upstream_name(const struct conf *conf, size_t i)
{
	return conf->upstreams[i].name;
}

/* The setting that the element i of a list was read from, or a member of it; NULL when there is
 * none. */
static const config_setting_t *find(
	const config_setting_t *root, const char *list, size_t i, const char *member)
{
	const config_setting_t *setting = config_setting_get_member(root, list);

	setting = setting == NULL ? NULL : config_setting_get_elem(setting, (unsigned)i);
	return setting == NULL ? NULL : config_setting_get_member(setting, member);
}

static void check_names(struct conf_reader *reader, const config_setting_t *root, const char *list,
	size_t n, name_of *name)
{
	for (size_t i = 1; i < n; i++) {
		const char *second = name(reader->conf, i);
		char key[CONF_PATH_MAX];
		size_t j = 0;

		while (j < i && (second == NULL || name(reader->conf, j) == NULL ||
					strcmp(name(reader->conf, j), second) != 0)) {
			j++;
		}
		if (j < i) {
			(void)snprintf(key, sizeof(key), "%s[%zu].name", list, i);
			conf_reader_error(reader, find(root, list, i, "name"), key,
				"\"%s\" is the name of %s[%zu] already; write another one", second,
				list, j);
		}
	}
}

/* An address that was refused is all zeros. */
static bool is_set(const struct addr *addr)
{
	return addr->sa_len > 0;
}

/* The listener that has this address before the k-th address of the i-th listener; i + 1 when none
 * has. */
static size_t find_address(const struct conf *conf, size_t i, size_t k)
{
	const struct addr *addr = &conf->listeners[i].addresses[k];

	for (size_t j = 0; j <= i; j++) {
		size_t n = j < i ? conf->listeners[j].n_addresses : k;

		for (size_t l = 0; l < n; l++) {
			const struct addr *other = &conf->listeners[j].addresses[l];

			if (is_set(other) && addr_equal(other, addr)) {
				return j;
			}
		}
	}
	return i + 1;
}

static void check_addresses(struct conf_reader *reader, const config_setting_t *root, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const config_setting_t *listen = find(root, "listeners", i, "listen");

	for (size_t k = 0; k < listener->n_addresses; k++) {
		size_t j =
			is_set(&listener->addresses[k]) ? find_address(reader->conf, i, k) : i + 1;
		char text[ADDR_TEXT_MAX];
		char key[CONF_PATH_MAX];

		if (j > i) {
			continue;
		}
		if (config_setting_is_aggregate(listen)) {
			(void)snprintf(key, sizeof(key), "listeners[%zu].listen[%zu]", i, k);
		} else {
			(void)snprintf(key, sizeof(key), "listeners[%zu].listen", i);
		}
		conf_reader_error(reader,
			config_setting_is_aggregate(listen)
				? config_setting_get_elem(listen, (unsigned)k)
				: listen,
			key, "\"%s\" is an address of listeners[%zu] already; take out one of them",
			addr_text(&listener->addresses[k], text), j);
	}
}

/* The name that a wrong reference most likely means; NULL when no upstream has a name. */
static const char *nearest_upstream(const struct conf *conf, const char *name)
{
	const char *nearest = NULL;
	size_t fewest = SIZE_MAX;

	for (size_t i = 0; i < conf->n_upstreams; i++) {
		const char *known = conf->upstreams[i].name;
		size_t edits = known == NULL ? SIZE_MAX : conf_edits(known, name);

		if (edits < fewest) {
			fewest = edits;
			nearest = known;
		}
	}
	return nearest;
}

/* Points the listener at its upstream. */
static void check_reference(struct conf_reader *reader, const config_setting_t *root, size_t i)
{
	const config_setting_t *setting = find(root, "listeners", i, "upstream");
	const char *name = setting == NULL ? NULL : config_setting_get_string(setting);
	struct conf *conf = reader->conf;
	const char *nearest;
	char shown[CONF_SHOWN_MAX];
	char key[CONF_PATH_MAX];

	for (size_t j = 0; name != NULL && j < conf->n_upstreams; j++) {
		if (conf->upstreams[j].name != NULL && strcmp(conf->upstreams[j].name, name) == 0) {
			conf->listeners[i].upstream = &conf->upstreams[j];
			return;
		}
	}
	/* Without a reference, or without any upstream, that is the error, and it was reported. */
	nearest = name == NULL ? NULL : nearest_upstream(conf, name);
	if (nearest != NULL) {
		(void)snprintf(key, sizeof(key), "listeners[%zu].upstream", i);
		conf_reader_error(reader, setting, key,
			"there is no upstream %s; the nearest name is \"%s\"",
			conf_shown(name, shown), nearest);
	}
}

void conf_check(struct conf_reader *reader, const config_setting_t *root)
{
	struct conf *conf = reader->conf;

	check_names(reader, root, "listeners", conf->n_listeners, listener_name);
	check_names(reader, root, "upstreams", conf->n_upstreams, upstream_name);
	for (size_t i = 0; i < conf->n_listeners; i++) {
		check_addresses(reader, root, i);
		check_reference(reader, root, i);
	}
}
