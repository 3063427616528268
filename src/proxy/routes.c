/* SPDX-License-Identifier: ISC */
/*
 * There are three views of one list, sorted by the numbers of the routes:
 *
 *	steps	routes that need no hello, and between them the points at which a hello is needed.
 *		Successive routes that need one are a single step, for clients that are in `from`
 *		of any of them
 *	names	exact names, and suffixes ("*."), each with a chain of its routes
 *	unnamed	routes with only `alpn`
 *
 * Before the hello is known the steps decide. After that each view finds its first route that
 * fits, and of these the one with the lowest number is taken.
 */
#include "proxy/routes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "base/text.h"
#include "conf/conf.h"
#include "proto/client_hello.h"
#include "proxy/access.h"

struct route {
	struct peer_list *from; /* a reference; NULL: all clients */
	struct span *alpn;      /* n_alpn of them; 0: any protocol */
	size_t n_alpn;
};

/** A name of a route, in lower case. */
struct named {
	struct named *next; /* the next one with that name, of a later route */
	struct named *last; /* set in the first of a chain */
	struct span name;   /* without "*." */
	size_t route;
};

struct step {
	struct peer_list *from; /* a reference; NULL: all clients */
	size_t route;           /* the route; NO_ROUTE: the hello is needed */
};

#define NO_ROUTE SIZE_MAX

struct routes {
	struct route *all;
	size_t n;
	struct step *steps;
	size_t n_steps;
	size_t *unnamed;
	size_t n_unnamed;
	struct named *names; /* all */
	size_t n_names;
	struct table exact; /* the first of each chain */
	struct table below;
	struct span *protocols; /* of all */
	uint8_t *text;          /* bytes of names and protocols */
};

/* ---- names ---- */

/** Continues the hash of a name with the byte before. Names are hashed from the end to the front,
 * so that the hash of each suffix is met on the way. */
static uint64_t hash_front(uint64_t hash, const uint8_t *byte)
{
	return hash_bytes(hash, byte, 1);
}

static uint64_t hash_name(struct span name)
{
	uint64_t hash = HASH_BEGIN;

	for (size_t i = name.n; i > 0; i--) {
		hash = hash_front(hash, &name.bytes[i - 1]);
	}
	return hash;
}

static bool has_name(const void *item, const void *key)
{
	const struct named *named = item;
	const struct span *name = key;

	return named->name.n == name->n && memcmp(named->name.bytes, name->bytes, name->n) == 0;
}

/* ---- conditions ---- */

static bool is_from(const struct peer_list *from, const union session_peer *client)
{
	return from == NULL || peer_list_has(from, client);
}

static bool offers(struct span alpn, struct span protocol)
{
	struct span offered;

	while (client_hello_next_protocol(&alpn, &offered)) {
		if (offered.n == protocol.n &&
			memcmp(offered.bytes, protocol.bytes, protocol.n) == 0) {
			return true;
		}
	}
	return false;
}

/** Whether a route fits, apart from its name. */
static bool fits(const struct route *route, const struct route_facts *facts)
{
	if (!is_from(route->from, facts->client)) {
		return false;
	}
	for (size_t i = 0; i < route->n_alpn; i++) {
		if (offers(facts->alpn, route->alpn[i])) {
			return true;
		}
	}
	return route->n_alpn == 0;
}

/* ---- finding ---- */

/** Finds the route before the hello is known. */
static enum route_answer find_by_steps(
	const struct routes *routes, const struct route_facts *facts, size_t *ret_route)
{
	for (size_t i = 0; i < routes->n_steps; i++) {
		const struct step *step = &routes->steps[i];
		bool needs_look = step->route == NO_ROUTE;

		if ((needs_look && facts->seen == ROUTE_SEEN_PLAIN) ||
			!is_from(step->from, facts->client)) {
			continue;
		}
		if (needs_look) {
			return facts->seen == ROUTE_SEEN_NOTHING ? ROUTE_NEEDS_FIRST_BYTE
								 : ROUTE_NEEDS_HELLO;
		}
		*ret_route = step->route;
		return ROUTE_TAKEN;
	}
	return ROUTE_NONE;
}

/** The first route with this name that fits, if it is before `best`; else `best`. */
static size_t find_named(const struct routes *routes, const struct table *table, uint64_t hash,
	struct span name, const struct route_facts *facts, size_t best)
{
	const struct named *named = table_find(table, hash, has_name, &name);

	for (; named != NULL && named->route < best; named = named->next) {
		if (fits(&routes->all[named->route], facts)) {
			return named->route;
		}
	}
	return best;
}

