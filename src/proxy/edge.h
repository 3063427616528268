/* SPDX-License-Identifier: ISC */
/*
 * What a session keeps for the edge: the PROXY header that its client sent, its route, its place
 * with its source, its rates, and what its sockets said last. If a listener uses nothing of this
 * (offer::has_edge), its sessions have no edge and pay one pointer.
 *
 * It belongs to its session, is made with it and freed with it.
 */
#ifndef WEIR_PROXY_EDGE_H
#define WEIR_PROXY_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/proxy_header.h"
#include "proto/span.h"
#include "proxy/pair.h"
#include "proxy/session_peer.h"
#include "proxy/side.h"

/** What TCP knew of a side when its socket was to be closed (TCP_INFO, tcp(7)). */
struct edge_tcp {
	uint32_t rtt_us;        /**< smoothed */
	uint32_t n_retransmits; /**< segments, all in all */
	bool is_known;          /**< not of a UNIX socket */
};

struct client_hello;
struct source;
struct target;

/** The PROXY header of a client, as long as somebody may ask for more than its address. */
struct edge_header {
	struct proxy_header read; /**< its spans borrow `bytes` */
	size_t n;
	uint8_t bytes[];
};

struct session_edge {
	/** Who really connected. Once a header was read, session::client is the client that it
	 * announced. */
	union session_peer peer;
	bool is_announced; /**< a header has announced the client */
	/** The address that it has reached, of a listener with a range of ports; AF_UNSPEC: not
	 * asked. */
	union session_peer on;
	/** The name of a UNIX client that was announced, as the log shows it; NULL: it has none. */
	char *client_name;
	/** The unique id of the header, for the log; NULL: none. */
	uint8_t *unique_id;
	size_t n_unique_id;
	/** Which of its offer's targets it goes to; NULL: that is not known, or not asked. */
	const struct target *target;
	/** Of the client's ClientHello, where that was looked at: the server that it asks for, and
	 * the protocol (ALPN) that it wants most. Copies; none of what is not there. */
	struct span name;
	struct span protocol;
	/** Until the join, so that an open pair pays nothing for it; NULL: there was none. */
	struct edge_header *header;
	/** Its place with its source (admit.h); NULL: it has none, or not yet. */
	struct source *source;
	struct pair_throttles *throttles; /**< from the join on, with rates of a pair; or NULL */
	struct edge_tcp tcp[SIDES];       /**< with offer::tells_tcp, of a pair that has ended */
};

/** An edge that is zeroed but for the peer. NULL: no memory. */
struct session_edge *edge_new(const union session_peer *peer);

/** NULL is fine; returns NULL. */
struct session_edge *edge_free(struct session_edge *edge);

/** Keeps a copy of the header of `n` bytes, which is right, and its unique id. 0 or -ENOMEM. Once
 * for each edge. */
int edge_keep_header(struct session_edge *edge, const void *bytes, size_t n);

/** Keeps what the hello says. 0 or -ENOMEM. Once for each edge. */
int edge_keep_hello(struct session_edge *edge, const struct client_hello *hello);

/** Notes that the client is the one with this address, which a header announces. 0 or -ENOMEM. */
int edge_announce(struct session_edge *edge, const struct proxy_address *client);

/** The pair is joined: frees what is only asked for before that. NULL is fine. */
void edge_forget_header(struct session_edge *edge);

/** Makes room for the rates of its pair, unless it has room. 0 or -ENOMEM. */
int edge_have_throttles(struct session_edge *edge);

/** Asks the socket of a side, which must be open, what TCP knows of it. */
void edge_ask_tcp(struct session_edge *edge, enum pair_side side, int fd);

#endif
