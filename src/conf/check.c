/* SPDX-License-Identifier: ISC */
#include "conf/check.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/forward.h"
#include "conf/names.h"
#include "conf/report.h"
#include "conf/schema.h"
#include "conf/tree.h"

static const char *listener_name(const struct names *names, size_t i)
{
	return ((const struct conf_listener *)names->elements)[i].name;
}

static const char *upstream_name(const struct names *names, size_t i)
{
	return ((const struct conf_upstream *)names->elements)[i].name;
}

/* A member of element i of a list, as written; NULL: there is none. */
static const struct setting *find(const struct setting *list, size_t i, const char *member)
{
	return list == NULL ? NULL : setting_member(list->elements[i], member);
}

/* ---- addresses ---- */

enum { LISTED_TEXT_MAX = ADDR_TEXT_MAX + sizeof("-65535") };

/* One element of a listener's `listen`: an address, or a range of ports. */
struct listed {
	size_t listener;
	size_t index; /* index in the array; SIZE_MAX: there is no array */
	const struct setting *setting;
	const struct addr *first;
	size_t n;
	const struct listed *told; /* the last one whose collision with this one was reported */
};

/* An address of a listener. */
struct entry {
	const struct addr *addr;
	struct listed *listed;
};

/*
 * All addresses of listeners, in the sequence of the config. The table has each address, and for
 * each port the first address that each of the three kinds of wildcard includes.
 */
struct addresses {
	struct entry *all;
	size_t n;
	struct listed *listed; /* at most as many as addresses */
	size_t n_listed;
	struct table table;
};

static bool is_entry_of(const void *item, const void *addr)
{
	return addr_equal(((const struct entry *)item)->addr, addr);
}

static bool is_entry_within(const void *item, const void *wildcard)
{
	return addr_is_within(((const struct entry *)item)->addr, wildcard);
}

/* The first entry with this address; NULL: there is none. */
static const struct entry *find_entry(const struct addresses *addresses, const struct addr *addr)
{
	return table_find(&addresses->table, addr_hash(addr), is_entry_of, addr);
}

/* The first entry that a wildcard includes. */
static const struct entry *find_within(
	const struct addresses *addresses, const struct addr *wildcard)
{
	return table_find(&addresses->table, ~addr_hash(wildcard), is_entry_within, wildcard);
}

static const struct entry *earlier(const struct entry *a, const struct entry *b)
{
	return b == NULL || (a != NULL && a < b) ? a : b;
}

/* Adds an address. *ret_other is the first earlier one with which it collides, so that only one of
 * them can be bound; NULL: there is none. 0 or -ENOMEM. */
static int add_address(struct addresses *addresses, const struct addr *addr, struct listed *listed,
	const struct entry **ret_other)
{
	struct entry *entry = &addresses->all[addresses->n++];
	const struct entry *other = find_entry(addresses, addr);
	struct addr wildcards[ADDR_WILDCARDS];
	int r = 0;

	*entry = (struct entry){.addr = addr, .listed = listed};
	if (other == NULL) {
		r = table_add(&addresses->table, addr_hash(addr), entry);
	}
	addr_wildcards(addr->port, wildcards);
	for (size_t i = 0; i < ADDR_WILDCARDS && r == 0; i++) {
		const struct entry *first;

		if (!addr_is_within(addr, &wildcards[i])) {
			continue;
		}
		first = find_within(addresses, &wildcards[i]);
		if (addr_equal(addr, &wildcards[i])) {
			other = earlier(other, first);
		} else {
			other = earlier(other, find_entry(addresses, &wildcards[i]));
		}
		if (first == NULL) {
			r = table_add(&addresses->table, ~addr_hash(&wildcards[i]), entry);
		}
	}
	*ret_other = other;
	return r;
}

