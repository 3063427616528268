/* SPDX-License-Identifier: ISC */
/*
 * What a session stores for the options that concern clients at the edge of a network: the PROXY
 * header and the server name that its client sent, its route, the port of a range to which it
 * connected, its place under the limits of its source, its rates, and the last TCP_INFO of its
 * sockets. If a listener uses none of these (offer::has_edge), its sessions have no edge, and only
 * a pointer that is NULL.
 *
 * The session owns its edge, and makes and frees it together with itself.
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
	uint32_t n_retransmits; /**< retransmitted segments, in total */
	bool is_known;          /**< false for a UNIX socket */
};

struct client_hello;
struct source;
struct target;

/** The PROXY header of a client, stored as long as more than its address may be needed. */
struct edge_header {
	struct proxy_header read; /**< its spans borrow `bytes` */
	size_t n;
	uint8_t bytes[];
};

struct session_edge {
	/** The peer that really connected. If is_announced is set, session::client is the client
	 * that a PROXY header has announced. */
	union session_peer peer;
	bool is_announced; /**< a PROXY header has announced the client */
	/** The local address that the client connected to, for a listener with a range of ports;
	 * AF_UNSPEC: not known. */
	union session_peer on;
	/** The name of a UNIX client that a header announced, as addr_format() writes it, but with
	 * all its bytes; empty: it has none. */
	struct span client_name;
	/** The unique id in the header, for the log; NULL: none. */
	uint8_t *unique_id;
	size_t n_unique_id;
	/** The target of its offer to which the session connects; NULL: it is not known yet, or it
	 * is not stored, because offer::has_choice is false: see session_target(). */
	const struct target *target;
	/** From the client's ClientHello, if that was looked at: the server name (SNI), and the
	 * first protocol (ALPN) in its list. Copies; empty if the ClientHello has none. */
	struct span name;
	struct span protocol;
	/** Freed at the join, so that an open pair needs no memory for it; NULL: there was none. */
	struct edge_header *header;
	/** Its place under the limits of its source (admit.h); NULL: it has none, or none yet. */
	struct source *source;
	struct pair_throttles *throttles; /**< from the join on, if pairs have rates; or NULL */
	/** With offer::tells_tcp; set when the side fails, or else when the pair ends. */
	struct edge_tcp tcp[SIDES];
};

/** Makes an edge with this peer; all else is zeroed. NULL: no memory. */
struct session_edge *edge_new(const union session_peer *peer);

/** NULL is fine; returns NULL. */
struct session_edge *edge_free(struct session_edge *edge);

/** Stores a copy of the valid PROXY header of `n` bytes, and its unique id. 0 or -ENOMEM. Once for
 * each edge. */
int edge_keep_header(struct session_edge *edge, const void *bytes, size_t n);

/** Stores the name and the protocol of the ClientHello. 0 or -ENOMEM. Once for each edge. */
int edge_keep_hello(struct session_edge *edge, const struct client_hello *hello);

/** Notes that a PROXY header has announced the client with this address. 0 or -ENOMEM. */
int edge_announce(struct session_edge *edge, const struct proxy_address *client);

/** Call it when the pair is joined: frees what is needed only before that. NULL is fine. */
void edge_forget_header(struct session_edge *edge);

/** Allocates `throttles` for the rates of its pair, unless that is done. 0 or -ENOMEM. */
int edge_have_throttles(struct session_edge *edge);

/** Stores the TCP_INFO of a side's socket, which must be open. */
void edge_ask_tcp(struct session_edge *edge, enum pair_side side, int fd);

#endif