static size_t find_by_name(const struct routes *routes, const struct route_facts *facts)
{
	uint8_t name[CLIENT_HELLO_NAME_MAX];
	size_t n = facts->name.n;
	size_t best = NO_ROUTE;
	uint64_t hash = HASH_BEGIN;

	assert(n <= sizeof(name));
	if (n == 0) {
		return best;
	}
	for (size_t i = n; i > 0; i--) {
		name[i - 1] = text_lower(facts->name.bytes[i - 1]);
		/* A dot without a label before it is not a subdomain. */
		if (name[i - 1] == '.' && i > 1) {
			best = find_named(routes, &routes->below, hash,
				(struct span){name + i, n - i}, facts, best);
		}
		hash = hash_front(hash, &name[i - 1]);
	}
	return find_named(routes, &routes->exact, hash, (struct span){name, n}, facts, best);
}

static size_t find_unnamed(
	const struct routes *routes, const struct route_facts *facts, size_t best)
{
	for (size_t i = 0; i < routes->n_unnamed && routes->unnamed[i] < best; i++) {
		if (fits(&routes->all[routes->unnamed[i]], facts)) {
			return routes->unnamed[i];
		}
	}
	return best;
}

/** The first fitting route that needs no hello. */
static size_t find_open(const struct routes *routes, const struct route_facts *facts, size_t best)
{
	for (size_t i = 0; i < routes->n_steps; i++) {
		const struct step *step = &routes->steps[i];

		if (step->route != NO_ROUTE && step->route < best &&
			is_from(step->from, facts->client)) {
			return step->route;
		}
	}
	return best;
}

enum route_answer routes_find(
	const struct routes *routes, const struct route_facts *facts, size_t *ret_route)
{
	size_t best;

	if (facts->seen != ROUTE_SEEN_HELLO) {
		return find_by_steps(routes, facts, ret_route);
	}
	best = find_by_name(routes, facts);
	best = find_unnamed(routes, facts, best);
	best = find_open(routes, facts, best);
	if (best == NO_ROUTE) {
		return ROUTE_NONE;
	}
	*ret_route = best;
	return ROUTE_TAKEN;
}

/* ---- making: addresses and steps ---- */

static bool make_froms(
	struct routes *routes, const struct conf_route *conf, struct peer_lists *lists)
{
	for (size_t i = 0; i < routes->n; i++) {
		if (conf[i].from != NULL) {
			routes->all[i].from = peer_lists_get(lists, conf[i].from);
			if (routes->all[i].from == NULL) {
				return false;
			}
		}
	}
	return true;
}

static bool needs_hello(const struct conf_route *conf)
{
	return conf->n_sni > 0 || conf->n_alpn > 0;
}

/** A list of all peers that are in `from` of any of these routes, each of which has one. NULL: no
 * memory. */
static struct peer_list *unite(const struct conf_route *conf, size_t n)
{
	struct conf_prefixes all = {0};
	struct peer_lists lists = {0};
	struct peer_list *list;

	for (size_t i = 0; i < n; i++) {
		all.n += conf[i].from->n;
	}
	all.prefixes = calloc(all.n + 1, sizeof(*all.prefixes));
	if (all.prefixes == NULL) {
		return NULL;
	}
	all.n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct conf_prefixes *one = conf[i].from;

		all.any |= one->any;
		all.unix_peers |= one->unix_peers;
		if (one->n > 0 && (i == 0 || one != conf[i - 1].from)) {
			memcpy(all.prefixes + all.n, one->prefixes, one->n * sizeof(struct prefix));
			all.n += one->n;
		}
	}
	list = peer_lists_get(&lists, &all);
	peer_lists_fini(&lists);
	free(all.prefixes);
	return list;
}

/** Adds the step for `n` successive routes that need the hello. */
static bool add_look(struct routes *routes, const struct conf_route *conf, size_t n)
{
	struct step *step = &routes->steps[routes->n_steps++];

	step->route = NO_ROUTE;
	for (size_t i = 0; i < n; i++) {
		if (conf[i].from == NULL) {
			return true;
		}
	}
	step->from = unite(conf, n);
	return step->from != NULL;
}

static bool make_steps(struct routes *routes, const struct conf_route *conf)
{
	for (size_t i = 0; i < routes->n;) {
		size_t n = 0;

		while (i + n < routes->n && needs_hello(&conf[i + n])) {
			n++;
		}
		if (n > 0 && !add_look(routes, conf + i, n)) {
			return false;
		}
		i += n;
		if (i < routes->n) {
			struct peer_list *from = routes->all[i].from;

			routes->steps[routes->n_steps++] = (struct step){
				.from = from == NULL ? NULL : peer_list_ref(from), .route = i};
			i++;
		}
	}
	return true;
}