/* The element as written. */
static const char *listed_text(const struct listed *listed, char text[LISTED_TEXT_MAX])
{
	(void)addr_text(listed->first, text);
	if (listed->n > 1) {
		size_t len = strlen(text);

		(void)snprintf(text + len, LISTED_TEXT_MAX - len, "-%zu",
			listed->first->port + listed->n - 1);
	}
	return text;
}

/* Reports a collision with `other`. If two ranges collide in many addresses, that is reported
 * once. */
static void report_address(
	struct conf_reader *reader, const struct entry *entry, const struct entry *other)
{
	const struct listed *listed = entry->listed;
	size_t other_listener = other->listed->listener;
	char other_text[LISTED_TEXT_MAX];
	char text[LISTED_TEXT_MAX];
	char where[CONF_WHERE_MAX];
	char key[CONF_PATH_MAX];

	if (other->listed->told == listed) {
		return;
	}
	other->listed->told = listed;
	(void)snprintf(key, sizeof(key), "listeners[%zu].listen", listed->listener);
	if (listed->index != SIZE_MAX) {
		(void)snprintf(key, sizeof(key), "listeners[%zu].listen[%zu]", listed->listener,
			listed->index);
	}
	(void)listed_text(listed, text);
	(void)listed_text(other->listed, other_text);
	(void)conf_where(reader, listed->setting, other->listed->setting, where);
	if (listed->n > 1 || other->listed->n > 1) {
		conf_reader_error(reader, listed->setting, key,
			"\"%s\" has ports of \"%s\" of listeners[%zu].listen%s; take out one of "
			"them, or write other ports",
			text, other_text, other_listener, where);
	} else if (addr_equal(entry->addr, other->addr)) {
		conf_reader_error(reader, listed->setting, key,
			"\"%s\" is an address of listeners[%zu]%s already; take out one of them",
			text, other_listener, where);
	} else {
		conf_reader_error(reader, listed->setting, key,
			"\"%s\" %s \"%s\" of listeners[%zu].listen%s; take out one of them", text,
			addr_is_within(entry->addr, other->addr) ? "is within" : "takes in",
			other_text, other_listener, where);
	}
}

/* Adds the addresses of one element, and reports those that collide with earlier ones. */
static void check_listed(
	struct conf_reader *reader, struct addresses *addresses, struct listed *listed)
{
	for (size_t k = 0; k < listed->n && !reader->no_memory; k++) {
		const struct entry *other = NULL;

		if (!conf_is_set(&listed->first[k])) {
			continue;
		}
		if (add_address(addresses, &listed->first[k], listed, &other) < 0) {
			reader->no_memory = true;
		} else if (other != NULL) {
			report_address(reader, &addresses->all[addresses->n - 1], other);
		}
	}
}

static void check_listen(struct conf_reader *reader, struct addresses *addresses, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const struct setting *listen = find(reader->listeners, i, "listen");
	bool several = listen != NULL && setting_holds(listen);
	size_t k = 0;

	for (size_t e = 0; k < listener->n_addresses && !reader->no_memory; e++) {
		struct listed *listed = &addresses->listed[addresses->n_listed++];
		const struct setting *setting = several ? listen->elements[e] : listen;

		*listed = (struct listed){
			.listener = i,
			.index = several ? e : SIZE_MAX,
			.setting = setting,
			.first = &listener->addresses[k],
			.n = conf_listen_count(setting),
		};
		check_listed(reader, addresses, listed);
		k += listed->n;
	}
}

static void check_addresses(struct conf_reader *reader, struct addresses *addresses)
{
	const struct conf *conf = reader->conf;
	size_t n = 0;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		n += conf->listeners[i].n_addresses;
	}
	addresses->all = calloc(n + 1, sizeof(*addresses->all)); /* and one for the HTTP door */
	addresses->listed = calloc(n + 1, sizeof(*addresses->listed));
	reader->no_memory |= addresses->all == NULL || addresses->listed == NULL;
	for (size_t i = 0; i < conf->n_listeners && !reader->no_memory; i++) {
		check_listen(reader, addresses, i);
	}
}

