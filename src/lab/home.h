/* SPDX-License-Identifier: ISC */
/* The part of a proxy that its connections use: the address to connect to, the toxics, and the
 * counters. It is embedded in the proxy, which owns everything in it, except `lab` and
 * `recorder`. */
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
	char *upstream; /**< as written in the request */
	struct addr server;
	bool has_server;                 /**< whether `upstream` could be parsed */
	struct resolver_name *host;      /**< name of `server`, if it is a name */
	struct list links;               /* struct link::link */
	struct list toxics[DIRECTIONS];  /* struct toxic::link, in the sequence of the chains */
	uint64_t n_links;                /**< connections so far; gives each its key for chance.h */
	uint64_t n_received[DIRECTIONS]; /**< bytes of closed connections */
	uint64_t n_sent[DIRECTIONS];
	uint64_t n_reset_by_refuse; /**< clients that were reset when they were accepted */
	uint64_t n_reset_by_flap;
	struct recorder *recorder; /**< records its first connection; NULL: none */
	struct task struck;        /**< deferred by a link when a trigger begins: runs all links */
};

#endif
