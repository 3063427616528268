/* SPDX-License-Identifier: ISC */
/*
 * A generation: one config, as the workers serve it. A reload makes the next one beside it.
 *
 * It lives until no worker has it as its current one, and the reload that made the next one is
 * over; so it is the main thread that frees it, with its config. Sessions and listening sockets do
 * not need it: they have what they started with from the offers of its listeners (offer.h).
 *
 * Open pairs are counted by listener, whatever their generation: the limit of a listener is found
 * by its name (limits.h), and lives as long as an offer that has the name.
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
struct offer;
struct own;
struct places;
struct proxy_shared;

struct generation {
	const struct conf *conf; /**< a reference */
	struct offer **offers;   /**< a reference to each: for conf->listeners */
	/** For conf->upstreams: a reference to each and to its group; NULL: no listener's. */
	struct group_plan **plans;
	size_t *by_name;  /**< indices of conf->listeners, in the order of their names */
	struct own *own;  /**< its listening sockets; set before it is switched to; NULL: none */
	struct refs refs; /**< the main thread's, one for each worker that serves it */
};

/**
 * A generation of `conf` (takes a reference) for the workers of `shared`, with one reference, and
 * with the limits that its names have already, as they are: generation_enforce() sets them. NULL:
 * no memory.
 */
struct generation *generation_new(const struct conf *conf, struct proxy_shared *shared);

/** Any thread. generation_unref(NULL) is fine; it returns NULL. */
struct generation *generation_ref(struct generation *generation);
struct generation *generation_unref(struct generation *generation);

/**
 * From now on the limits are these: `max_pairs` in all, and those of its conf for the listeners.
 * Wakes those who wait, if there is room. The main thread.
 */
void generation_enforce(
	const struct generation *generation, struct places *places, uint32_t max_pairs);

/** Has its servers checked, and those of the one before that it has not no more. The main thread,
 * when it is in force, and before the one before is gone. */
void generation_check_servers(const struct generation *generation, struct checks *checks);

/** The listener of that name, as an index of conf->listeners; SIZE_MAX when there is none. */
size_t generation_find(const struct generation *generation, const char *name);

/**
 * What its upstreams with `discover` name is looked for from now on: right after
 * generation_enforce(). The main thread.
 */
void generation_discover(const struct generation *generation, struct finders *finders);

#endif
