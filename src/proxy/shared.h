/* SPDX-License-Identifier: ISC */
/*
 * What the workers of the proxy share: made before them, freed after them. Read-only, but for what
 * is made for all threads: the places, the groups, the chains and the limits.
 */
#ifndef WEIR_PROXY_SHARED_H
#define WEIR_PROXY_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/limits.h"
#include "proxy/own.h"
#include "proxy/places.h"
#include "upstream/group.h"

struct generation;
struct part;
struct resolver;

struct proxy_shared {
	/** That in which a worker starts; the main thread's. */
	struct generation *generation;
	struct resolver *resolver;
	struct places places;
	struct groups groups;             /**< of all generations */
	struct chains chains;             /**< which listener led to which */
	struct limits limits;             /**< of the listeners, by their names */
	_Atomic uint64_t resting_told_ns; /**< for tell_rarely(): an acceptor rests */
	atomic_int spare_fds; /**< for a second address of a name, while the first is tried */
	size_t n_pipes;       /**< for splicing, of each worker; 0: none */
	struct part **parts;  /**< one for each worker */
	size_t n_workers;
	uint64_t started_ns; /**< CLOCK_REALTIME: which weir this is (announce.h) */
};

/**
 * For so many workers, and the resolver that is set in it (NULL: no server may have a name); the
 * parts are still NULL. 0 or -ENOMEM.
 */
int proxy_shared_init(struct proxy_shared *shared, size_t n_workers);
void proxy_shared_fini(struct proxy_shared *shared);

#endif
