/* SPDX-License-Identifier: ISC */
/*
 * Replays a recording (playback.h): as a server for each client that connects, or as a client, or
 * as both, with the proxy under test between them. The bytes are a pattern (playback_byte()).
 */
#ifndef WEIR_LAB_REPLAY_H
#define WEIR_LAB_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/address.h"
#include "lab/recording.h"
#include "stream/listen.h"

struct acceptor;
struct connector;
struct lab;
struct resolver_name;

/** Zeroed: no replay. */
struct replay {
	struct lab *lab;
	const struct recording *recording; /**< borrowed */
	struct listen_socket socket;
	struct acceptor *acceptor;
	struct connector *connector;
	struct addr server;         /**< the address to which the client connects */
	struct resolver_name *host; /**< name of that address, if it is a name */
	struct list players;        /* struct player::link */
	uint64_t n_players;
	bool is_client_over;
	/** Reported: the client could not connect, a client was not served, or a peer differed. */
	bool failed;
};

/**
 * Listens on `listen` and connects to `upstream`; either may be NULL. The loop stops when the
 * client could not connect, or when its connection has ended and no connection of the server is
 * left. 0, or a negative errno and the reason in `error`: then call replay_close().
 */
int replay_open(struct replay *replay, struct lab *lab, const struct recording *recording,
	const char *listen, const char *upstream, char error[ADDRESS_ERROR_MAX]);

/** Closes what is open. Idempotent, also on zeroed memory. */
void replay_close(struct replay *replay);

#endif
