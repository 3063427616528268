/* SPDX-License-Identifier: ISC */
/*
 * Which clients a listener admits: the lists of peers in a config, compiled for look-ups.
 *
 * A peer_list is one such list (`allow`, `deny`, `accept_proxy`, `from`): prefixes, including those
 * from files, "any" and "unix". It is immutable and reference-counted, because listeners with equal
 * lists share one, and open pairs may outlive the config.
 *
 * An access holds the two lists of a listener: `deny` wins over `allow`, and if there is an
 * `allow`, every peer outside of it is denied. An access without lists costs two comparisons with
 * NULL.
 */
#ifndef WEIR_PROXY_ACCESS_H
#define WEIR_PROXY_ACCESS_H

#include <stdbool.h>

#include "base/refs.h"
#include "base/table.h"

struct conf_prefixes;
struct prefixes;
union session_peer;

struct peer_list {
	struct prefixes *set;
	bool any;        /**< every peer */
	bool unix_peers; /**< every peer that connects over a UNIX socket */
	struct refs refs;
};

/** The lists of one config while that is compiled; zeroed at first. */
struct peer_lists {
	struct table table; /* of struct compiled, by what it was compiled from */
	struct compiled *first;
};

/** Returns a reference to the compiled form of `conf`, which is made at the first call. NULL: no
 * memory. */
struct peer_list *peer_lists_get(struct peer_lists *lists, const struct conf_prefixes *conf);

/** Gives back the references that `lists` holds. */
void peer_lists_fini(struct peer_lists *lists);

/** Any thread. peer_list_unref(NULL) is fine; it returns NULL. */
struct peer_list *peer_list_ref(struct peer_list *list);
struct peer_list *peer_list_unref(struct peer_list *list);

/** Whether the peer is in the list; false if the list is NULL. Any thread. */
bool peer_list_has(const struct peer_list *list, const union session_peer *peer);

struct access {
	struct peer_list *allow; /**< a reference; NULL: all clients */
	struct peer_list *deny;  /**< a reference; NULL: no client */
};

/** Replaces the references of `access` by references to the lists of `from`. The two may belong to
 * different threads. */
void access_set(struct access *access, const struct access *from);

/** Gives back the references. */
void access_fini(struct access *access);

/** Whether a client is admitted. */
bool access_admits(const struct access *access, const union session_peer *client);

#endif
