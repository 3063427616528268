/* SPDX-License-Identifier: ISC */
/*
 * Finds routes that no client can reach because earlier routes take all of their clients.
 *
 * A route takes a client that has one of its names, one of its protocols and one of its addresses.
 * So a route is out of reach if for each pair of one of its names and one of its protocols the
 * earlier routes that take such clients together contain all its addresses. That is exact, because
 * there are clients with names that are not in the config, with only one protocol, and with each
 * address.
 *
 * Each pair of each route is a spot, in a table by its key. A name can be taken by itself, by "*."
 * with each of its suffixes, and by a route without names, so a few lookups are enough, however
 * many names there are.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/cover.h"
#include "conf/errors.h"
#include "conf/prefix_files.h"
#include "conf/report.h"
#include "conf/tree.h"

/* Limits, so that the check does not take too long: a listener with more spots is not checked, and
 * after this many steps no further route is found to be out of reach. */
enum { SPOTS_MAX = 1000 * 1000, STEPS_MAX = 100 * 1000 * 1000 };

/* The name and the protocol of one pair. */
struct key {
	const char *name; /* "": none; for "*.b.test" it is "b.test" */
	bool is_below;    /* it stands for all names below it ("*.") */
	const char *alpn; /* "": none */
};

struct spot {
	struct key key;
	size_t route;
	struct spot *next; /* the next one with the same key, in the sequence of routes */
	struct spot *last; /* in the first spot with this key: the last one with it */
};

/* The routes of a listener, up to the one that is checked. */
struct routes {
	struct conf_reader *reader;
	const struct conf_listener *listener;
	size_t i;                      /* index of the listener */
	const struct setting *setting; /* the list */
	struct cover **covers;         /* the addresses of each route; NULL: not needed until now */
	struct spot *spots;
	size_t n_spots;
	struct table table;          /* the first spots of each key */
	const struct cover **takers; /* the addresses of the routes that take the current pair */
	size_t *taker_routes;        /* the indices of these routes */
	size_t n_takers;
	size_t *seen; /* for each route: the number of the last pair that it took */
	size_t n_pairs;
	size_t by; /* the route that takes all pairs until now; or BY_SEVERAL */
	size_t budget;
};

#define BY_NONE    SIZE_MAX
#define BY_SEVERAL (SIZE_MAX - 1)

static uint64_t hash_of(const struct key *key)
{
	uint64_t hash = hash_bytes(HASH_BEGIN, key->name, strlen(key->name) + 1);

	hash = hash_bytes(hash, &key->is_below, sizeof(key->is_below));
	return hash_bytes(hash, key->alpn, strlen(key->alpn));
}

static bool has_key(const void *item, const void *key)
{
	const struct key *a = &((const struct spot *)item)->key;
	const struct key *b = key;

	return a->is_below == b->is_below && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->alpn, b->alpn) == 0;
}

static struct key key_of(const struct conf_route *route, size_t s, size_t a)
{
	const char *name = route->n_sni == 0 ? "" : route->sni[s];
	bool is_below = *name == '*';

	return (struct key){
		.name = name + (is_below ? 2 : 0),
		.is_below = is_below,
		.alpn = route->n_alpn == 0 ? "" : route->alpn[a],
	};
}

/* How many names or protocols a route has for pairs: none counts as one. */
static size_t count(size_t n)
{
	return n == 0 ? 1 : n;
}

/* ---- which routes take a pair ---- */

/* The addresses of a route; NULL: no memory. */
static const struct cover *cover_of(struct routes *routes, size_t r)
{
	if (routes->covers[r] == NULL) {
		routes->covers[r] = cover_new(routes->listener->routes[r].from);
		routes->reader->no_memory |= routes->covers[r] == NULL;
	}
	return routes->covers[r];
}

/* Adds the routes with exactly this key. */
static void add_takers(struct routes *routes, const struct key *key)
{
	const struct spot *spot = table_find(&routes->table, hash_of(key), has_key, key);

	for (; spot != NULL && routes->budget > 0; spot = spot->next) {
		const struct cover *cover = cover_of(routes, spot->route);

		routes->budget--;
		if (cover != NULL && routes->seen[spot->route] != routes->n_pairs) {
			routes->seen[spot->route] = routes->n_pairs;
			routes->taker_routes[routes->n_takers] = spot->route;
			routes->takers[routes->n_takers++] = cover;
		}
	}
}

