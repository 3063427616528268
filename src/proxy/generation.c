/* SPDX-License-Identifier: ISC */
#include "proxy/generation.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/limits.h"
#include "proxy/offer.h"
#include "proxy/own.h"
#include "proxy/places.h"
#include "proxy/shared.h"
#include "upstream/finders.h"
#include "upstream/group.h"

/* ---- names ---- */

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct conf *conf = arg;

	return strcmp(
		conf->listeners[*(const size_t *)a].name, conf->listeners[*(const size_t *)b].name);
}

size_t generation_find(const struct generation *generation, const char *name)
{
	const struct conf *conf = generation->conf;
	size_t low = 0;
	size_t high = conf->n_listeners;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		size_t index = generation->by_name[middle];
		int order = strcmp(name, conf->listeners[index].name);

		if (order == 0) {
			return index;
		}
		if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return SIZE_MAX;
}

/* ---- life ---- */

static void drop_plan(struct group_plan *plan)
{
	if (plan != NULL) {
		struct group *group = plan->group;

		group_plan_unref(plan);
		group_unref(group);
	}
}

/** Frees it, also if it is only partly made. */
static void generation_free(struct generation *generation)
{
	for (size_t i = 0; i < generation->conf->n_listeners && generation->offers != NULL; i++) {
		offer_unref(generation->offers[i]);
	}
	free(generation->offers);
	for (size_t i = 0; i < generation->conf->n_upstreams && generation->plans != NULL; i++) {
		drop_plan(generation->plans[i]);
	}
	free(generation->plans);
	free(generation->by_name);
	own_free(generation->own);
	conf_unref(generation->conf);
	free(generation);
}

/** Makes the plan of an upstream. In a new group it is in force at once, because sessions from new
 * sockets may begin before the generation is in force. */
static struct group_plan *make_plan(
	const struct conf_upstream *upstream, struct proxy_shared *shared)
{
	struct group *group = group_get(&shared->groups, upstream->name);
	struct group_plan *plan =
		group == NULL ? NULL : group_plan_new(&shared->groups.servers, group, upstream);

	if (plan != NULL && group->plan == NULL && group_install(group, plan) < 0) {
		plan = group_plan_unref(plan);
	}
	if (plan == NULL) {
		group_unref(group);
	}
	return plan;
}

/** Makes the plans of all upstreams, also of those to which no listener leads: what is known of
 * their servers is kept, and they are still checked and found. False: no memory. */
static bool generation_make_plans(struct generation *generation, struct proxy_shared *shared)
{
	const struct conf *conf = generation->conf;
	bool made = true;

	for (size_t i = 0; i < conf->n_upstreams && made; i++) {
		generation->plans[i] = make_plan(&conf->upstreams[i], shared);
		made = generation->plans[i] != NULL;
	}
	return made;
}

static struct group_plan *generation_plan(
	const struct generation *generation, const struct conf_upstream *upstream)
{
	return generation->plans[upstream - generation->conf->upstreams];
}

/** The upstreams of a listener, each once, its own first. */
struct upstreams {
	/** `n` plans; the first is NULL if the listener has no upstream of its own. */
	struct group_plan **plans;
	size_t n;
	size_t *route_plans; /**< for each route: its index in `plans` */
	size_t *places; /**< for each upstream of the config: its index in `plans`; 0: none yet */
};

/** The index of the upstream of a route. */
static size_t add_upstream(struct upstreams *upstreams, const struct generation *generation,
	const struct conf_upstream *upstream)
{
	size_t *place = &upstreams->places[upstream - generation->conf->upstreams];

	if (*place == 0) {
		*place = upstreams->n;
		upstreams->plans[upstreams->n++] = generation_plan(generation, upstream);
	}
	return *place;
}

/** False: no memory. */
static bool find_upstreams(struct upstreams *upstreams, const struct generation *generation,
	const struct conf_listener *listener)
{
	upstreams->plans = calloc(1 + listener->n_routes, sizeof(*upstreams->plans));
	upstreams->route_plans = calloc(1 + listener->n_routes, sizeof(*upstreams->route_plans));
	upstreams->places = calloc(generation->conf->n_upstreams, sizeof(*upstreams->places));
	if (upstreams->plans == NULL || upstreams->route_plans == NULL ||
		upstreams->places == NULL) {
		return false;
	}
	upstreams->n = 1;
	if (listener->upstream != NULL) {
		upstreams->plans[0] = generation_plan(generation, listener->upstream);
	}
	for (size_t i = 0; i < listener->n_routes; i++) {
		const struct conf_upstream *upstream = listener->routes[i].upstream;

		if (upstream != listener->upstream) { /* else it is the first */
			upstreams->route_plans[i] = add_upstream(upstreams, generation, upstream);
		}
	}
	return true;
}

