/* SPDX-License-Identifier: ISC */
/*
 * Looks up the names in a config once when it comes into force: those of servers, and those of
 * interfaces in link-local addresses (zones, base/addr.h) of servers and in `source`. Logs a
 * warning for each name that is not found, for whatever reason; an earlier answer is enough
 * (stream/resolver.h). The first pairs then find the addresses of the servers in the cache. Delays
 * nothing.
 */
#ifndef WEIR_SERVICE_NAMES_H
#define WEIR_SERVICE_NAMES_H

#include <stddef.h>

#include "conf/conf.h"

struct loop;
struct resolver;
struct name_probe;

struct names {
	struct name_probe *probes;
	size_t n;
};

/** Starts the lookups, on the main loop. `conf` must stay valid until names_close(). 0 or
 * -ENOMEM. */
int names_open(
	struct names *names, struct loop *loop, struct resolver *resolver, const struct conf *conf);

/** Gives up the lookups that are not answered. Idempotent. */
void names_close(struct names *names);

#endif
