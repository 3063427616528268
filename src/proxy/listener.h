/* SPDX-License-Identifier: ISC */
/*
 * One listening socket on one worker, under the limits of its listener in the config.
 *
 * Sockets that cannot be doubled for each worker (UNIX, inherited) are accepted here for all, and
 * the fds are handed to the workers in rotation; the place under the limits travels with the fd.
 *
 * With a rate each client takes a token (accept_rate.h) before its place. While its token is to
 * come, the listener is paused, and its clients wait in the kernel's queue. One that drains needs
 * no tokens: it accepts at once what its queue holds.
 */
#ifndef WEIR_PROXY_LISTENER_H
#define WEIR_PROXY_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "proxy/places.h"
#include "stream/timer.h"

struct acceptor;
struct bound_socket;
struct part;
struct terms;

struct listener {
	struct list link;     /**< struct proxy::listeners or ::changing */
	struct waiter waiter; /**< for a place, while it is paused */
	struct part *part;
	struct acceptor *acceptor;
	struct terms *terms; /**< of its sessions to come */
	struct bound_socket *socket;
	struct timer token; /**< of its rate: armed while it waits for one */
	uint64_t token_ns;  /**< when that may be used; 0: it has none */
	size_t next;        /**< which worker is next, when handing over */
	bool drains;        /**< it accepts what its queue holds, and nobody else */
	bool drained;       /**< to be closed */
};

/**
 * Starts accepting from the socket, whose fd it takes; it is on no list yet. 0 or a negative errno:
 * then it has not.
 */
int listener_open(struct terms *terms, struct bound_socket *socket, struct listener **ret_listener);

/** Connections that come from now on have these terms. */
void listener_switch(struct listener *listener, struct terms *terms);

/** Serves what waits in the queue, then lets the proxy close it (part_calls::drained). */
void listener_drain(struct listener *listener);

/** Closes now. */
void listener_close(struct listener *listener);

#endif
