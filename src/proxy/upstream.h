/* SPDX-License-Identifier: ISC */
/*
 * Which server a session is to try, and when: the one place that chooses.
 */
#ifndef WEIR_PROXY_UPSTREAM_H
#define WEIR_PROXY_UPSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

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
