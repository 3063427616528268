/* SPDX-License-Identifier: ISC */
/*
 * A listening socket for one address of a listener, from which one worker accepts. The main thread
 * creates it and, once it is closed, frees it (crew/sockets.h). In between a worker has an acceptor
 * on it (listener.h).
 *
 * Its state says what the worker does with it. It is the only field that changes while both threads
 * may use it:
 *
 *	PREPARED ── listener_open() ──▶ ACCEPTED ── listener_drain() ──▶ DRAINING
 *	                                   └──── listener_close() ──▶ CLOSED ◀──┘
 *
 *	state     moved to it by   its fd is         it may
 *	PREPARED  main thread      main thread's     let clients wait in its accept queue
 *	ACCEPTED  its worker       an acceptor's     accept clients
 *	DRAINING  its worker       an acceptor's     accept those in its accept queue, but no new
 *	                                             ones: a UNIX path may be given up
 *	CLOSED    its worker       closed            be freed
 *
 * A socket that systemd also holds cannot refuse new connections, so it stays ACCEPTED while it is
 * drained. So does every TCP socket on a kernel before 5.1, which has no SO_BINDTOIFINDEX.
 *
 * Two fields say to which listener it belongs: `listener` in the config in force, `next` in the
 * config to come. Only the main thread writes them, and never while a worker reads them. A worker
 * reads `next` when it begins to accept, and `listener` when it switches to another generation.
 *
 *	        listener  next
 *	new     NONE      b      made for the config to come
 *	stays   a         b      in both configs; its listener may have two names
 *	leaves  a         NONE   in the config in force, but not in the one to come
 *	goes    NONE      NONE   in neither: its worker drains it; freed when it is CLOSED
 *
 *	reload, prepared   `next` is set; missing sockets are made, and are PREPARED
 *	        accepted   the workers accept from the new sockets
 *	        committed  listener = next, so sockets that leave become ones that go
 *	        cancelled  next = listener, so new sockets go; freed at once if PREPARED
 *	stop               the workers drain or close all sockets, whatever their fields
 *	drain by hand      the workers drain weir's own sockets, which then go (sockets_forget());
 *	                   systemd's stay. Undoing it makes new ones
 */
#ifndef WEIR_PROXY_BOUND_SOCKET_H
#define WEIR_PROXY_BOUND_SOCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/listen.h"

/** Instead of the index of a listener: the socket belongs to none in this config. */
#define LISTENER_NONE SIZE_MAX

enum bound_state {
	BOUND_PREPARED,
	BOUND_ACCEPTED,
	BOUND_DRAINING,
	BOUND_CLOSED,
};

struct bound_socket {
	/* What it is: written once, before a worker knows it. */
	struct addr addr; /**< as the config has it */
	bool is_unix;     /**< not TCP */
	bool mptcp;       /**< bound as Multipath TCP, or at least requested so */
	/** For a socket of systemd: its options before weir changed any. NULL: it is weir's own
	 * socket. */
	struct sockopts_kept *kept;
	size_t worker; /**< the worker that accepts from it */

	/* Used by both threads: see above. */
	_Atomic enum bound_state state;

	/* Used by the worker when it begins to accept or switches; otherwise only by the main
	 * thread. */
	struct listen_socket listen; /**< fd -1 once an acceptor has it */
	size_t listener;             /**< its index in the config in force, or LISTENER_NONE */
	size_t next;                 /**< its index in the config to come, or LISTENER_NONE */

	/* Used only by the main thread. */
	struct file_access access; /**< of a UNIX path */
	bool has_next_access; /**< the path already has the mode and owner of the config to come */
	/** While a config is prepared: the next socket with this address. */
	struct bound_socket *same;
};

/** Whether it is the only socket on its address, so that its worker accepts for all workers. */
static inline bool bound_is_for_all(const struct bound_socket *bound)
{
	return bound->is_unix || bound->kept != NULL;
}

/** Whether it was made for the config to come. */
static inline bool bound_is_new(const struct bound_socket *bound)
{
	return bound->listener == LISTENER_NONE && bound->next != LISTENER_NONE;
}

/** Whether it belongs to no config any more, so that it is to be drained. */
static inline bool bound_goes(const struct bound_socket *bound)
{
	return bound->listener == LISTENER_NONE && bound->next == LISTENER_NONE;
}

#endif
