/* SPDX-License-Identifier: ISC */
/*
 * One worker's part of the proxy: its listeners, its sessions, its numbers.
 *
 * A proxy lives on one loop and is touched by that loop's thread alone; every function asserts it.
 * What its sessions and listeners need of it is its part (part.h); what the workers share stands in
 * shared.h. Nothing below includes this file: what comes up from there are the calls of its part.
 *
 * Drain, in two steps: proxy_shut() lets nobody new in, and closes the listeners once their queues
 * are served; proxy_drain() lets the drain end the sessions (deadline.h). While it is shut, quiet()
 * is called whenever no acceptor and no session is left here (again if another worker hands over a
 * late connection). proxy_shut_own() is less: what systemd listens on too goes on accepting, so
 * there is no quiet(). proxy_reopen() undoes all of these.
 */
#ifndef WEIR_PROXY_PROXY_H
#define WEIR_PROXY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "proxy/part.h"
#include "proxy/shared.h"
#include "stream/loop.h"

struct bound_socket;
struct generation;
struct terms;

/** Which listeners, of now and to come, let nobody in. */
enum proxy_shut {
	PROXY_OPEN,
	PROXY_SHUT_OWN, /**< all on sockets of weir's own */
	PROXY_SHUT_ALL,
};

struct proxy {
	struct part part;      /**< what its sessions and listeners know of it */
	struct list listeners; /* struct listener::link: on sockets of weir's own */
	struct list kept;      /* struct listener::link: on what systemd listens on too */
	struct list changing;  /* struct listener::link: to be switched, drained or closed, soon */
	struct part_walk sessions_changing; /**< they are drained, or wound anew; zeroed: none is */
	struct generation *before;          /**< a reference, while it switches; or NULL */
	size_t n_applied;       /**< offers of `before` whose terms have got what is applied */
	struct terms *applying; /**< the next in use that are to get them; or NULL */
	uint64_t applying_ns;   /**< since when this is in force */
	struct task change;     /**< the next slice of all that */
	enum proxy_shut shut;
	bool ending; /**< it is shut, and listeners close at once */
	void *owner;
	void (*quiet)(void *owner); /**< see above */
	/** proxy_switch() is done. Maybe from inside it. May be NULL. */
	void (*switched)(void *owner);
	/** A UNIX socket lets nobody new in any more: BOUND_DRAINING. May be NULL. */
	void (*refuses)(void *owner);
};

/** Sets up on the calling thread's `loop`; cannot fail. */
void proxy_init(struct proxy *proxy, struct loop *loop, struct proxy_shared *shared, size_t index);

/**
 * Accepts from the socket, for the listener that is next in the conf of `generation`: the one in
 * force, or the next. 0 or a negative errno: the fd is then still the caller's.
 */
int proxy_listen(struct proxy *proxy, struct generation *generation, struct bound_socket *socket);

/**
 * Switches to another generation: its terms are those of connections to come, and listeners whose
 * sockets go are drained. Open pairs are left alone, unless its conf applies anything to them. As
 * proxy_drain() and proxy_end(), it does so in slices, so that thousands of listeners and sessions
 * hold up no pair: switched() tells the end, and until then it must not be called again.
 */
void proxy_switch(struct proxy *proxy, struct generation *generation);

/** Stops accepting once the listeners' queues are served; what is open goes on. Idempotent. */
void proxy_shut(struct proxy *proxy);

/** The same for the listeners on sockets of weir's own. */
void proxy_shut_own(struct proxy *proxy);

/** Whether listeners are still to be switched, drained or closed, soon. */
bool proxy_is_changing(const struct proxy *proxy);

/** From now on the drain may end what is open and what still comes. Again with another plan. */
void proxy_drain(struct proxy *proxy, const struct deadline_drain *drain);

/** Ends the pairs of servers whose pairs are to end (server::ends_pairs), in slices. */
void proxy_end_pairs(struct proxy *proxy);

/**
 * Undoes proxy_shut(), proxy_shut_own() and proxy_drain(): no drain ends anybody any more, and
 * proxy_listen() lets clients in again. It needs new sockets: the old ones go on closing, with
 * nobody lost from their queues. Not after proxy_end().
 */
void proxy_reopen(struct proxy *proxy);

/** Closes the listeners at once and ends what is open, which was due at `now_ns`. */
void proxy_end(struct proxy *proxy, uint64_t now_ns);

/** Closes what is left, without ceremony: for errors at start. All sessions must be gone. */
void proxy_fini(struct proxy *proxy);

#endif
