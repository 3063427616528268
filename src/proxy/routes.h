/* SPDX-License-Identifier: ISC */
/*
 * The routes of a listener, compiled: which of them takes a client, by the name and the protocols
 * in its ClientHello and by its address. The first that fits does.
 *
 * It also says what is still to be known of the client, so that nobody waits in vain: a client for
 * whom a route without `sni` and `alpn` comes first is taken before its first byte, and one that
 * speaks no TLS with its first byte.
 *
 * Names are found by hashing, so ten thousand cost what ten do. Routes without a name are looked at
 * one by one. It copies what it is made of, and never changes: any thread may ask. Pure.
 */
#ifndef WEIR_PROXY_ROUTES_H
#define WEIR_PROXY_ROUTES_H

#include <stddef.h>

#include "proto/span.h"

struct conf_route;
struct peer_lists;
struct routes;
union session_peer;

/** How much of what the client sends is known. */
enum route_seen {
	ROUTE_SEEN_NOTHING,
	ROUTE_SEEN_PLAIN, /**< its first byte is none of TLS */
	ROUTE_SEEN_TLS,   /**< its first byte is one */
	ROUTE_SEEN_HELLO, /**< its whole ClientHello */
};

/** What is known of a client. */
struct route_facts {
	const union session_peer *client;
	enum route_seen seen;
	struct span name; /**< in the hello: of the server, at most CLIENT_HELLO_NAME_MAX bytes */
	struct span alpn; /**< likewise: client_hello::alpn */
};

enum route_answer {
	ROUTE_TAKEN,
	ROUTE_NONE,             /**< none takes it, whatever it sends */
	ROUTE_NEEDS_FIRST_BYTE, /**< of ROUTE_SEEN_NOTHING */
	ROUTE_NEEDS_HELLO,      /**< of ROUTE_SEEN_TLS */
};

/** Of these, in this order, with lists of `lists`. NULL: no memory. */
struct routes *routes_new(const struct conf_route *conf, size_t n, struct peer_lists *lists);

/** NULL is fine; returns NULL. */
struct routes *routes_free(struct routes *routes);

/** Which route takes a client; ROUTE_TAKEN sets *ret_route: its place in the config, from 0 on. */
enum route_answer routes_find(
	const struct routes *routes, const struct route_facts *facts, size_t *ret_route);

#endif
