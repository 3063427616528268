/* SPDX-License-Identifier: ISC */
/*
 * A proxy on test_loop with a config that is made without a file. Listener 0 leads to the servers
 * that the test adds, and has the timeouts that the test sets; listener 1 leads to the same
 * servers, and has no timeouts.
 */
#ifndef WEIR_TESTS_HOUSE_H
#define WEIR_TESTS_HOUSE_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/proxy.h"
#include "proxy/session.h"
#include "rig.h"

enum { HOUSE_SERVERS_MAX = 8 };

struct house {
	struct conf conf;
	struct conf_listener listeners[2];
	struct conf_upstream upstream;
	struct conf_server servers[HOUSE_SERVERS_MAX];
	struct proxy_shared shared;
	struct proxy proxy;
	int refusing[HOUSE_SERVERS_MAX]; /**< house_refused_address() */
	size_t n_refusing;
	struct conf_upstream applied; /**< the copy of `upstream` that new sessions use */
	struct conf_server applied_servers[HOUSE_SERVERS_MAX];
	struct group_plan **before; /**< references to earlier plans, which pairs may still use */
	size_t n_before;
};

/** Opens the proxy without servers; all timeouts are off. */
void house_open(struct house *house);

/** All sessions must have ended. Closes the listeners and the resolver. */
void house_close(struct house *house);

/** Adds a server; `address` is as in a config. */
void house_add_server(struct house *house, const char *address);

/** Drops the references in `before` beyond the first `n_before`. No session may have a server of
 * these plans. */
void house_forget(struct house *house, size_t n_before);

/** Removes all servers. */
void house_clear_servers(struct house *house);

/** The terms of a listener. The timeouts in them are in force for its pairs. */
struct terms *house_terms(struct house *house, size_t listener);

/** How many pairs of the listener are open. */
uint32_t house_pairs(const struct house *house, size_t listener);

/** The options for a session of an accepted client of this kind, with its places taken; `client`
 * becomes the client's side. */
struct session_opts house_client(
	struct house *house, size_t listener, enum wire_kind kind, struct side *client);

/** Starts a session for such a client. */
void house_session(struct house *house, size_t listener, enum wire_kind kind, struct side *client);

/** A test server, which accepts on test_loop. `side` is the server's side of the last
 * connection. */
struct test_server {
	struct watcher watcher;
	int fd;
	enum wire_kind kind;
	char address[64]; /**< as in a config */
	struct side side; /**< fd -1 before the first connection */
	unsigned n_accepted;
};

/** Opens a server: WIRE_TCP on 127.0.0.1, or WIRE_UNIX with an abstract name. It receives from the
 * connections that it accepts. */
void server_open(struct test_server *server, enum wire_kind kind);
void server_close(struct test_server *server);

/** Stops accepting; new connections wait in its accept queue. */
void server_block(struct test_server *server);

/** Listens on a port of 127.0.0.1 or an abstract name that the kernel picks. */
int listen_anywhere(enum wire_kind kind, char address[64]);

/**
 * An address that refuses connections: a port on which no process listens. It stays bound until
 * house_close(), so that the kernel gives it to no other test.
 */
void house_refused_address(struct house *house, char address[64]);

#endif
