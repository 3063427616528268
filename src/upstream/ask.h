/* SPDX-License-Identifier: ISC */
/* A session's question to a group for a server: what it has tried already, and the answer. */
#ifndef WEIR_UPSTREAM_ASK_H
#define WEIR_UPSTREAM_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/server.h"

struct group_plan;
struct sockaddr;

/** What a session has tried in this round, by the numbers of the servers. Zeroed: nothing. */
struct group_tried {
	uint64_t *ids;
	uint32_t n;
	uint32_t room;
};

/** What is said to who asks. */
enum group_answer {
	GROUP_SERVER,    /**< here it is, with its place */
	GROUP_NONE,      /**< no server is usable, and none was tried */
	GROUP_EXHAUSTED, /**< none is left in this round */
	GROUP_FULL, /**< wait: those that are left are full, others wait, or none was found yet */
	GROUP_QUEUE_FULL, /**< and too many wait already */
};

struct group_ask {
	size_t worker; /**< who asks: its index. While it waits any thread asks for it (queue.h) */
	const struct group_tried *tried; /**< is not chosen again */
	const struct sockaddr *client;   /**< whose pair it is; NULL: it has no address */
	bool has_name;                   /**< it asked for a server by a name (SNI) */
	uint16_t port;                   /**< of a range, by which it came; 0: none */
	uint64_t name_hash;              /**< with that: group_ask_name() */
	const struct group_plan *plan;   /**< of the config it began with: see set.c; or NULL */
	bool is_own; /**< out: the server is that plan's for it, and for nobody else who waits */
	bool full;   /**< out: a server that is usable and was not tried has no place */
};

/** Whom the client asked for in its ClientHello, however that is written: for hash_on = "sni". */
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

/** One more was tried. 0 or -ENOMEM. */
int group_tried_add(struct group_tried *tried, const struct server *server);

/** A new round. */
void group_tried_clear(struct group_tried *tried);

#endif