/* ---- making: names and protocols ---- */

/** Copies a string of the config. */
static struct span copy(uint8_t **text, const char *string)
{
	struct span span = {*text, strlen(string)};

	memcpy(*text, string, span.n);
	*text += span.n;
	return span;
}

/** Adds a name after those of earlier routes with the same name. 0 or -ENOMEM. */
static int add_name(struct table *table, struct named *named)
{
	uint64_t hash = hash_name(named->name);
	const struct named *found = table_find(table, hash, has_name, &named->name);

	named->last = named;
	if (found == NULL) {
		return table_add(table, hash, named);
	}
	found->last->next = named;
	((struct named *)found)->last = named;
	return 0;
}

static bool make_names(
	struct routes *routes, const struct conf_route *conf, size_t route, uint8_t **text)
{
	for (size_t i = 0; i < conf->n_sni; i++) {
		bool is_below = strncmp(conf->sni[i], "*.", 2) == 0;
		struct named *named = &routes->names[routes->n_names++];

		named->route = route;
		named->name = copy(text, conf->sni[i] + (is_below ? 2 : 0));
		if (add_name(is_below ? &routes->below : &routes->exact, named) < 0) {
			return false;
		}
	}
	return true;
}

static size_t make_protocols(struct routes *routes, const struct conf_route *conf,
	struct route *route, size_t n_before, uint8_t **text)
{
	route->alpn = routes->protocols + n_before;
	route->n_alpn = conf->n_alpn;
	for (size_t i = 0; i < conf->n_alpn; i++) {
		route->alpn[i] = copy(text, conf->alpn[i]);
	}
	return n_before + conf->n_alpn;
}

static bool make_texts(struct routes *routes, const struct conf_route *conf)
{
	uint8_t *text = routes->text;
	size_t n_protocols = 0;

	for (size_t i = 0; i < routes->n; i++) {
		n_protocols = make_protocols(routes, &conf[i], &routes->all[i], n_protocols, &text);
		if (!make_names(routes, &conf[i], i, &text)) {
			return false;
		}
		if (conf[i].n_sni == 0 && conf[i].n_alpn > 0) {
			routes->unnamed[routes->n_unnamed++] = i;
		}
	}
	return true;
}

/* ---- life ---- */

/** Allocates empty arrays for everything that is in the config. */
static bool make_room(struct routes *routes, const struct conf_route *conf, size_t n)
{
	size_t n_names = 0;
	size_t n_protocols = 0;
	size_t n_text = 0;

	for (size_t i = 0; i < n; i++) {
		n_names += conf[i].n_sni;
		n_protocols += conf[i].n_alpn;
		for (size_t k = 0; k < conf[i].n_sni; k++) {
			n_text += strlen(conf[i].sni[k]);
		}
		for (size_t k = 0; k < conf[i].n_alpn; k++) {
			n_text += strlen(conf[i].alpn[k]);
		}
	}
	routes->n = n;
	routes->all = calloc(n, sizeof(*routes->all));
	routes->steps = calloc(n, sizeof(*routes->steps));
	routes->unnamed = calloc(n, sizeof(*routes->unnamed));
	routes->names = calloc(n_names + 1, sizeof(*routes->names));
	routes->protocols = calloc(n_protocols + 1, sizeof(*routes->protocols));
	routes->text = malloc(n_text + 1);
	return routes->all != NULL && routes->steps != NULL && routes->unnamed != NULL &&
	       routes->names != NULL && routes->protocols != NULL && routes->text != NULL;
}

struct routes *routes_new(const struct conf_route *conf, size_t n, struct peer_lists *lists)
{
	struct routes *routes = calloc(1, sizeof(*routes));

	if (routes != NULL && (!make_room(routes, conf, n) || !make_froms(routes, conf, lists) ||
				      !make_steps(routes, conf) || !make_texts(routes, conf))) {
		routes = routes_free(routes);
	}
	return routes;
}

struct routes *routes_free(struct routes *routes)
{
	if (routes == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < routes->n && routes->all != NULL; i++) {
		peer_list_unref(routes->all[i].from);
	}
	for (size_t i = 0; i < routes->n_steps; i++) {
		peer_list_unref(routes->steps[i].from);
	}
	table_fini(&routes->exact);
	table_fini(&routes->below);
	free(routes->all);
	free(routes->steps);
	free(routes->unnamed);
	free(routes->names);
	free(routes->protocols);
	free(routes->text);
	free(routes);
	return NULL;
}
