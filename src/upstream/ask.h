/* SPDX-License-Identifier: ISC */
/* A session's request to a group for a server: what it has tried already, and the answer. */
#ifndef WEIR_UPSTREAM_ASK_H
#define WEIR_UPSTREAM_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/server.h"

struct group_plan;
struct sockaddr;

/** The servers that a session has tried in this round, by their numbers. Zeroed: none. */
struct group_tried {
	uint64_t *ids;
	uint32_t n;
	uint32_t room;
};

/** The answer to a request. */
enum group_answer {
	GROUP_SERVER, /**< a server was found, and a place was taken on it */
	GROUP_NONE,   /**< no server is usable, and none was tried */
	/** In this round every usable server was tried, or group_plan::tries of them. */
	GROUP_EXHAUSTED,
	/** Wait: the servers that were not tried are full, others wait already, or DNS has found
	 * none yet. */
	GROUP_FULL,
	GROUP_QUEUE_FULL, /**< as GROUP_FULL, but too many wait already */
};

struct group_ask {
	/** The index of the worker that asks. While the request waits, any thread may answer it
	 * (queue.h). */
	size_t worker;
	const struct group_tried *tried; /**< servers that must not be chosen again */
	const struct sockaddr *client;   /**< the client's address; NULL: it has none */
	bool has_name;                   /**< the client asked for a server name (SNI) */
	/** The port that the client connected to, of a range of ports; 0: no range. */
	uint16_t port;
	uint64_t name_hash; /**< if has_name: set by group_ask_name() */
	/** The plan of the config that the session began with (see set.c), or NULL. */
	const struct group_plan *plan;
	/** Result: the answer comes from `plan`, not from the set. So no other waiter can get the
	 * place, and a full server counts as not usable. */
	bool is_own;
	bool full; /**< result: an untried usable server has no free place */
};

/** Stores the hash of the ClientHello's name, whatever its case: for hash_on = "sni". */
void group_ask_name(struct group_ask *ask, const uint8_t *name, size_t n);

/** Whether the server was tried. */
static inline bool group_tried_has(const struct group_tried *tried, const struct server *server)
{
	for (uint32_t i = 0; i < tried->n; i++) {
		if (tried->ids[i] == server->id) {
			return true;
		}
	}
	return false;
}

/** Adds a server that was tried. 0 or -ENOMEM. */
int group_tried_add(struct group_tried *tried, const struct server *server);

/** Begins a new round; frees the numbers. */
void group_tried_clear(struct group_tried *tried);

#endif
