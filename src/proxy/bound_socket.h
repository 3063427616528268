/* SPDX-License-Identifier: ISC */
/*
 * A listening socket of weir: of one address of a listener, and accepted from by one worker. The
 * main thread makes it, keeps it until it is closed, and frees it (crew/sockets.h); in between a
 * worker has an acceptor on it (listener.h).
 *
 * What the worker does with it is its state, the one thing that both threads look at:
 *
 *	PREPARED ── listener_open() ──▶ ACCEPTED ── listener_drain() ──▶ DRAINING
 *	                                   └──── listener_close() ──▶ CLOSED ◀──┘
 *
 *	state     moved to it by   its fd is         it may
 *	PREPARED  main thread      main thread's     keep clients waiting in its queue
 *	ACCEPTED  its worker       an acceptor's     let clients in
 *	DRAINING  its worker       an acceptor's     serve its queue: nobody new comes, so
 *	                                             the path of a UNIX socket may be given up
 *	CLOSED    its worker       closed            be freed
 *
 * A socket that systemd holds too cannot refuse newcomers: it is drained as ACCEPTED. So is one of
 * a kernel before 5.1.
 *
 * What the configs do with it is whose it is, now and next. The main thread alone writes both, and
 * no worker reads them meanwhile: a worker reads `next` when it begins to accept, and `listener`
 * when it switches to another generation.
 *
 *	        listener  next
 *	new     NONE      b      made for the config to come
 *	stays   a         b      in both configs, which may call its listener differently
 *	leaves  a         NONE   in the config in force, not in the one to come
 *	goes    NONE      NONE   in none: its worker drains it; freed when it is CLOSED
 *
 *	reload, prepared   sockets get their `next`; those that are missing are made, PREPARED
 *	        accepted   the workers accept from the new ones
 *	        committed  listener = next, so that what leaves goes
 *	        cancelled  next = listener, so that what is new goes; freed at once if PREPARED
 *	stop               the workers drain or close all, whosever they are
 *	shut, to be undone the same of weir's own, which go (sockets_forget()), and others are made
 *	                   by undoing it; systemd's stay
 */
#ifndef WEIR_PROXY_BOUND_SOCKET_H
#define WEIR_PROXY_BOUND_SOCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/listen.h"

/** In the place of a listener: no config, or none any more. */
#define LISTENER_NONE SIZE_MAX

enum bound_state {
	BOUND_PREPARED,
	BOUND_ACCEPTED,
	BOUND_DRAINING,
	BOUND_CLOSED,
};

struct bound_socket {
	/* What it is: written once, before a worker knows it. */
	struct addr addr;           /**< as the config has it */
	bool is_unix;               /**< not TCP */
	bool mptcp;                 /**< bound as Multipath TCP, or so it was asked */
	struct sockopts_kept *kept; /**< systemd's: what it had before us; NULL: it is weir's own */
	size_t worker;              /**< who accepts from it */

	/* Both threads: see above. */
	_Atomic enum bound_state state;

	/* The worker's when it begins to accept; else the main thread's. */
	struct listen_socket listen; /**< fd -1 once an acceptor has it */
	size_t listener;             /**< in the config in force, or LISTENER_NONE */
	size_t next;                 /**< in the config to come, or LISTENER_NONE */

	/* The main thread's. */
	struct file_access access; /**< of a UNIX path */
	bool has_next_access;      /**< the path has that of the config to come already */
	struct bound_socket *same; /**< while a config is prepared: the next one of this address */
};

/** Whether it is the only one of its address, so that its worker accepts for all workers. */
static inline bool bound_is_for_all(const struct bound_socket *bound)
{
	return bound->is_unix || bound->kept != NULL;
}

/** Whether it was made for the config to come. */
static inline bool bound_is_new(const struct bound_socket *bound)
{
	return bound->listener == LISTENER_NONE && bound->next != LISTENER_NONE;
}

/** Whether no config wants it: it is to be drained. */
static inline bool bound_goes(const struct bound_socket *bound)
{
	return bound->listener == LISTENER_NONE && bound->next == LISTENER_NONE;
}

#endif
