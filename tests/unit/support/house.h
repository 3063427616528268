/* SPDX-License-Identifier: ISC */
/*
 * A proxy on test_loop, with a config made by hand: listener 0 leads to the servers that the test
 * names, and has the timeouts that it sets; listener 1 leads to the same, and has none.
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
	struct conf_upstream applied; /**< what the sessions to come have of `upstream` */
	struct conf_server applied_servers[HOUSE_SERVERS_MAX];
	struct group_plan **before; /**< references, for pairs that connect by them */
	size_t n_before;
};

/** Opens it without servers; all timeouts are off. */
void house_open(struct house *house);

/** All sessions must have ended. Closes the listeners and the resolver. */
void house_close(struct house *house);

/** One more server, as it is written in a config. */
void house_add_server(struct house *house, const char *address);

/** Forgets the sets beyond these, of which no session may have a server: see `before`. */
void house_forget(struct house *house, size_t n_before);

/** Forgets the servers. */
void house_clear_servers(struct house *house);

/** The terms of a listener; the timeouts in them are in force for its pairs. */
struct terms *house_terms(struct house *house, size_t listener);

/** How many pairs of the listener are open. */
uint32_t house_pairs(const struct house *house, size_t listener);

/** An accepted client of this kind, with its place taken; `client` is the client's side. */
struct session_opts house_client(
	struct house *house, size_t listener, enum wire_kind kind, struct side *client);

/** A session for a client of this kind, with its place taken; `client` is the client's side. */
void house_session(struct house *house, size_t listener, enum wire_kind kind, struct side *client);

/** A server of the test: accepts on test_loop; the side is that of the last connection. */
struct test_server {
	struct watcher watcher;
	int fd;
	enum wire_kind kind;
	char address[64]; /**< as it is written in a config */
	struct side side; /**< fd -1 before the first connection */
	unsigned n_accepted;
};

/** WIRE_TCP on 127.0.0.1, or WIRE_UNIX with an abstract name. What it accepts is received. */
void server_open(struct test_server *server, enum wire_kind kind);
void server_close(struct test_server *server);

/** Accepts no more; who connects waits in its queue. */
void server_block(struct test_server *server);

/** Listens on what the kernel picks, a port of 127.0.0.1 or an abstract name. */
int listen_anywhere(enum wire_kind kind, char address[64]);

/**
 * The address of a port on which nobody listens, and nobody will: it stays bound until
 * house_close(), so that the kernel picks it for no other test.
 */
void house_refused_address(struct house *house, char address[64]);

#endif
