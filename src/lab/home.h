/* SPDX-License-Identifier: ISC */
/* What a proxy's connections know of it: where to connect to, which toxics there are, and where
 * they are counted. Embedded in the proxy, which owns all of it. */
#ifndef WEIR_LAB_HOME_H
#define WEIR_LAB_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "lab/toxic.h"
#include "stream/loop.h"

struct lab;
struct recorder;
struct resolver_name;

struct home {
	struct lab *lab;
	char *name;
	char *upstream; /**< as it was written */
	struct addr server;
	bool has_server;                 /**< `upstream` could be read */
	struct resolver_name *host;      /**< of `server`, if that is a name */
	struct list links;               /* struct link::link */
	struct list toxics[DIRECTIONS];  /* struct toxic::link, in the order of the chains */
	uint64_t n_links;                /**< connections so far: what chance goes by */
	uint64_t n_received[DIRECTIONS]; /**< bytes of connections that are gone */
	uint64_t n_sent[DIRECTIONS];
	struct recorder *recorder; /**< of its first connection; NULL: none */
	struct task struck;        /**< deferred by a link: all of them run once */
};

#endif
