/* SPDX-License-Identifier: ISC */
/*
 * What a session asks of a group and tells it: which server is next, how it went, how long to wait.
 * It knows no rule: each is a file of its own (first.h). Any thread; no lock.
 */
#ifndef WEIR_UPSTREAM_GROUP_H
#define WEIR_UPSTREAM_GROUP_H

#include <stdint.h>

#include "upstream/set.h"

/**
 * The next server for a session that has tried these in vain; it is tried from now on. NULL: there
 * is none left in this round.
 */
struct server *group_next(const struct group_set *set, struct group_tried *tried);

/** How connecting to it went: 0, or what the server failed with. */
void group_told(struct server *server, int status);

/**
 * How long a session is to wait before it begins another round, when no server would connect: 100
 * ms, and twice as long each time, at most 1 s, so that the last try is when retry_for is over.
 * NS_NEVER: it is. `n_retries` so far; `waited_ns` since the first try began.
 */
uint64_t group_wait_ns(const struct group_set *set, unsigned n_retries, uint64_t waited_ns);

#endif
