/* SPDX-License-Identifier: ISC */
/*
 * One worker's part of the proxy: its listeners, its sessions, its numbers.
 *
 * A proxy belongs to one loop, and only that loop's thread may call these functions; all but
 * proxy_init() assert it. What its sessions and listeners need is in its part (part.h); what all
 * workers share is in shared.h. No lower layer includes this file: sessions and listeners report to
 * the proxy through the callbacks of its part.
 *
 * A drain has two steps: proxy_shut() lets no new client in and closes each listener once the
 * clients in its accept queue were accepted; proxy_drain() lets the drain end the sessions
 * (deadline.h). While the proxy is shut, quiet() is called whenever no acceptor and no session is
 * left here (again if another worker hands over a late connection). proxy_shut_own() does the same
 * only for weir's own sockets: those that systemd also holds go on accepting, so quiet() is not
 * called. proxy_reopen() undoes all of these.
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

/** Which listeners, present and future, let no client in. */
enum proxy_shut {
	PROXY_OPEN,
	PROXY_SHUT_OWN, /**< all that are on weir's own sockets */
	PROXY_SHUT_ALL,
};

struct proxy {
	struct part part;      /**< what its sessions and listeners use */
	struct list listeners; /* struct listener::link: those on weir's own sockets */
	struct list kept;      /* struct listener::link: those on sockets that systemd holds too */
	struct list changing;  /* struct listener::link: to be switched, drained or closed soon */
	/** Goes through the sessions, and applies to each the drain, the timeouts, the access lists
	 * and server::ends_pairs. Zeroed: there is nothing to apply. */
	struct part_walk sessions_changing;
	struct generation *before; /**< a reference to the previous one during a switch; or NULL */
	size_t n_applied;          /**< offers of `before` whose terms have been updated */
	struct terms *applying;    /**< the terms in use that are updated next; or NULL */
	uint64_t applying_ns;      /**< since when the updates are in force */
	struct task change;        /**< the next slice of these changes */
	enum proxy_shut shut;
	bool ending; /**< it is shut, and its listeners close at once */
	void *owner;
	void (*quiet)(void *owner); /**< see above */
	/** proxy_switch() is complete. May be called from inside it. May be NULL. */
	void (*switched)(void *owner);
	/** A UNIX socket has stopped letting new clients in (BOUND_DRAINING). May be NULL. */
	void (*refuses)(void *owner);
};

/** Sets it up on `loop`, which is that of the calling thread. Cannot fail. */
void proxy_init(struct proxy *proxy, struct loop *loop, struct proxy_shared *shared, size_t index);

/**
 * Starts accepting from the socket, for the listener bound_socket::next in the conf of
 * `generation`, which is the one in force or the next one. 0, or a negative errno: then the caller
 * still owns the fd.
 */
int proxy_listen(struct proxy *proxy, struct generation *generation, struct bound_socket *socket);

/**
 * Switches to another generation: new connections have its terms, and listeners whose sockets
 * belong to no config any more are drained. Open pairs are left alone, unless the new conf applies
 * settings to them. Like proxy_drain() and proxy_end() it works in slices, so that thousands of
 * listeners and sessions do not delay the pairs. It is complete when switched() is called, and must
 * not be called again before that.
 */
void proxy_switch(struct proxy *proxy, struct generation *generation);

/** Stops accepting once the clients in the accept queues were accepted; sessions go on.
 * Idempotent. */
void proxy_shut(struct proxy *proxy);

/** The same, but only for the listeners on weir's own sockets. */
void proxy_shut_own(struct proxy *proxy);

/** Whether some listeners are still to be switched, drained or closed. */
bool proxy_is_changing(const struct proxy *proxy);

/** From now on this drain, which is copied, may end sessions, present and future. May be called
 * again with another drain. */
void proxy_drain(struct proxy *proxy, const struct deadline_drain *drain);

/** Ends the pairs of all servers for which server::ends_pairs is set, in slices. */
void proxy_end_pairs(struct proxy *proxy);

/**
 * Undoes proxy_shut(), proxy_shut_own() and proxy_drain(): no drain ends sessions any more, and
 * proxy_listen() lets clients in again. That needs new sockets, because the old ones go on closing;
 * no client in their queues is lost. Must not be called after proxy_end().
 */
void proxy_reopen(struct proxy *proxy);

/** Closes the listeners at once, and ends all sessions, which were due at `now_ns`. */
void proxy_end(struct proxy *proxy, uint64_t now_ns);

/** Closes and frees what is left, at the end or after a failed start. All sessions must have
 * ended. */
void proxy_fini(struct proxy *proxy);

#endif
