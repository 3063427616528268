/* SPDX-License-Identifier: ISC */
/*
 * Checks whether the settings of an upstream fit together: its servers, the rule, discovery and the
 * check; and sets values that follow from others.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/names.h"
#include "conf/report.h"
#include "conf/schema.h"
#include "conf/tree.h"

/* One upstream, as read and as written. */
struct upstream {
	struct conf_reader *reader;
	struct conf_upstream *conf;
	const struct setting *group;
	const struct setting *servers; /* a list; NULL: there is none */
	char shown[64];
};

/* Reports an error at a key, or at the upstream if the key is not written. */
static void refuse(const struct upstream *upstream, const char *path, const char *why)
{
	const struct setting *setting = setting_at(upstream->group, path);
	char key[CONF_PATH_MAX];

	(void)snprintf(key, sizeof(key), "%s.%s", upstream->shown, path);
	conf_reader_error(
		upstream->reader, setting == NULL ? upstream->group : setting, key, "%s", why);
}

const struct setting *conf_server_address(
	const struct conf_reader *reader, size_t u, size_t k, char key[CONF_PATH_MAX])
{
	const struct setting *servers;
	const struct setting *element;
	bool alone;

	if (u >= reader->n_written) {
		size_t i = reader->makers[u - reader->n_written];

		(void)snprintf(key, CONF_PATH_MAX, "listeners[%zu].server", i);
		return setting_member(reader->listeners->elements[i], "server");
	}
	servers = setting_member(reader->upstreams->elements[u], "servers");
	element = servers->elements[k];
	alone = element->type == SETTING_STRING;
	(void)snprintf(
		key, CONF_PATH_MAX, "upstreams[%zu].servers[%zu]%s", u, k, alone ? "" : ".address");
	return alone ? element : setting_member(element, "address");
}

bool conf_is_set(const struct addr *addr)
{
	return addr->sa_len > 0 || addr->host[0] != '\0';
}

/* ---- servers ---- */

static const char *server_name(const struct names *names, size_t i)
{
	return ((const struct conf_server *)names->elements)[i].name;
}

static void check_names(const struct upstream *upstream)
{
	char shown[CONF_PATH_MAX];
	struct names names = {
		.list = upstream->servers,
		.shown = shown,
		.name = server_name,
		.elements = upstream->conf->servers,
		.n = upstream->conf->n_servers,
	};

	(void)snprintf(shown, sizeof(shown), "%s.servers", upstream->shown);
	names_check(upstream->reader, &names);
	names_fini(&names);
}

static bool is_server_at(const void *item, const void *addr)
{
	return addr_equal(&((const struct conf_server *)item)->addr, addr);
}

/* Checks that no two servers have the same address, because the state of a server is stored by
 * address. */
static void check_addresses(const struct upstream *upstream, size_t u)
{
	struct conf_reader *reader = upstream->reader;
	const struct conf_server *servers = upstream->conf->servers;
	struct table table = {0};

	for (size_t k = 0; k < upstream->conf->n_servers && !reader->no_memory; k++) {
		const struct conf_server *server = &servers[k];
		uint64_t hash = addr_hash(&server->addr);
		const struct conf_server *other;
		char key[CONF_PATH_MAX];

		if (!conf_is_set(&server->addr)) {
			continue;
		}
		other = table_find(&table, hash, is_server_at, &server->addr);
		if (other != NULL) {
			const struct setting *setting = conf_server_address(reader, u, k, key);

			conf_reader_error(reader, setting, key,
				"\"%s\" is the address of %s.servers[%zu] already; take out one of "
				"them, and write weight = 2 for twice the pairs",
				server->text, upstream->shown, (size_t)(other - servers));
		} else if (table_add(&table, hash, (void *)server) < 0) {
			reader->no_memory = true;
		}
	}
	table_fini(&table);
}

