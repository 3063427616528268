/* SPDX-License-Identifier: ISC */
#include "proxy/offer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "proxy/limits.h"
#include "proxy/part.h"
#include "proxy/shared.h"
#include "stream/loop.h"
#include "upstream/group.h"

/** Frees it, also if it is only partly made. */
static void offer_free(struct offer *offer)
{
	for (size_t i = 0; i < offer->n_terms; i++) {
		access_fini(&offer->terms[i].access);
	}
	access_fini(&offer->access);
	peer_list_unref(offer->accept_proxy);
	limits_put(offer->limit);
	routes_free(offer->routes);
	free(offer->route_targets);
	for (size_t i = 0; i < offer->n_targets; i++) {
		group_plan_unref(offer->targets[i].plan);
		group_unref(offer->targets[i].group);
	}
	free(offer);
}

/** Allocates an offer, with the targets and the name after the terms. */
static struct offer *offer_alloc(const char *name, size_t n_terms, size_t n_targets)
{
	size_t name_size = strlen(name) + 1;
	size_t terms_end = sizeof(struct offer) + n_terms * sizeof(struct terms);
	size_t targets_end = terms_end + n_targets * sizeof(struct target);
	size_t size = (targets_end + name_size + TERMS_ALIGN - 1) / TERMS_ALIGN * TERMS_ALIGN;
	struct offer *offer = aligned_alloc(TERMS_ALIGN, size);

	if (offer != NULL) {
		memset(offer, 0, size);
		offer->targets = (struct target *)((char *)offer + terms_end);
		offer->name = memcpy((char *)offer + targets_end, name, name_size);
	}
	return offer;
}

/** The targets have the indices of the plans, so the first one is empty if the listener has no
 * upstream. */
static void offer_set_targets(struct offer *offer, const struct offer_opts *opts)
{
	for (size_t i = 0; i < opts->n_plans; i++) {
		if (opts->plans[i] != NULL) {
			offer->targets[i].group = group_ref(opts->plans[i]->group);
			offer->targets[i].plan = group_plan_ref(opts->plans[i]);
		}
	}
	offer->n_targets = opts->n_plans;
	offer->fallback = opts->plans[0] == NULL ? NULL : &offer->targets[0];
}

static bool offer_set_routes(struct offer *offer, const struct offer_opts *opts)
{
	const struct conf_listener *listener = opts->listener;
	size_t size = listener->n_routes * sizeof(*offer->route_targets);

	if (listener->n_routes == 0) {
		return true;
	}
	offer->routes = routes_new(listener->routes, listener->n_routes, opts->lists);
	offer->route_targets = malloc(size);
	if (offer->routes == NULL || offer->route_targets == NULL) {
		return false;
	}
	memcpy(offer->route_targets, opts->route_plans, size);
	return true;
}

/** Compiles a list of the config. False: no memory. */
static bool offer_list(const struct offer_opts *opts, const struct conf_prefixes *conf,
	struct peer_list **ret_list)
{
	if (conf != NULL) {
		*ret_list = peer_lists_get(opts->lists, conf);
	}
	return conf == NULL || *ret_list != NULL;
}

static bool offer_set_lists(struct offer *offer, const struct offer_opts *opts)
{
	const struct conf_listener *listener = opts->listener;

	return offer_list(opts, listener->allow, &offer->access.allow) &&
	       offer_list(opts, listener->deny, &offer->access.deny) &&
	       offer_list(opts, listener->accept_proxy, &offer->accept_proxy);
}

/** Sets the limits of sources. False: no memory. */
static bool offer_set_sources(struct offer *offer, const struct conf_listener *listener)
{
	uint64_t rate = listener->rate.accept_per_source;

	offer->source_rules = (struct source_rules){
		.max_pairs = listener->max_pairs_per_source,
		.per_s = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX,
		.v4_bits = (uint8_t)listener->source_prefix.v4,
		.v6_bits = (uint8_t)listener->source_prefix.v6,
	};
	if (!source_rules_any(&offer->source_rules)) {
		return true;
	}
	offer->sources = limits_sources(offer->limit);
	offer->has_edge = true;
	return offer->sources != NULL;
}