/* The HTTP door is not a listener. It is added last, so that no other address is compared with
 * it. */
static void check_http_address(struct conf_reader *reader, struct addresses *addresses)
{
	const struct addr *addr = &reader->conf->http.listen;
	const struct entry *other = NULL;
	char text[ADDR_TEXT_MAX];

	if (!conf_is_set(addr) || reader->no_memory) {
		return;
	}
	if (add_address(addresses, addr, NULL, &other) < 0) {
		reader->no_memory = true;
	} else if (other != NULL) {
		conf_reader_error(reader, setting_at(reader->root, "http.listen"), "http.listen",
			"\"%s\" cannot be had beside an address of listeners[%zu]; write another "
			"port",
			addr_text(addr, text), other->listed->listener);
	}
}

static void addresses_fini(struct addresses *addresses)
{
	table_fini(&addresses->table);
	free(addresses->all);
	free(addresses->listed);
}

/* ---- circles ---- */

/* Whether clients of a listener may be connected to an upstream. */
static bool leads_to(const struct conf_listener *listener, const struct conf_upstream *upstream)
{
	bool leads = listener->upstream == upstream;

	for (size_t i = 0; i < listener->n_routes && !leads; i++) {
		leads = listener->routes[i].upstream == upstream;
	}
	return leads;
}

