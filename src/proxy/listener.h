/* SPDX-License-Identifier: ISC */
/*
 * One listening socket on one worker, under the limits of its listener in the config.
 *
 * Sockets that cannot be doubled for each worker (UNIX, inherited) are accepted here for all, and
 * the fds are handed to the workers in turn; the place under the limits travels with the fd.
 */
#ifndef WEIR_PROXY_LISTENER_H
#define WEIR_PROXY_LISTENER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "stream/listen.h"

struct acceptor;
struct proxy;
struct terms;

/** A reload leaves the socket out. */
#define LISTENER_GOES SIZE_MAX

/** A listening socket as the main thread knows it; outlives what accepts from it. */
struct listener_socket {
	struct listen_socket listen; /**< fd -1 once an acceptor took it */
	bool is_unix;
	bool is_shared;             /**< systemd holds it too */
	struct sockopts_kept *kept; /**< and what it had before us; NULL: it is our own */
	bool hand_over;             /**< its connections go to all workers in turn */
	/** Whose it is, in the conf of the generation that a worker is to turn to next, or
	 * LISTENER_GOES. Written by the main thread while no worker has that to do. */
	size_t listener;
	bool is_accepted;    /**< an acceptor has taken the fd */
	atomic_bool refuses; /**< and lets nobody new in: the path of a UNIX socket may go */
	atomic_bool closed;  /**< and has closed it */
};

struct listener {
	struct list link;    /**< struct proxy::listeners */
	struct list waiting; /**< struct proxy::waiting or ::retrying, or none */
	struct proxy *proxy;
	struct acceptor *acceptor;
	struct terms *terms; /**< of its sessions to come */
	struct listener_socket *socket;
	size_t turn;  /**< which worker is next, when handing over */
	bool drained; /**< to be closed */
};

/** Starts accepting from the socket, whose fd it takes. 0 or a negative errno: then it has not. */
int listener_open(struct terms *terms, struct listener_socket *socket);

/** Connections that come from now on have these terms. */
void listener_turn(struct listener *listener, struct terms *terms);

/** Serves what waits in the queue, then lets the proxy close it (proxy_close()). */
void listener_drain(struct listener *listener);

/** There may be room again below a limit. */
void listener_resume(struct listener *listener);

/** Closes now. */
void listener_close(struct listener *listener);

#endif