/* Adds the routes that take this name, by itself or by a suffix. */
static void add_takers_of_name(struct routes *routes, struct key key)
{
	const char *dot;

	add_takers(routes, &key);
	if (*key.name == '\0') {
		return;
	}
	key.is_below = true;
	while ((dot = strchr(key.name, '.')) != NULL) {
		key.name = dot + 1;
		add_takers(routes, &key);
	}
	add_takers(routes, &(struct key){.name = "", .alpn = key.alpn});
}

/* Notes which route takes a pair alone, or that several are needed. */
static void note(struct routes *routes, size_t by)
{
	routes->by = routes->by == BY_NONE || routes->by == by ? by : BY_SEVERAL;
}

/* Whether earlier routes take all clients of this route that have this pair. */
static bool is_taken(struct routes *routes, size_t r, struct key key)
{
	const struct cover *cover;

	routes->n_takers = 0;
	routes->n_pairs++;
	add_takers_of_name(routes, key);
	if (*key.alpn != '\0') {
		key.alpn = "";
		add_takers_of_name(routes, key);
	}
	cover = routes->n_takers == 0 ? NULL : cover_of(routes, r);
	if (cover == NULL) {
		return false;
	}
	for (size_t k = 0; k < routes->n_takers; k++) {
		if (cover_all(&routes->takers[k], 1, cover, &routes->budget)) {
			note(routes, routes->taker_routes[k]);
			return true;
		}
	}
	note(routes, BY_SEVERAL);
	return cover_all(routes->takers, routes->n_takers, cover, &routes->budget);
}

/* ---- each route ---- */

/* Whether a route takes every client. */
static bool is_catch_all(const struct conf_route *route)
{
	return route->n_sni == 0 && route->n_alpn == 0 && (route->from == NULL || route->from->any);
}

static void refuse(const struct routes *routes, size_t r, const char *why)
{
	char shown[CONF_PATH_MAX];

	(void)snprintf(shown, sizeof(shown), "listeners[%zu].routes[%zu]", routes->i, r);
	conf_reader_error(routes->reader, routes->setting->elements[r], shown, "%s", why);
}

/* Whether other routes take all clients of a route that have one of its names. */
static bool is_name_taken(struct routes *routes, size_t r, size_t s)
{
	const struct conf_route *route = &routes->listener->routes[r];

	for (size_t a = 0; a < count(route->n_alpn); a++) {
		if (!is_taken(routes, r, key_of(route, s, a))) {
			return false;
		}
	}
	return true;
}

/* "routes[1] takes", or the same for several routes together. */
static const char *takers_text(const struct routes *routes, char text[64])
{
	if (routes->by == BY_SEVERAL) {
		return "the routes before it take";
	}
	(void)snprintf(text, 64, "routes[%zu] takes", routes->by);
	return text;
}

static void check_reach(struct routes *routes, size_t r)
{
	const struct conf_route *route = &routes->listener->routes[r];
	const struct cover *cover = route->from == NULL ? NULL : cover_of(routes, r);
	bool is_reached = false;
	char takers[64];
	char why[CONF_WHY_MAX];

	if (cover != NULL && cover_is_empty(cover)) {
		refuse(routes, r,
			"is never reached: nobody is in its from; write somebody, or take it out");
		return;
	}
	routes->by = BY_NONE;
	for (size_t s = 0; s < count(route->n_sni) && !is_reached; s++) {
		is_reached = !is_name_taken(routes, r, s);
	}
	if (!is_reached) {
		(void)snprintf(why, sizeof(why),
			"is never reached: %s all that it would take; write it before, or take it "
			"out",
			takers_text(routes, takers));
		refuse(routes, r, why);
	}
}

/* Gives warnings for names that no client can reach, in a route that other clients reach. */
static void check_names(struct routes *routes, size_t r)
{
	const struct conf_route *route = &routes->listener->routes[r];

	for (size_t s = 0; s < route->n_sni; s++) {
		const struct setting *names = setting_member(routes->setting->elements[r], "sni");
		char shown[CONF_PATH_MAX];
		char takers[64];

		routes->by = BY_NONE;
		if (!is_name_taken(routes, r, s)) {
			continue;
		}
		(void)snprintf(shown, sizeof(shown), "listeners[%zu].routes[%zu].sni[%zu]",
			routes->i, r, s);
		conf_reader_warning(routes->reader, names->elements[s], shown,
			"\"%s\" never comes so far: %s it; write this route before, or take the "
			"name out",
			route->sni[s], takers_text(routes, takers));
	}
}

