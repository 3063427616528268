/* SPDX-License-Identifier: ISC */
/*
 * The routes of a listener, compiled for look-ups: which route fits a client, by the name and the
 * protocols in its ClientHello and by its address. The first route that fits is taken.
 *
 * A look-up also says what must still be known about the client, so that no client waits without
 * need. If a route without `sni` and `alpn` is the first that can fit, it is taken before the
 * client's first byte; if the client does not speak TLS, its first byte suffices.
 *
 * Names are found in a hash table, so ten thousand names cost as much as ten. Routes without a name
 * are tried one by one. The object has copies of all that it needs and is immutable, so any thread
 * may use it. No I/O.
 */
#ifndef WEIR_PROXY_ROUTES_H
#define WEIR_PROXY_ROUTES_H

#include <stddef.h>

#include "proto/span.h"

struct conf_route;
struct peer_lists;
struct routes;
union session_peer;

/** How much is known of what the client has sent. */
enum route_seen {
	ROUTE_SEEN_NOTHING,
	ROUTE_SEEN_PLAIN, /**< its first byte is not that of a TLS record */
	ROUTE_SEEN_TLS,   /**< its first byte is that of a TLS record */
	ROUTE_SEEN_HELLO, /**< its whole ClientHello is known */
};

/** What is known about a client. */
struct route_facts {
	const union session_peer *client;
	enum route_seen seen;
	struct span name; /**< server name in the hello; CLIENT_HELLO_NAME_MAX bytes at most */
	struct span alpn; /**< protocols in the hello: client_hello::alpn */
};

enum route_answer {
	ROUTE_TAKEN,
	ROUTE_NONE,             /**< no route fits, whatever the client sends */
	ROUTE_NEEDS_FIRST_BYTE, /**< only after ROUTE_SEEN_NOTHING */
	ROUTE_NEEDS_HELLO,      /**< only after ROUTE_SEEN_TLS */
};

/** Compiles `n` routes, in this sequence, with the peer lists of `lists`. NULL: no memory. */
struct routes *routes_new(const struct conf_route *conf, size_t n, struct peer_lists *lists);

/** NULL is fine; returns NULL. */
struct routes *routes_free(struct routes *routes);

/** Finds the route for a client. ROUTE_TAKEN sets *ret_route to its index in the config, from 0
 * on. */
enum route_answer routes_find(
	const struct routes *routes, const struct route_facts *facts, size_t *ret_route);

#endif
