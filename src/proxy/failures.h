/* SPDX-License-Identifier: ISC */
/*
 * How many pairs of each upstream have failed since somebody looked, so that a server that is down
 * is a few warnings a second, and not as many as there are clients.
 *
 * A pair that ends by a failure asks whether its closing line is to be a warning: the first
 * FAILURES_WARNED are, for all workers together, and the lines of the others have the usual level.
 * Once a second the main thread tells how many these were ("event=failed_more") and begins anew.
 * Where nothing fails this costs nothing but that look at one flag.
 *
 * The counts belong to a generation. What is still untold when it goes is told then.
 */
#ifndef WEIR_PROXY_FAILURES_H
#define WEIR_PROXY_FAILURES_H

#include <pthread.h>
#include <stdbool.h>

#include "base/list.h"

struct conf;
struct conf_upstream;
struct failures;

enum { FAILURES_WARNED = 5 };

/** Those of all generations. */
struct failures_list {
	pthread_mutex_t lock;
	struct list all; /* struct failures::link */
};

void failures_list_init(struct failures_list *list);

/** For the upstreams of `conf`, which is borrowed; NULL: no memory. */
struct failures *failures_new(struct failures_list *list, const struct conf *conf);

/** Tells what is untold. failures_free(NULL) is fine; it returns NULL. Any thread. */
struct failures *failures_free(struct failures *failures);

/** One more pair of that upstream has failed; whether to warn of it. Any thread. */
bool failures_count(struct failures *failures, const struct conf_upstream *upstream);

/** Tells how many failed of which nobody was warned, and counts from 0. Any thread. */
void failures_tell(struct failures_list *list);

#endif
