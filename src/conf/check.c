/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
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
	return addr->sa_len > 0 || addr->host[0] != '\0';
}

/* Whether only one of two listeners' addresses can be had. */
static bool collide(const struct addr *a, const struct addr *b)
{
	return is_set(a) && is_set(b) &&
	       (addr_equal(a, b) || addr_is_within(a, b) || addr_is_within(b, a));
}

/* The first address that collides with the k-th one of the i-th listener and stands before it, and
 * its listener; NULL when there is none. */
static const struct addr *find_address(const struct conf *conf, size_t i, size_t k, size_t *ret_j)
{
	const struct addr *addr = &conf->listeners[i].addresses[k];

	for (size_t j = 0; j <= i; j++) {
		size_t n = j < i ? conf->listeners[j].n_addresses : k;

		for (size_t l = 0; l < n; l++) {
			const struct addr *other = &conf->listeners[j].addresses[l];

			if (collide(other, addr)) {
				*ret_j = j;
				return other;
			}
		}
	}
	return NULL;
}

static void check_addresses(struct conf_reader *reader, const config_setting_t *root, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const config_setting_t *listen = find(root, "listeners", i, "listen");

	for (size_t k = 0; k < listener->n_addresses; k++) {
		const struct addr *addr = &listener->addresses[k];
		size_t j;
		const struct addr *other = find_address(reader->conf, i, k, &j);
		const config_setting_t *setting = listen;
		char other_text[ADDR_TEXT_MAX];
		char text[ADDR_TEXT_MAX];
		char key[CONF_PATH_MAX];

		if (other == NULL) {
			continue;
		}
		(void)snprintf(key, sizeof(key), "listeners[%zu].listen", i);
		if (config_setting_is_aggregate(listen)) {
			(void)snprintf(key, sizeof(key), "listeners[%zu].listen[%zu]", i, k);
			setting = config_setting_get_elem(listen, (unsigned)k);
		}
		(void)addr_text(addr, text);
		if (addr_equal(addr, other)) {
			conf_reader_error(reader, setting, key,
				"\"%s\" is an address of listeners[%zu] already; take out one of "
				"them",
				text, j);
		} else {
			conf_reader_error(reader, setting, key,
				"\"%s\" %s \"%s\" of listeners[%zu].listen; take out one of them",
				text, addr_is_within(addr, other) ? "is within" : "takes in",
				addr_text(other, other_text), j);
		}
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

/* Addresses of this machine alone. */
static bool is_loopback(const struct addr *addr)
{
	return addr->sa.any.sa_family == AF_INET
		       ? ntohl(addr->sa.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
		       : IN6_IS_ADDR_LOOPBACK(&addr->sa.in6.sin6_addr);
}

/* Whether to connect to `server` is to connect to the listener; a name may be anybody's. */
static bool is_own(const struct conf_listener *listener, const struct addr *server)
{
	for (size_t k = 0; is_set(server) && k < listener->n_addresses; k++) {
		const struct addr *addr = &listener->addresses[k];

		if (addr_equal(addr, server) ||
			(addr_is_within(server, addr) && is_loopback(server))) {
			return true;
		}
	}
	return false;
}

/* A pair that comes in where it goes out makes the next one, until there are no more files. */
static void check_loop(struct conf_reader *reader, const config_setting_t *root, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const struct conf_upstream *upstream = listener->upstream;
	size_t u = upstream == NULL ? 0 : (size_t)(upstream - reader->conf->upstreams);

	for (size_t k = 0; upstream != NULL && k < upstream->n_servers; k++) {
		const struct conf_server *server = &upstream->servers[k];
		const config_setting_t *setting = find(root, "upstreams", u, "servers");
		char key[CONF_PATH_MAX];

		if (is_own(listener, &server->addr)) {
			setting = config_setting_get_elem(setting, (unsigned)k);
			(void)snprintf(
				key, sizeof(key), "upstreams[%zu].servers[%zu].address", u, k);
			conf_reader_error(reader, config_setting_get_member(setting, "address"),
				key,
				"\"%s\" is the address of listeners[%zu]; weir would connect to "
				"itself; write that of a server",
				server->text, i);
		}
	}
}

/* A duration of the top level: its setting, NULL where none is written, and its text. */
static const config_setting_t *find_duration(const config_setting_t *root, const char *group,
	const char *name, char shown[CONF_SHOWN_MAX])
{
	const config_setting_t *setting = config_setting_get_member(root, group);

	setting = setting == NULL ? NULL : config_setting_get_member(setting, name);
	(void)conf_shown(setting == NULL ? conf_schema_find(group, name)->preset
					 : config_setting_get_string(setting),
		shown);
	return setting;
}

/* What is done in turn must fit the whole budget; a spread that nobody wrote leaves half of a short
 * one to pairs that finish by themselves. */
static void check_drain(struct conf_reader *reader, const config_setting_t *root)
{
	struct conf_drain *drain = &reader->conf->drain;
	uint64_t budget_ns = reader->conf->timeouts.drain_ns;
	uint64_t rest_ns;
	char budget_text[CONF_SHOWN_MAX];
	char grace_text[CONF_SHOWN_MAX];
	char spread_text[CONF_SHOWN_MAX];
	const config_setting_t *grace;
	const config_setting_t *spread;

	if (reader->failed) {
		return; /* one of these may be wrong, and was reported */
	}
	(void)find_duration(root, "timeouts", "drain", budget_text);
	grace = find_duration(root, "drain", "grace", grace_text);
	spread = find_duration(root, "drain", "spread", spread_text);
	rest_ns = drain->grace_ns > budget_ns ? 0 : budget_ns - drain->grace_ns;
	if (drain->grace_ns > budget_ns) {
		conf_reader_error(reader, grace, "drain.grace",
			"%s is more than timeouts.drain, %s, which it is a part of; write at most "
			"that, or raise timeouts.drain",
			grace_text, budget_text);
	} else if (spread == NULL) {
		drain->spread_ns = clock_earlier(drain->spread_ns, rest_ns / 2);
	} else if (drain->spread_ns > rest_ns) {
		conf_reader_error(reader, spread, "drain.spread",
			"%s and drain.grace, %s, are more than timeouts.drain, %s, which they are "
			"parts of; write less, or raise timeouts.drain",
			spread_text, grace_text, budget_text);
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
		check_loop(reader, root, i);
		conf_check_owner(reader, root, i);
		conf_check_listener_socket(reader, root, i);
	}
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		conf_check_upstream_socket(reader, root, i);
	}
	check_drain(reader, root);
}
