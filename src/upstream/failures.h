/* SPDX-License-Identifier: ISC */
/*
 * How many pairs of each group have failed since somebody looked, so that a server that is down
 * is a few warnings a second, and not as many as there are clients.
 *
 * A pair that ends by a failure asks whether its closing line is to be a warning: the first
 * FAILURES_WARNED are, for all workers together, and the lines of the others have the usual level.
 * Once a second the main thread tells how many these were ("event=failed_more") and begins anew.
 * Where nothing fails this costs nothing but that look at one flag.
 *
 * A count belongs to a group (set.h). What is still untold when that goes is told then.
 */
#ifndef WEIR_UPSTREAM_FAILURES_H
#define WEIR_UPSTREAM_FAILURES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum { FAILURES_WARNED = 5 };

/** Those of all upstreams. */
struct failures_list {
	pthread_mutex_t lock;
	struct list all; /* struct failures::link */
	atomic_bool any; /**< one of the counts may not be 0 */
};

/** Of one upstream. */
struct failures {
	struct list link; /**< struct failures_list::all */
	struct failures_list *list;
	const char *upstream; /**< its name, borrowed */
	_Atomic uint32_t n;   /**< since the last look */
};

void failures_list_init(struct failures_list *list);

/** Any thread, like all that follows. */
void failures_init(struct failures *failures, struct failures_list *list, const char *upstream);

/** Tells what is untold. */
void failures_fini(struct failures *failures);

/** One more pair has failed; whether to warn of it. */
bool failures_count(struct failures *failures);

/** Tells how many failed of which nobody was warned, and counts from 0. */
void failures_tell(struct failures_list *list);

#endif