/* From now on later routes are compared with this one. */
static void add_spots(struct routes *routes, size_t r)
{
	const struct conf_route *route = &routes->listener->routes[r];

	for (size_t s = 0; s < count(route->n_sni); s++) {
		for (size_t a = 0; a < count(route->n_alpn); a++) {
			struct spot *spot = &routes->spots[routes->n_spots++];
			struct spot *first;
			uint64_t hash;

			*spot = (struct spot){.key = key_of(route, s, a), .route = r};
			hash = hash_of(&spot->key);
			first = (struct spot *)table_find(
				&routes->table, hash, has_key, &spot->key);
			if (first == NULL) {
				spot->last = spot;
				routes->reader->no_memory |=
					table_add(&routes->table, hash, spot) < 0;
			} else if (first->last->route != r) {
				first->last->next = spot;
				first->last = spot;
			}
		}
	}
}

/* Whether all conditions of a route were valid: a missing one would look like no condition. */
static bool is_whole(const struct routes *routes, size_t r)
{
	const struct conf_route *route = &routes->listener->routes[r];
	char key[CONF_PATH_MAX];

	(void)snprintf(key, sizeof(key), "listeners[%zu].routes[%zu].", routes->i, r);
	return (route->from == NULL || !route->from->lacks_file) &&
	       !conf_errors_have(routes->reader->errors, key);
}

static void check_all(struct routes *routes, bool warns)
{
	const struct conf_listener *listener = routes->listener;

	for (size_t r = 0; r < listener->n_routes && !routes->reader->no_memory; r++) {
		if (!is_whole(routes, r)) {
			continue;
		}
		if (warns) {
			check_names(routes, r);
		} else {
			check_reach(routes, r);
		}
		if (is_catch_all(&listener->routes[r]) && r + 1 < listener->n_routes) {
			refuse(routes, r,
				"takes everybody, so the routes after it are never reached; write "
				"it "
				"last, or write a condition");
			return;
		}
		add_spots(routes, r);
	}
}

/* Sets it up. False: no memory. */
static bool routes_open(struct routes *routes, size_t n_routes, size_t n_spots)
{
	routes->covers = calloc(n_routes, sizeof(*routes->covers));
	routes->takers = calloc(n_routes, sizeof(*routes->takers));
	routes->taker_routes = calloc(n_routes, sizeof(*routes->taker_routes));
	routes->seen = calloc(n_routes, sizeof(*routes->seen));
	routes->spots = calloc(n_spots, sizeof(*routes->spots));
	return routes->covers != NULL && routes->takers != NULL && routes->taker_routes != NULL &&
	       routes->seen != NULL && routes->spots != NULL;
}

static void routes_close(struct routes *routes, size_t n_routes)
{
	for (size_t r = 0; r < n_routes && routes->covers != NULL; r++) {
		routes->covers[r] = cover_free(routes->covers[r]);
	}
	free(routes->covers);
	free(routes->takers);
	free(routes->taker_routes);
	free(routes->seen);
	free(routes->spots);
	table_fini(&routes->table);
}

void conf_check_routes(struct conf_reader *reader, size_t i, bool warns)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	struct routes routes = {
		.reader = reader,
		.listener = listener,
		.i = i,
		.setting = setting_member(reader->listeners->elements[i], "routes"),
		.budget = STEPS_MAX,
	};
	size_t n_spots = 0;

	for (size_t r = 0; r < listener->n_routes; r++) {
		n_spots += count(listener->routes[r].n_sni) * count(listener->routes[r].n_alpn);
	}
	/* A config from a tape was checked by the other process, and this takes time. */
	if (listener->n_routes == 0 || n_spots > SPOTS_MAX || reader->files->is_taken) {
		return;
	}
	if (routes_open(&routes, listener->n_routes, n_spots)) {
		check_all(&routes, warns);
	} else {
		reader->no_memory = true;
	}
	routes_close(&routes, listener->n_routes);
}
