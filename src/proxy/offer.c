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

static void offer_free(struct offer *offer)
{
	limits_put(offer->limit);
	for (size_t i = 0; i < offer->n_targets; i++) {
		group_plan_unref(offer->targets[i].plan);
		group_unref(offer->targets[i].group);
	}
	free(offer);
}

/** The memory of one, with the targets and the name behind the terms. */
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

static void offer_add_target(struct offer *offer, struct group_plan *plan)
{
	offer->targets[offer->n_targets++] =
		(struct target){group_ref(plan->group), group_plan_ref(plan)};
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
	if (offer->limit == NULL) {
		free(offer);
		return NULL;
	}
	if (opts->plans[0] != NULL) {
		offer_add_target(offer, opts->plans[0]);
		offer->fallback = &offer->targets[0];
	}
	for (size_t i = 1; i < opts->n_plans; i++) {
		offer_add_target(offer, opts->plans[i]);
	}
	offer->socket = listener->socket;
	offer->high_water_mark = opts->high_water_mark;
	for (size_t i = 0; i < shared->n_workers; i++) {
		struct terms *terms = &offer->terms[i];

		list_init(&terms->link);
		terms->offer = offer;
		terms->part = shared->parts[i];
		terms->rules.timeouts = listener->timeouts;
		terms->rules.idle_resets = listener->idle_resets;
		terms->rules.tally = limits_tally(offer->limit, i);
	}
	refs_init(&offer->refs);
	return offer;
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
