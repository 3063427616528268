/* SPDX-License-Identifier: ISC */
/*
 * A listening socket on one worker, subject to the limits of its listener in the config.
 *
 * A socket of which there can be only one (UNIX, inherited) has one struct listener, on one worker.
 * It accepts for all workers and hands the fds to them in rotation; the places under the limits are
 * handed over with the fd.
 *
 * If the listener has a rate, it takes a token (accept_rate.h) for each client before it takes a
 * place. Until the token may be used, the listener is paused, and clients wait in the kernel's
 * accept queue. A listener that drains needs no tokens: it accepts at once what is in the accept
 * queue.
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
	struct list link;     /**< struct proxy::listeners, ::kept or ::changing */
	struct waiter waiter; /**< waits for a place while the listener is paused */
	struct part *part;
	struct acceptor *acceptor;
	struct terms *terms; /**< those of its future sessions */
	struct bound_socket *socket;
	struct timer token; /**< for its rate: armed until the token may be used */
	uint64_t token_ns;  /**< when its token may be used; 0: it has none */
	size_t next;        /**< the worker that gets the next fd, if it accepts for all */
	bool drains;        /**< it accepts what its accept queue holds, and no later client */
	bool drained;       /**< it has done so, and is to be closed */
};

/**
 * Starts accepting from the socket, and takes its fd. The new listener is on no list yet. 0, or a
 * negative errno: then the fd is still in the socket.
 */
int listener_open(struct terms *terms, struct bound_socket *socket, struct listener **ret_listener);

/** Connections that are accepted from now on have these terms. */
void listener_switch(struct listener *listener, struct terms *terms);

/** Accepts what waits in the accept queue, then calls part_calls::drained, so that the proxy closes
 * the listener. */
void listener_drain(struct listener *listener);

/** Closes the listener at once, and frees it. */
void listener_close(struct listener *listener);

#endif
