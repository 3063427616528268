/* SPDX-License-Identifier: ISC */
/*
 * Plays a recording again (playback.h): a server for each client that connects, or a client, or
 * both, with what is to be tried between them. The bytes are a pattern (playback_byte()).
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

/** Zeroed: none. */
struct replay {
	struct lab *lab;
	const struct recording *recording; /**< borrowed */
	struct listen_socket socket;
	struct acceptor *acceptor;
	struct connector *connector;
	struct addr server;         /**< to which the client connects */
	struct resolver_name *host; /**< of that, if it is a name */
	struct list players;        /* struct player::link */
	uint64_t n_players;
	bool is_client_over;
	bool failed; /**< the client could not connect, or a peer was not as recorded; told */
};

/**
 * Listens where `listen` says, and connects to `upstream`; NULL: it does not. The loop stops when
 * the client's connection has ended, and those of the server that there are by then. 0, or a
 * negative errno and why in `error`; then close it.
 */
int replay_open(struct replay *replay, struct lab *lab, const struct recording *recording,
	const char *listen, const char *upstream, char error[ADDRESS_ERROR_MAX]);

/** Closes what is open. Idempotent, also on zeroed memory. */
void replay_close(struct replay *replay);

#endif
