/* SPDX-License-Identifier: ISC */
/*
 * A drain by hand takes weir out of service, and can be undone, while the process goes on.
 *
 *	NONE ── drain ──▶ GRACE ── its end ──▶ SHUTTING ── all workers shut ──▶ SHUT
 *	  ▲                 │
 *	  └──── undrain ────┘
 *	SHUT ── undrain ──▶ SETTLING ── all are bound ──▶ OPENING ── all workers accept ──▶ NONE
 *	                       │                             │
 *	SHUT ◀─ a bind failed ─┘     SHUTTING ◀─ one failed ─┘
 *
 * A request is answered only in a state that can last: NONE, GRACE or SHUT; a request that arrives
 * in another state waits for one of these. In all states but NONE weir is not ready. During the
 * grace it lets clients in as before. After the grace the listeners on its own sockets close as at
 * a stop, while systemd's sockets go on accepting. Open pairs are left alone, unless the request
 * says to end them.
 *
 * A reload does not end the drain (sockets_forget()); a reload and a drain never change the sockets
 * at the same time (sockets::is_busy). A stop is handled by stop.h, with the grace that
 * drain_grace_ns() returns.
 */
#ifndef WEIR_SERVICE_DRAIN_H
#define WEIR_SERVICE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "crew/orders.h"
#include "stream/loop.h"
#include "stream/timer.h"

struct control_drain;
struct crew;
struct inherited;
struct proxy_shared;
struct sockets;
struct stop;

enum drain_state {
	DRAIN_NONE,
	DRAIN_GRACE,
	DRAIN_SHUTTING,
	DRAIN_SHUT,
	DRAIN_SETTLING, /**< for a moment, until the old sockets are closed */
	DRAIN_OPENING,
};

/** What it works on; all pointers are borrowed. */
struct drain_opts {
	struct loop *loop; /**< the main one */
	const char *path;  /**< path of the config, for errors; NULL: there is no file */
	struct proxy_shared *shared;
	struct crew *crew;
	struct sockets *sockets;
	const struct inherited *inherited;
	const struct stop *stop;
};

struct drain {
	struct drain_opts opts;
	enum drain_state state;
	struct list waiting; /* struct control_drain::request.link: requests for the next change */
	struct list asking;  /* likewise: requests for the change under way */
	struct task begin;
	struct timer timer; /**< for the end of the grace, or for another look at the sockets */
	uint64_t grace_ns;
	uint64_t start_ns; /**< since when weir is not ready */
	uint64_t grace_end_ns;
	uint64_t settle_ns; /**< SETTLING: when it began */
	bool ends_pairs;
	/** SHUT: when the last open pair is ended; NS_NEVER: there is no such time. */
	uint64_t pairs_end_ns;
	/** A worker could not accept, or a stop began meanwhile, so all are shut again. */
	bool failed;
	char *text; /**< why it cannot be undone, one reason on each line; or NULL */
	struct shut_order shut;
	struct drain_order end_pairs;
	struct accept_order accept;
};

/** Sets it up; `opts` are copied. 0 or -ENOMEM. */
int drain_open(struct drain *drain, const struct drain_opts *opts);

/** Closes it, when the workers have stopped, without answering requests. Idempotent, also on zeroed
 * memory. */
void drain_close(struct drain *drain);

/**
 * Requests a drain, or the undoing of one. The answer comes later; the caller owns `ask`. A second
 * request for a drain can change the grace while it is not over, and can ask for the pairs to be
 * ended too. If undoing fails, the answer names every address that could not be bound, and weir
 * stays drained.
 */
void drain_ask(struct drain *drain, struct control_drain *ask);

/** The time left of the grace, or else until the last open pair is ended. NS_NEVER: there is no
 * such end, or no open pair will be ended. */
uint64_t drain_left_ns(const struct drain *drain, uint64_t now_ns);

/** The grace for a stop that begins now: what is left of the config's grace or of this drain's,
 * whichever is over earlier. */
uint64_t drain_grace_ns(const struct drain *drain);

/** Call it when a stop has begun: refuses all requests. */
void drain_yield(struct drain *drain);

#endif
