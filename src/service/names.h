/* SPDX-License-Identifier: ISC */
/*
 * Looks up every server name and zone of a config once when it comes into force, to log a warning
 * for those that do not exist, and so that the first pairs find the addresses in the cache. Delays
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