/* Checks that some server takes pairs. Servers found by DNS may do so too. */
static void check_usable(const struct upstream *upstream)
{
	const struct conf_upstream *conf = upstream->conf;
	size_t n_backups = 0;
	size_t n_weightless = 0;

	if (conf->n_servers == 0 || setting_member(upstream->group, "discover") != NULL) {
		return;
	}
	for (size_t k = 0; k < conf->n_servers; k++) {
		n_backups += conf->servers[k].backup;
		n_weightless += !conf->servers[k].backup && conf->servers[k].weight == 0;
	}
	if (n_backups == conf->n_servers) {
		refuse(upstream, "servers",
			"all of them are backups, of nothing; take backup = true out of one");
	} else if (n_backups + n_weightless == conf->n_servers) {
		refuse(upstream, "servers",
			"none that is no backup has a weight; write a weight of 1 to 256 for one");
	}
}

static void name_servers(struct conf_upstream *conf)
{
	for (size_t k = 0; k < conf->n_servers; k++) {
		struct conf_server *server = &conf->servers[k];

		if (server->name == NULL) {
			server->name = server->text;
		}
	}
}

/* ---- the rest ---- */

static bool is_word(const struct setting *setting, const char *word)
{
	const char *text = setting_string(setting);

	return text != NULL && strcmp(text, word) == 0;
}

/* Whether the rule is valid or not written; otherwise that was reported. */
static bool has_rule(const struct upstream *upstream)
{
	const struct setting *balance = setting_member(upstream->group, "balance");
	const struct conf_key *key = conf_schema_find("upstreams[]", "balance");

	return balance == NULL || is_word(balance, key->words[upstream->conf->balance]);
}

static void check_rule(const struct upstream *upstream)
{
	if (setting_member(upstream->group, "hash_on") == NULL || !has_rule(upstream)) {
		return;
	}
	if (upstream->conf->balance != BALANCE_HASH) {
		refuse(upstream, "hash_on",
			"is for balance = \"hash\", and the rule is another one; write that, or "
			"take it out");
	}
}

static void check_header(const struct upstream *upstream)
{
	const struct setting *tlvs = setting_member(upstream->group, "send_proxy_tlvs");
	const struct setting *version = setting_member(upstream->group, "send_proxy");

	/* If the version was refused, that was reported. */
	if (tlvs != NULL && tlvs->n > 0 && upstream->conf->send_proxy != SEND_PROXY_V2 &&
		(version == NULL || upstream->conf->send_proxy == SEND_PROXY_V1 ||
			is_word(version, "off"))) {
		refuse(upstream, "send_proxy_tlvs",
			"is for headers of version 2; write send_proxy = \"v2\", or take it out");
	}
}

static void check_discovery(const struct upstream *upstream)
{
	const struct conf_discovery *discovery = &upstream->conf->discovery;
	bool asks = setting_member(upstream->group, "discover") != NULL;

	if (!asks && setting_member(upstream->group, "servers") == NULL) {
		refuse(upstream, "servers",
			"is missing; write servers = ( { ... }, ... ), or discover = "
			"\"dns:NAME:PORT\"");
	}
	if (!asks && setting_member(upstream->group, "discovery") != NULL) {
		refuse(upstream, "discovery",
			"is for servers that DNS finds, and nothing says where; write discover = "
			"\"dns:NAME:PORT\", or take it out");
	}
	if (discovery->ttl_min_ns > discovery->ttl_max_ns) {
		refuse(upstream, "discovery",
			"ttl_min is more than ttl_max; write at most that, or raise ttl_max");
	}
}

/* While a server is down, it is checked as often as while it is up, unless every_down is
 * written. */
static void fill_check(const struct conf_check *check)
{
	struct conf_check *own = (struct conf_check *)check; /* the model is still being made */

	if (own != NULL && own->every_down_ns == 0) {
		own->every_down_ns = own->every_ns;
	}
}

static void fill_checks(struct conf_upstream *conf)
{
	for (size_t k = 0; k < conf->n_servers; k++) {
		fill_check(conf->servers[k].check);
	}
	fill_check(conf->check);
}

