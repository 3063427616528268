/* SPDX-License-Identifier: ISC */
/*
 * What administrators have set for servers (admin.h), by the upstream's name and the server's
 * address, until the process ends. It outlives the server: if a config or an answer of DNS leaves
 * the server out, and a later one has it again, its settings hold again.
 *
 * Only servers of which something is set take memory here; setting `auto` and giving the weight
 * back frees it. The main thread. Private to upstream/.
 */
#ifndef WEIR_UPSTREAM_OVERRIDES_H
#define WEIR_UPSTREAM_OVERRIDES_H

#include <stdbool.h>

#include "base/list.h"
#include "base/table.h"

struct addr;
struct member;
struct server_states;

struct overrides {
	struct table table; /* of struct override */
	struct list all;    /* struct override::link */
};

/** Starts without any. */
void overrides_init(struct overrides *overrides);

/** Forgets all of them. Zeroed memory is fine. */
void overrides_fini(struct overrides *overrides);

/** Keeps what these states say an administrator has set. 0, or -ENOMEM: nothing has changed. */
int overrides_keep(struct overrides *overrides, const char *upstream, const struct addr *addr,
	const struct server_states *states);

/** Sets in the states of a server what is kept of it. Returns whether that has changed them: the
 * server was away, and is back. */
bool overrides_recall(const struct overrides *overrides, const char *upstream,
	const struct addr *addr, struct server_states *states);

/** Logs what is set for a server ("event=server_told"), and `why` unless that is NULL. */
void overrides_log(const char *upstream, const struct member *member, const char *why);

#endif