static struct offer *make_offer(const struct generation *generation,
	const struct conf_listener *listener, struct peer_lists *lists, struct proxy_shared *shared)
{
	struct upstreams upstreams = {0};
	struct offer *offer = NULL;

	if (find_upstreams(&upstreams, generation, listener)) {
		struct offer_opts opts = {
			.listener = listener,
			.plans = upstreams.plans,
			.n_plans = upstreams.n,
			.route_plans = upstreams.route_plans,
			.high_water_mark = generation->conf->high_water_mark,
			.tells_tcp = generation->conf->log_tcp_info,
			.lists = lists,
			.shared = shared,
		};

		offer = offer_new(&opts);
	}
	free(upstreams.plans);
	free(upstreams.route_plans);
	free(upstreams.places);
	return offer;
}

static bool generation_make_offers(struct generation *generation, struct proxy_shared *shared)
{
	const struct conf *conf = generation->conf;
	struct peer_lists lists = {.first = NULL};
	bool made = true;

	for (size_t i = 0; i < conf->n_listeners && made; i++) {
		generation->offers[i] = make_offer(generation, &conf->listeners[i], &lists, shared);
		made = generation->offers[i] != NULL;
	}
	peer_lists_fini(&lists);
	return made;
}

struct generation *generation_new(const struct conf *conf, struct proxy_shared *shared)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation == NULL) {
		return NULL;
	}
	generation->conf = conf_ref(conf);
	generation->offers = calloc(conf->n_listeners, sizeof(struct offer *));
	generation->plans = calloc(conf->n_upstreams, sizeof(struct group_plan *));
	generation->by_name = calloc(conf->n_listeners, sizeof(*generation->by_name));
	if (generation->offers == NULL || generation->plans == NULL ||
		generation->by_name == NULL || !generation_make_plans(generation, shared) ||
		!generation_make_offers(generation, shared)) {
		generation_free(generation);
		return NULL;
	}
	for (size_t i = 0; i < conf->n_listeners; i++) {
		generation->by_name[i] = i;
	}
	qsort_r(generation->by_name, conf->n_listeners, sizeof(*generation->by_name), compare_names,
		(void *)conf);
	refs_init(&generation->refs);
	return generation;
}

struct generation *generation_ref(struct generation *generation)
{
	refs_ref(&generation->refs);
	return generation;
}

struct generation *generation_unref(struct generation *generation)
{
	if (generation != NULL && refs_unref(&generation->refs)) {
		generation_free(generation);
	}
	return NULL;
}

void generation_enforce(
	const struct generation *generation, struct places *places, uint32_t max_pairs)
{
	bool woken = limit_set(&places->pairs, max_pairs);

	for (size_t i = 0; i < generation->conf->n_listeners; i++) {
		woken |= limit_set(
			generation->offers[i]->limit, generation->conf->listeners[i].max_pairs);
	}
	for (size_t i = 0; i < generation->conf->n_upstreams; i++) {
		struct group_plan *plan = generation->plans[i];

		/* With `discover`, generation_discover() puts it in force, with the servers that
		 * were found. */
		if (plan->group->plan != plan &&
			generation->conf->upstreams[i].discovery.kind == DISCOVER_NONE) {
			(void)group_install(
				plan->group, plan); /* if there is no memory, it is done later */
		}
	}
	if (woken) {
		places_wake(places);
	}
}

void generation_keep_numbers(const struct generation *generation, struct limits *limits)
{
	limits_begin(limits);
	for (size_t i = 0; i < generation->conf->n_listeners; i++) {
		limits_keep(limits, generation->offers[i]->limit);
	}
}

void generation_discover(const struct generation *generation, struct finders *finders)
{
	const struct conf *conf = generation->conf;

	finders_begin(finders, conf);
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		if (conf->upstreams[i].discovery.kind != DISCOVER_NONE) {
			finders_follow(finders, generation->plans[i], &conf->upstreams[i]);
		}
	}
	finders_end(finders);
}