static bool hashes_name(const struct target *target)
{
	return target->plan->balance == BALANCE_HASH && target->plan->hash_on == HASH_ON_SNI;
}

struct offer *offer_new(const struct offer_opts *opts)
{
	const struct conf_listener *listener = opts->listener;
	struct proxy_shared *shared = opts->shared;
	struct offer *offer = offer_alloc(listener->name, shared->n_workers, opts->n_plans);

	if (offer == NULL) {
		return NULL;
	}
	offer->limit = limits_get(&shared->limits, listener->name, listener->max_pairs);
	offer_set_targets(offer, opts);
	if (offer->limit == NULL || !offer_set_routes(offer, opts) ||
		!offer_set_lists(offer, opts) || !offer_set_sources(offer, listener)) {
		offer_free(offer);
		return NULL;
	}
	offer->socket = listener->socket;
	offer->high_water_mark = opts->high_water_mark;
	offer->tells_tcp = opts->tells_tcp;
	offer->accepts_a_second = listener->rate.accept;
	offer->bytes_a_second[SIDE_CLIENT] = listener->rate.up;
	offer->bytes_a_second[SIDE_UPSTREAM] = listener->rate.down;
	offer->has_choice =
		offer->routes != NULL || (offer->fallback != NULL && hashes_name(offer->fallback));
	offer->tells_port = listener->has_range;
	offer->has_edge |= opts->tells_tcp || offer->tells_port || offer_has_rates(offer) ||
			   offer->accept_proxy != NULL || offer->has_choice;
	offer->n_terms = shared->n_workers;
	for (size_t i = 0; i < offer->n_terms; i++) {
		struct terms *terms = &offer->terms[i];

		list_init(&terms->link);
		terms->offer = offer;
		terms->part = shared->parts[i];
		terms->rules.timeouts = listener->timeouts;
		terms->rules.idle_resets = listener->idle_resets;
		terms->rules.tally = limits_tally(offer->limit, i);
		access_set(&terms->access, &offer->access);
	}
	refs_init(&offer->refs);
	return offer;
}

enum route_answer offer_find(const struct offer *offer, const struct route_facts *facts,
	const struct target **ret_target)
{
	const struct target *target = offer->fallback;
	enum route_answer answer = ROUTE_NONE;
	size_t route;

	if (offer->routes != NULL) {
		answer = routes_find(offer->routes, facts, &route);
	}
	if (answer == ROUTE_TAKEN) {
		target = &offer->targets[offer->route_targets[route]];
	} else if (answer != ROUTE_NONE || target == NULL) {
		return answer;
	}
	if (facts->seen == ROUTE_SEEN_NOTHING && hashes_name(target)) {
		return ROUTE_NEEDS_FIRST_BYTE;
	}
	if (facts->seen == ROUTE_SEEN_TLS && hashes_name(target)) {
		return ROUTE_NEEDS_HELLO;
	}
	*ret_target = target;
	return ROUTE_TAKEN;
}

struct offer *offer_ref(struct offer *offer)
{
	refs_ref(&offer->refs);
	return offer;
}

struct offer *offer_unref(struct offer *offer)
{
	if (offer != NULL && refs_unref(&offer->refs)) {
		offer_free(offer);
	}
	return NULL;
}

void terms_enter(struct terms *terms)
{
	assert(loop_is_current(terms->part->loop));
	if (terms->n_users++ == 0) {
		offer_ref(terms->offer);
		list_append(&terms->part->terms, &terms->link);
	}
}

void terms_leave(struct terms *terms)
{
	assert(loop_is_current(terms->part->loop) && terms->n_users > 0);
	if (--terms->n_users == 0) {
		list_remove(&terms->link);
		offer_unref(terms->offer);
	}
}
