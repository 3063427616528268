/* SPDX-License-Identifier: ISC */
#include "proxy/generation.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/offer.h"
#include "proxy/own.h"
#include "proxy/places.h"
#include "proxy/shared.h"
#include "upstream/set.h"

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

/** Also of one that is half made. */
static void generation_free(struct generation *generation)
{
	for (size_t i = 0; i < generation->conf->n_listeners && generation->offers != NULL; i++) {
		offer_unref(generation->offers[i]);
	}
	free(generation->offers);
	free(generation->by_name);
	own_free(generation->own);
	conf_unref(generation->conf);
	free(generation);
}

/** The offer of a listener; the set of its servers, unless another listener had it made, is made,
 * too. */
static struct offer *make_offer(const struct conf *conf, const struct conf_listener *listener,
	struct group_set **sets, struct proxy_shared *shared)
{
	struct group_set **set = &sets[listener->upstream - conf->upstreams];
	struct offer_opts opts = {
		.listener = listener,
		.high_water_mark = conf->high_water_mark,
		.shared = shared,
	};

	if (*set == NULL) {
		*set = group_set_new(&shared->groups, listener->upstream);
	}
	opts.servers = *set;
	return opts.servers == NULL ? NULL : offer_new(&opts);
}

static bool generation_make_offers(struct generation *generation, struct proxy_shared *shared)
{
	const struct conf *conf = generation->conf;
	struct group_set **sets = calloc(conf->n_upstreams, sizeof(struct group_set *));
	bool ok = sets != NULL;

	for (size_t i = 0; i < conf->n_listeners && ok; i++) {
		generation->offers[i] = make_offer(conf, &conf->listeners[i], sets, shared);
		ok = generation->offers[i] != NULL;
	}
	for (size_t i = 0; i < conf->n_upstreams && sets != NULL; i++) {
		group_set_unref(sets[i]); /* the offers have references */
	}
	free(sets);
	return ok;
}

struct generation *generation_new(const struct conf *conf, struct proxy_shared *shared)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation == NULL) {
		return NULL;
	}
	generation->conf = conf_ref(conf);
	generation->offers = calloc(conf->n_listeners, sizeof(struct offer *));
	generation->by_name = calloc(conf->n_listeners, sizeof(*generation->by_name));
	if (generation->offers == NULL || generation->by_name == NULL ||
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
	if (woken) {
		places_wake(places);
	}
}