void conf_check_upstream(struct conf_reader *reader, size_t u)
{
	struct upstream upstream = {
		.reader = reader,
		.conf = &reader->conf->upstreams[u],
		.group = reader->upstreams->elements[u],
	};

	if (upstream.group->type != SETTING_GROUP) {
		return; /* and that was reported */
	}
	upstream.servers = setting_member(upstream.group, "servers");
	(void)snprintf(upstream.shown, sizeof(upstream.shown), "upstreams[%zu]", u);
	check_names(&upstream);
	check_addresses(&upstream, u);
	check_usable(&upstream);
	check_rule(&upstream);
	check_header(&upstream);
	check_discovery(&upstream);
	name_servers(upstream.conf);
	fill_checks(upstream.conf);
}

void conf_check_resolver(struct conf_reader *reader)
{
	const struct setting *servers = setting_at(reader->root, "resolver.servers");

	if (reader->conf->resolver.n_servers > CONF_RESOLVERS_MAX) {
		conf_reader_error(reader, servers, "resolver.servers",
			"has %zu elements; write at most %d", reader->conf->resolver.n_servers,
			CONF_RESOLVERS_MAX);
	}
}

/* ---- warnings for valid settings that are probably not meant ---- */

/* Whether servers are used in rotation that older versions used in the order of the config: there
 * are several that are no backups, or several backups. */
static bool lost_its_order(const struct conf_upstream *conf)
{
	size_t n_backups = 0;

	for (size_t k = 0; k < conf->n_servers; k++) {
		n_backups += conf->servers[k].backup;
	}
	return n_backups > 1 || conf->n_servers - n_backups > 1;
}

/* Notes the upstream of a listener or a route. */
static void note_use(const struct conf *conf, const struct conf_upstream *upstream, bool *is_used)
{
	if (upstream != NULL) {
		is_used[upstream - conf->upstreams] = true;
	}
}

/* Notes all upstreams to which a listener or a route leads. */
static void note_uses(const struct conf *conf, bool *is_used)
{
	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		note_use(conf, listener->upstream, is_used);
		for (size_t k = 0; k < listener->n_routes; k++) {
			note_use(conf, listener->routes[k].upstream, is_used);
		}
	}
}

enum { UNUSED_TOLD_MAX = 10 };

/* Gives warnings for the first few unused upstreams: if there are many, they have a common
 * reason. */
static void warn_of_unused(struct conf_reader *reader)
{
	const struct conf *conf = reader->conf;
	bool *is_used = calloc(conf->n_upstreams, sizeof(*is_used));
	size_t n = 0;

	if (is_used == NULL) {
		reader->no_memory = true;
		return;
	}
	note_uses(conf, is_used);
	for (size_t i = 0; i < reader->n_written; i++) {
		char key[CONF_PATH_MAX];

		if (!is_used[i] && n++ < UNUSED_TOLD_MAX) {
			(void)snprintf(key, sizeof(key), "upstreams[%zu]", i);
			conf_reader_warning(reader, reader->upstreams->elements[i], key,
				"no listener and no route leads to it; write upstream = \"%s\" in "
				"one, or take it out",
				conf->upstreams[i].name);
		}
	}
	if (n > UNUSED_TOLD_MAX) {
		conf_reader_warning(reader, reader->upstreams, "upstreams",
			"to %zu more no listener and no route leads; take them out, or write "
			"listeners for them",
			n - UNUSED_TOLD_MAX);
	}
	free(is_used);
}

void conf_check_unwritten(struct conf_reader *reader)
{
	warn_of_unused(reader);
	for (size_t i = 0; i < reader->n_written; i++) {
		const struct setting *group = reader->upstreams->elements[i];
		char key[CONF_PATH_MAX];

		if (setting_member(group, "balance") == NULL &&
			lost_its_order(&reader->conf->upstreams[i])) {
			(void)snprintf(key, sizeof(key), "upstreams[%zu].balance", i);
			conf_reader_warning(reader, setting_member(group, "servers"), key,
				"is not written, and servers take turns now; write balance = "
				"\"first\" for the former order, or \"round_robin\"");
		}
	}
}
