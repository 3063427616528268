/* SPDX-License-Identifier: ISC */
/*
 * A server: one address to connect to, and what is known of it. It belongs to a group, and lives as
 * long as a set of that group has it (set.h), in whichever config: a reload that keeps the
 * upstream's name and the server's address keeps the server, and with it what was counted.
 *
 * All but the counters is immutable. Any thread.
 */
#ifndef WEIR_UPSTREAM_SERVER_H
#define WEIR_UPSTREAM_SERVER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/registry.h"

struct conf_server;
struct group;
struct resolver;
struct resolver_name;

struct server {
	struct registry_entry entry; /**< in struct groups::servers, by group and address */
	const struct group *group;   /**< the set that has it has the group, too */
	_Atomic uint64_t n_failed;   /**< connects to it, all addresses of a name together */
	struct resolver_name *name;  /**< a handle of addr, if that is a name; or NULL */
	struct addr addr;
	char text[]; /**< the address as written: for logs */
};

/** The server of that group and address, or a new one, with one reference. NULL: no memory. */
struct server *server_get(struct registry *servers, struct resolver *resolver,
	const struct group *group, const struct conf_server *conf);

/** NULL is fine. */
void server_unref(struct server *server);

#endif
