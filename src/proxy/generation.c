/* SPDX-License-Identifier: ISC */
#include "proxy/generation.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/failures.h"
#include "proxy/limits.h"
#include "proxy/own.h"
#include "proxy/proxy.h"

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
	for (size_t i = 0; i < generation->conf->n_listeners && generation->limits != NULL; i++) {
		limits_put(generation->registry, generation->limits[i]);
	}
	for (size_t i = 0; i < generation->n_shares && generation->shares != NULL; i++) {
		free(generation->shares[i]);
	}
	free(generation->limits);
	free(generation->by_name);
	free(generation->shares);
	own_free(generation->own);
	failures_free(generation->failures);
	conf_unref(generation->conf);
	free(generation);
}

/** The limit of each listener: the one that its name has, or a new one. */
static bool generation_take_limits(struct generation *generation)
{
	const struct conf *conf = generation->conf;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		generation->limits[i] =
			limits_get(generation->registry, listener->name, listener->max_pairs);
		if (generation->limits[i] == NULL) {
			return false;
		}
	}
	return true;
}

static struct share *share_new(struct generation *generation, struct proxy *proxy)
{
	const struct conf *conf = generation->conf;
	struct share *share = calloc(1, sizeof(*share) + conf->n_listeners * sizeof(struct terms));

	if (share == NULL) {
		return NULL;
	}
	list_init(&share->link);
	share->generation = generation;
	share->proxy = proxy;
	for (size_t i = 0; i < conf->n_listeners; i++) {
		share->terms[i] = (struct terms){
			.share = share,
			.listener = &conf->listeners[i],
			.limit = generation->limits[i],
			.rules = {.timeouts = conf->listeners[i].timeouts,
				.idle_resets = conf->listeners[i].idle_resets},
		};
	}
	return share;
}

struct generation *generation_new(const struct conf *conf, struct proxy_shared *shared)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation == NULL) {
		return NULL;
	}
	generation->conf = conf_ref(conf);
	generation->registry = &shared->limits;
	generation->n_shares = shared->n_proxies;
	generation->limits = calloc(conf->n_listeners, sizeof(struct limit *));
	generation->failures = failures_new(&shared->failures, conf);
	generation->by_name = calloc(conf->n_listeners, sizeof(*generation->by_name));
	generation->shares = calloc(generation->n_shares, sizeof(struct share *));
	if (generation->limits == NULL || generation->failures == NULL ||
		generation->by_name == NULL || generation->shares == NULL ||
		!generation_take_limits(generation)) {
		goto err_free;
	}
	for (size_t i = 0; i < conf->n_listeners; i++) {
		generation->by_name[i] = i;
	}
	qsort_r(generation->by_name, conf->n_listeners, sizeof(*generation->by_name), compare_names,
		(void *)conf);
	for (size_t i = 0; i < generation->n_shares; i++) {
		generation->shares[i] = share_new(generation, shared->proxies[i]);
		if (generation->shares[i] == NULL) {
			goto err_free;
		}
	}
	atomic_init(&generation->refs, 1);
	return generation;
err_free:
	generation_free(generation);
	return NULL;
}

struct generation *generation_ref(struct generation *generation)
{
	unsigned before = atomic_fetch_add_explicit(&generation->refs, 1, memory_order_relaxed);

	assert(before > 0);
	(void)before;
	return generation;
}

struct generation *generation_unref(struct generation *generation)
{
	/* Whoever gives back the last one must see all that the others did before. */
	if (generation != NULL &&
		atomic_fetch_sub_explicit(&generation->refs, 1, memory_order_acq_rel) == 1) {
		generation_free(generation);
	}
	return NULL;
}

bool generation_enforce(const struct generation *generation)
{
	bool woken = false;

	for (size_t i = 0; i < generation->conf->n_listeners; i++) {
		woken |= limit_set(generation->limits[i], generation->conf->listeners[i].max_pairs);
	}
	return woken;
}

/* ---- users ---- */

void share_enter(struct share *share)
{
	assert(loop_is_current(share->proxy->loop));
	if (share->n_users++ == 0) {
		generation_ref(share->generation);
		list_append(&share->proxy->shares, &share->link);
	}
}

void share_leave(struct share *share)
{
	assert(loop_is_current(share->proxy->loop) && share->n_users > 0);
	if (--share->n_users == 0) {
		list_remove(&share->link);
		generation_unref(share->generation);
	}
}

struct terms *terms_on(const struct terms *terms, const struct proxy *proxy)
{
	const struct share *share = terms->share;

	return &share->generation->shares[proxy->index]->terms[terms - share->terms];
}
