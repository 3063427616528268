/* SPDX-License-Identifier: ISC */
/*
 * Looks up every server name and zone of the config once at start, to warn of those that are not
 * there, and to have the answers of names at hand for the first pairs. Delays nothing.
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

/** Asks, on the main loop. `conf` must outlive names_close(). 0 or -ENOMEM. */
int names_open(
	struct names *names, struct loop *loop, struct resolver *resolver, const struct conf *conf);

/** Gives up what is not answered. Idempotent. */
void names_close(struct names *names);

#endif
