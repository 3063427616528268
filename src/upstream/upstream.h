/* SPDX-License-Identifier: ISC */
/*
 * An upstream, as the sessions use it: a copy of what a config says of it, and the count of those
 * that failed. Counted: it lives until no offer (offer.h) has it any more. And which server a
 * session is to try, and when: the one place that chooses.
 */
#ifndef WEIR_UPSTREAM_UPSTREAM_H
#define WEIR_UPSTREAM_UPSTREAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "upstream/failures.h"

struct upstream {
	_Atomic unsigned refs;
	struct failures failures; /**< of its pairs */
	struct conf_upstream conf;
};

/** A copy of `conf`, with one reference, whose failures are told with `list`. NULL: no memory. */
struct upstream *upstream_new(const struct conf_upstream *conf, struct failures_list *list);

/** Any thread. upstream_unref(NULL) is fine; it returns NULL. */
struct upstream *upstream_ref(struct upstream *upstream);
struct upstream *upstream_unref(struct upstream *upstream);

/**
 * The server for a session that has tried `n_tried` of them in vain, or NULL when there is none
 * left. In the order of the config.
 */
const struct conf_server *upstream_choose(const struct conf_upstream *upstream, size_t n_tried);

/**
 * How long a session is to wait before it tries the list again, when none of it would connect: 100
 * ms, and twice as long each time, at most 1 s, so that the last try is when retry_for is over.
 * NS_NEVER: it is. `n_retries` so far; `waited_ns` since the first try began.
 */
uint64_t upstream_wait_ns(
	const struct conf_upstream *upstream, unsigned n_retries, uint64_t waited_ns);

#endif
