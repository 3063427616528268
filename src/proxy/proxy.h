/* SPDX-License-Identifier: ISC */
/*
 * One worker's share of the proxy: its listeners, its sessions, its numbers.
 *
 * A proxy lives on one loop and is touched by that loop's thread alone; every function asserts it.
 * What the workers share is `struct proxy_shared`, made before them and freed after them.
 *
 * Drain: proxy_drain() stops accepting once the queues of the listeners are served, lets the drain
 * end the sessions (deadline.h), and quiet() is called whenever no acceptor and no session is left
 * here (again if another worker hands over a late connection).
 */
#ifndef WEIR_PROXY_PROXY_H
#define WEIR_PROXY_PROXY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hdr.h"
#include "base/list.h"
#include "conf/conf.h"
#include "proxy/deadline.h"
#include "proxy/end.h"
#include "proxy/limits.h"
#include "proxy/own.h"
#include "stream/loop.h"
#include "upstream/failures.h"

struct bound_socket;
struct generation;
struct listener;
struct proxy;
struct resolver;
struct terms;

/** What all workers share; read-only but for the limits and the failures. */
struct proxy_shared {
	/** That in which a worker starts; the main thread's. */
	struct generation *generation;
	struct resolver *resolver;
	struct limit pairs;
	struct failures_list failures;
	struct chains chains;             /**< which listener led to which */
	struct limits limits;             /**< of the listeners */
	_Atomic uint64_t resting_told_ns; /**< for tell_rarely(): an acceptor rests */
	atomic_int spare_fds;   /**< for a second address of a name, while the first is tried */
	size_t n_pipes;         /**< for splicing, of each worker; 0: none */
	struct proxy **proxies; /**< one for each worker */
	size_t n_proxies;
};

/** Counted by the worker, read by anybody. */
struct proxy_counters {
	_Atomic uint64_t n_accepted;
	_Atomic uint64_t n_half_closed;         /**< of the open pairs */
	_Atomic uint64_t n_closed[END_REASONS]; /**< by reason */
	_Atomic uint64_t ended_ns;              /**< when a pair last ended; 0: none has */
};

/** Adds to one of them; on the worker's thread, which is the only one that writes. */
static inline void proxy_count(_Atomic uint64_t *counter, int by)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, n + (uint64_t)by, memory_order_relaxed);
}

struct proxy {
	struct loop *loop;
	struct proxy_shared *shared;
	size_t index; /**< in shared->proxies */
	uint64_t n_sessions_made;
	size_t n_sessions;
	struct list sessions;  /* struct session::link */
	struct list listeners; /* struct listener::link */
	struct list changing;  /* struct listener::link: to be turned, drained or closed, soon */
	struct list sessions_changing; /* struct session::link: to be drained, or wound anew */
	struct generation *before;     /**< a reference, while it turns; or NULL */
	size_t n_applied;              /**< offers of `before` whose terms have got new timeouts */
	struct terms *applying;        /**< the next in use that are to get them; or NULL */
	uint64_t applying_ns;          /**< since when these are in force */
	struct task change;            /**< the next slice of all that */
	struct list waiting;           /* struct listener::waiting: paused at a limit */
	struct list retrying;          /* struct listener::waiting: to be looked at again, soon */
	struct list terms;             /* struct terms::link: what has users */
	struct generation *current;    /**< the one in force: a reference */
	struct own_cache own_cache;
	bool draining;
	bool ending;                 /**< listeners close at once */
	struct deadline_drain drain; /**< while draining; the pairs borrow it */
	struct task resume; /**< posted by whoever makes room below a limit that is waited for */
	struct task retry;  /**< the next slice of `retrying` */
	atomic_bool resume_posted;
	struct proxy_counters counters;
	/** How late the timers struck, in us: one for each enum deadline_kind. Read by anybody;
	 * NULL where there was no memory for them. */
	struct hdr *late;
	void *owner;
	void (*quiet)(void *owner); /**< see above */
	/** proxy_turn() is done. Maybe from inside it. May be NULL. */
	void (*turned)(void *owner);
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
 * Turns to another generation: its terms are those of connections to come, and listeners whose
 * sockets go are drained. Open pairs are left alone, unless its conf applies timeouts to them. As
 * proxy_drain() and proxy_end(), it does so in slices, so that thousands of listeners and sessions
 * hold up no pair: turned() tells the end, and until then it must not be called again.
 */
void proxy_turn(struct proxy *proxy, struct generation *generation);

/** Stops accepting once the listeners' queues are served, and drains what is open; once. */
void proxy_drain(struct proxy *proxy, const struct deadline_drain *drain);

/** Closes the listeners at once and ends what is open, which was due at `now_ns`. */
void proxy_end(struct proxy *proxy, uint64_t now_ns);

/** Closes what is left, without ceremony: for errors at start. All sessions must be gone. */
void proxy_fini(struct proxy *proxy);

/**
 * Takes a place under the listener's own limit and the global one, and returns NULL; or the limit
 * that is full: then none is taken, and whoever asks has to wait (proxy_wait()).
 */
struct limit *proxy_admit(struct proxy_shared *shared, struct limit *own);

/** Pairs may begin, where their limit was closed until all is in place; the start's last step. */
void proxy_open(struct proxy_shared *shared);

/** Gives both places back and wakes the listeners that wait for one. */
void proxy_leave(struct proxy_shared *shared, struct limit *own);

/**
 * From now on the limits are these: `max_pairs` in all, and those of the generation's listeners.
 * Wakes the listeners that wait, if there is room. The main thread.
 */
void proxy_enforce(
	struct proxy_shared *shared, const struct generation *generation, uint32_t max_pairs);

/** The listener is paused, since it was not admitted: resumes it when it may be. */
void proxy_wait(struct proxy *proxy, struct listener *listener);

/** The listener is drained: closes it, soon, as one of many. */
void proxy_close(struct proxy *proxy, struct listener *listener);

/** For the session: one less here. */
void proxy_session_ended(struct proxy *proxy);

/** After a delivery: it may have been the last that was to come. */
void proxy_check_quiet(struct proxy *proxy);

#endif
