/* SPDX-License-Identifier: ISC */
/*
 * What all workers share. It is made before the workers start and freed after they have stopped.
 * They only read it, except for objects that are made for use by all threads: the places, the
 * groups, the chains, the limits and the atomics.
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
	/** The generation with which a worker starts. Written by the main thread. */
	struct generation *generation;
	struct resolver *resolver;
	struct places places;
	struct groups groups; /**< those of all generations */
	struct chains chains; /**< which listener connected to which other */
	struct limits limits; /**< those of the listeners, by name */
	/** For tell_rarely(): accepting has failed and was paused. */
	_Atomic uint64_t resting_told_ns;
	atomic_int spare_fds; /**< fds for trying a second address of a name beside the first */
	size_t n_pipes;       /**< pipes for splicing, for each worker; 0: none */
	struct part **parts;  /**< one for each worker */
	size_t n_workers;
	uint64_t started_ns; /**< CLOCK_REALTIME: identifies this process (announce.h) */
};

/**
 * Sets it up for this number of workers. The caller has zeroed it and then set `resolver` (NULL: no
 * server may have a name); the parts are still NULL afterwards. 0 or -ENOMEM; in both cases call
 * proxy_shared_fini() at the end.
 */
int proxy_shared_init(struct proxy_shared *shared, size_t n_workers);
void proxy_shared_fini(struct proxy_shared *shared);

#endif