bool conf_is_loopback(const struct addr *addr)
{
	return addr->sa.any.sa_family == AF_INET
		       ? ntohl(addr->sa.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
		       : IN6_IS_ADDR_LOOPBACK(&addr->sa.in6.sin6_addr);
}

/* The listener that a connection to `server` would reach, if that listener leads to this upstream;
 * SIZE_MAX: there is none. Names are not looked up, so they never match. */
static size_t find_own(const struct conf *conf, const struct addresses *addresses,
	const struct conf_upstream *upstream, const struct addr *server)
{
	const struct entry *entries[1 + ADDR_WILDCARDS] = {find_entry(addresses, server)};
	struct addr wildcards[ADDR_WILDCARDS];

	addr_wildcards(server->port, wildcards);
	for (size_t i = 0; i < ADDR_WILDCARDS; i++) {
		if (addr_is_within(server, &wildcards[i]) && conf_is_loopback(server)) {
			entries[1 + i] = find_entry(addresses, &wildcards[i]);
		}
	}
	for (size_t i = 0; i < 1 + ADDR_WILDCARDS; i++) {
		if (entries[i] != NULL &&
			leads_to(&conf->listeners[entries[i]->listed->listener], upstream)) {
			return entries[i]->listed->listener;
		}
	}
	return SIZE_MAX;
}

/* Refuses a circle: each pair would create the next one until there are no more fds. */
static void check_loop(struct conf_reader *reader, size_t u, const struct addresses *addresses)
{
	const struct conf_upstream *upstream = &reader->conf->upstreams[u];

	for (size_t k = 0; k < upstream->n_servers; k++) {
		const struct conf_server *server = &upstream->servers[k];
		size_t i = conf_is_set(&server->addr)
				   ? find_own(reader->conf, addresses, upstream, &server->addr)
				   : SIZE_MAX;
		char key[CONF_PATH_MAX];

		if (i != SIZE_MAX) {
			const struct setting *setting = conf_server_address(reader, u, k, key);

			conf_reader_error(reader, setting, key,
				"\"%s\" is the address of listeners[%zu]; weir would connect to "
				"itself; write that of a server",
				server->text, i);
			if (u >= reader->n_written) {
				return; /* for a range it would be reported for each port */
			}
		}
	}
}

/* The setting at which the name of an upstream is reported: `name` of its group or, if a listener
 * has made the upstream, `server` of that listener. */
static const struct setting *upstream_place(
	const struct names *names, size_t i, char key[CONF_PATH_MAX])
{
	const struct conf_reader *reader = names->reader;

	if (i >= reader->n_written) {
		return conf_server_address(reader, i, 0, key);
	}
	(void)snprintf(key, CONF_PATH_MAX, "upstreams[%zu].name", i);
	return find(names->list, i, "name");
}

/* ---- the drain ---- */

/* A duration of the top level: its setting (NULL: not written) and its text. */
static const struct setting *find_duration(const struct conf_reader *reader, const char *group,
	const char *name, char shown[CONF_SHOWN_MAX])
{
	const struct setting *setting = setting_member(reader->root, group);

	setting = setting == NULL ? NULL : setting_member(setting, name);
	(void)conf_shown(
		setting == NULL ? conf_schema_find(group, name)->preset : setting_string(setting),
		shown);
	return setting;
}

/* Checks that grace and spread together fit in the budget. A spread that is not written is reduced
 * to half of the time that the grace leaves, if that is shorter, so that pairs have time to finish
 * by themselves. */
static void check_drain(struct conf_reader *reader)
{
	struct conf_drain *drain = &reader->conf->drain;
	uint64_t budget_ns = reader->conf->timeouts.drain_ns;
	uint64_t rest_ns;
	char budget_text[CONF_SHOWN_MAX];
	char grace_text[CONF_SHOWN_MAX];
	char spread_text[CONF_SHOWN_MAX];
	const struct setting *grace;
	const struct setting *spread;

	if (conf_errors_have(reader->errors, "drain") ||
		conf_errors_have(reader->errors, "timeouts.drain: ") ||
		conf_errors_have(reader->errors, "timeouts: ")) {
		return; /* one of these values may be wrong, which was reported */
	}
	(void)find_duration(reader, "timeouts", "drain", budget_text);
	grace = find_duration(reader, "drain", "grace", grace_text);
	spread = find_duration(reader, "drain", "spread", spread_text);
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

void conf_check_model(struct conf_reader *reader)
{
	struct conf *conf = reader->conf;
	struct names listeners = {
		.list = reader->listeners,
		.shown = "listeners",
		.name = listener_name,
		.elements = conf->listeners,
		.n = conf->n_listeners,
	};
	struct names upstreams = {
		.list = reader->upstreams,
		.shown = "upstreams",
		.name = upstream_name,
		.place = upstream_place,
		.reader = reader,
		.elements = conf->upstreams,
		.n = conf->n_upstreams,
	};
	struct addresses addresses = {0};

	conf_check_upstreams(reader);
	conf_note_refused(reader);
	names_check(reader, &listeners);
	names_check(reader, &upstreams);
	check_addresses(reader, &addresses);
	conf_check_socket(reader);
	for (size_t i = 0; i < conf->n_listeners && !reader->no_memory; i++) {
		conf_check_references(reader, i, &upstreams);
		conf_check_forward(reader, i);
		conf_check_edge(reader, i);
		conf_check_control(reader, i);
		conf_check_owner(reader, i);
		conf_check_listener_socket(reader, i);
	}
	for (size_t i = 0; i < conf->n_upstreams && !reader->no_memory; i++) {
		check_loop(reader, i, &addresses);
		if (i < reader->n_written) {
			conf_check_upstream(reader, i);
			conf_check_upstream_socket(reader, i);
		}
	}
	check_http_address(reader, &addresses);
	conf_check_http(reader);
	conf_check_resolver(reader);
	check_drain(reader);
	if (!reader->failed && !reader->no_memory) {
		conf_check_unwritten(reader);
		conf_check_http_unwritten(reader);
		conf_check_timeouts_unwritten(reader);
		for (size_t i = 0; i < conf->n_listeners; i++) {
			conf_check_edge_unwritten(reader, i);
			conf_check_owner_unwritten(reader, i);
		}
	}
	names_fini(&listeners);
	names_fini(&upstreams);
	addresses_fini(&addresses);
}
