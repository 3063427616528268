/* SPDX-License-Identifier: ISC */
/*
 * A generation: one config, as the workers serve it. A reload makes the next one beside it.
 *
 * It lives until no worker has it as its current one and the reload that made the next one is over.
 * So it is always the main thread that frees it, together with its config. Sessions and listening
 * sockets do not need it: what they need is in the offers of its listeners (offer.h).
 *
 * Open pairs are counted for each listener over all generations: the limit of a listener is found
 * by its name (limits.h), and lives as long as any offer with that name, or longer.
 */
#ifndef WEIR_PROXY_GENERATION_H
#define WEIR_PROXY_GENERATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/refs.h"
#include "conf/conf.h"

struct checks;
struct finders;
struct group_plan;
struct limits;
struct offer;
struct own;
struct places;
struct proxy_shared;

struct generation {
	const struct conf *conf; /**< a reference */
	struct offer **offers;   /**< one for each of conf->listeners; a reference to each */
	/** One for each of conf->upstreams, whether a listener uses it or not: a reference to the
	 * plan and to its group. */
	struct group_plan **plans;
	size_t *by_name; /**< indices of conf->listeners, sorted by name */
	/** Its listening sockets; set before the workers switch to it; NULL: none. */
	struct own *own;
	struct refs refs; /**< one for the main thread, one for each worker that serves it */
};

/**
 * Makes a generation of `conf` (of which it takes a reference) for the workers of `shared`, and
 * returns it with one reference. Limits and groups that already exist for its names are used, but
 * not changed yet: generation_enforce() and generation_discover() do that. New limits and the plans
 * of new groups are in force at once. NULL: no memory.
 */
struct generation *generation_new(const struct conf *conf, struct proxy_shared *shared);

/** Any thread. generation_unref(NULL) is fine; it returns NULL. */
struct generation *generation_ref(struct generation *generation);
struct generation *generation_unref(struct generation *generation);

/**
 * Call it when a reload puts this generation in force; the first generation does not need it. Sets
 * the limits: `max_pairs` for all pairs together, and those of its conf for the listeners. Wakes
 * the listeners that wait for a place if there is room now. Puts the plans of its upstreams in
 * force, except those with `discover` (generation_discover()). Main thread only.
 */
void generation_enforce(
	const struct generation *generation, struct places *places, uint32_t max_pairs);

/** Keeps the numbers of its listeners (limits.h), even if a later generation does not have these
 * listeners. Main thread only; call it when this generation is in force. */
void generation_keep_numbers(const struct generation *generation, struct limits *limits);

/** Starts the checks of its servers, and stops those of servers that only the previous generation
 * had. Main thread only; call it when this generation is in force, before the previous one is
 * freed. */
void generation_check_servers(const struct generation *generation, struct checks *checks);

/** The listener with this name, as an index of conf->listeners; SIZE_MAX: there is none. */
size_t generation_find(const struct generation *generation, const char *name);

/**
 * Puts the plans of its upstreams that have `discover` in force, and starts to look up the names
 * that `discover` gives. Call it when this generation comes into force: at a reload after
 * generation_enforce(), and always before generation_check_servers(). Main thread only.
 */
void generation_discover(const struct generation *generation, struct finders *finders);

#endif
