/* SPDX-License-Identifier: ISC */
/*
 * One listening socket on one worker, under the limits of its listener in the config.
 *
 * Sockets that cannot be doubled for each worker (UNIX, inherited) are accepted here for all, and
 * the fds are handed to the workers in turn; the place under the limits travels with the fd.
 */
#ifndef WEIR_PROXY_LISTENER_H
#define WEIR_PROXY_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct acceptor;
struct bound_socket;
struct proxy;
struct terms;

struct listener {
	struct list link;    /**< struct proxy::listeners */
	struct list waiting; /**< struct proxy::waiting or ::retrying, or none */
	struct proxy *proxy;
	struct acceptor *acceptor;
	struct terms *terms; /**< of its sessions to come */
	struct bound_socket *socket;
	size_t turn;  /**< which worker is next, when handing over */
	bool drained; /**< to be closed */
};

/** Starts accepting from the socket, whose fd it takes. 0 or a negative errno: then it has not. */
int listener_open(struct terms *terms, struct bound_socket *socket);

/** Connections that come from now on have these terms. */
void listener_turn(struct listener *listener, struct terms *terms);

/** Serves what waits in the queue, then lets the proxy close it (proxy_close()). */
void listener_drain(struct listener *listener);

/** There may be room again below a limit. */
void listener_resume(struct listener *listener);

/** Closes now. */
void listener_close(struct listener *listener);

#endif
