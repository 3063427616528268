/* SPDX-License-Identifier: ISC */
/*
 * A generation: one config, as the workers serve it. A reload makes the next one beside it.
 *
 *	generation ──▶ conf
 *	    ├── share of worker 0 ── terms of listener 0, terms of listener 1, ...
 *	    ├── share of worker 1 ── terms of listener 0, ...
 *	    ⋮                            └──▶ limit: one for each name, in all generations
 *
 * A session keeps the terms that it started with, so a generation lives until nothing uses it any
 * more: it is current for no worker, and no session and no listening socket has terms of it. Each
 * worker counts its own users in its share, without atomics, and holds one reference while there
 * are any: nothing that workers share is touched for each connection.
 *
 * Open pairs are counted by listener, whatever their generation: the limit of a listener is found
 * by its name (limits.h), and lives as long as a generation that has the name.
 */
#ifndef WEIR_PROXY_GENERATION_H
#define WEIR_PROXY_GENERATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "conf/conf.h"
#include "proxy/pair.h"

struct failures;
struct generation;
struct limit;
struct limits;
struct own;
struct proxy;
struct proxy_shared;

/** On what terms a worker serves the pairs of a listener. That worker's alone. */
struct terms {
	struct share *share;
	const struct conf_listener *listener;
	struct limit *limit;     /**< for the open pairs of the listener's name */
	struct pair_rules rules; /**< what the pairs point to */
};

/** A worker's share of a generation. */
struct share {
	struct list link; /**< struct proxy::shares, while it has users */
	struct generation *generation;
	struct proxy *proxy;
	size_t n_users;       /**< sessions, listening sockets; and being current is one */
	struct terms terms[]; /**< one for each of conf->listeners */
};

struct generation {
	const struct conf *conf;   /**< a reference */
	struct limits *registry;   /**< where the limits are found */
	struct limit **limits;     /**< a reference to each: for conf->listeners */
	struct failures *failures; /**< of conf->upstreams */
	size_t *by_name;           /**< indices of conf->listeners, in the order of their names */
	struct share **shares;     /**< one for each worker */
	struct own *own; /**< its listening sockets; set before a worker turns to it; NULL: none */
	size_t n_shares;
	_Atomic unsigned refs; /**< the main thread's, one for each worker with users, deliveries */
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
 * From now on the listeners' limits are those of its conf. True: those who wait must be woken. Any
 * thread.
 */
bool generation_enforce(const struct generation *generation);

/** The listener of that name, as an index of conf->listeners; SIZE_MAX when there is none. */
size_t generation_find(const struct generation *generation, const char *name);

/**
 * One more or one less user of a share; its worker's thread. Whoever enters a share without users
 * holds a reference to the generation meanwhile; leaving it may free the generation.
 */
void share_enter(struct share *share);
void share_leave(struct share *share);

/** The terms of the same listener on another worker. Any thread. */
struct terms *terms_on(const struct terms *terms, const struct proxy *proxy);

#endif
