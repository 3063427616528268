/* SPDX-License-Identifier: ISC */
/*
 * What administrators have set for servers (admin.h), by the upstream's name and the server's
 * address, until the process ends. It outlives the server: if a config or an answer of DNS leaves
 * the server out, and a later one has it again, its settings hold again.
 *
 * Only servers of which something is set take memory here; setting `auto` and giving the weight
 * back frees it. The main thread. Private to upstream/.
 */
#ifndef WEIR_UPSTREAM_WORDS_H
#define WEIR_UPSTREAM_WORDS_H

#include <stdbool.h>

#include "base/list.h"
#include "base/table.h"

struct addr;
struct member;
struct server_states;

struct words {
	struct table table; /* of struct word */
	struct list all;    /* struct word::link */
};

/** Starts without any. */
void words_init(struct words *words);

/** Forgets all of them. Zeroed memory is fine. */
void words_fini(struct words *words);

/** Keeps what these states say an administrator has set. 0, or -ENOMEM: nothing has changed. */
int words_keep(struct words *words, const char *upstream, const struct addr *addr,
	const struct server_states *states);

/** Sets in the states of a server what is kept of it. Returns whether that has changed them: the
 * server was away, and is back. */
bool words_recall(const struct words *words, const char *upstream, const struct addr *addr,
	struct server_states *states);

/** Logs what is set for a server ("event=server_told"), and `why` unless that is NULL. */
void words_log(const char *upstream, const struct member *member, const char *why);

#endif
