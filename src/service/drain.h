/* SPDX-License-Identifier: ISC */
/*
 * A drain by hand: weir is taken out of service, and put back, while the process goes on.
 *
 *	NONE ── drain ──▶ GRACE ── its end ──▶ SHUTTING ── all workers are ──▶ SHUT
 *	  ▲                 │
 *	  └──── undrain ────┘
 *	SHUT ── undrain ──▶ SETTLING ── all are bound ──▶ OPENING ── all workers accept ──▶ NONE
 *	                        │                            │
 *	SHUT ◀── one cannot be ─┘    SHUTTING ◀── one cannot ┘
 *
 * A request is answered only in a state in which weir may stay: NONE, GRACE or SHUT; a request that
 * comes in another state waits for one of these. In all states but NONE weir is not ready. During
 * the grace it lets clients in as before; then its own listeners close as at a stop, and systemd's
 * sockets go on accepting. Open pairs are left alone, unless the request says to end them.
 *
 * A reload leaves the drain as it is (sockets_forget()); a reload and a drain never work on the
 * sockets at the same time (sockets::is_busy). A stop works differently (stop.h), and does not wait
 * again for the part of the grace that has passed here.
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
	DRAIN_SETTLING, /**< until the sockets of before are closed, a moment */
	DRAIN_OPENING,
};

/** What it works on, all borrowed. */
struct drain_opts {
	struct loop *loop; /**< the main one */
	const char *path;  /**< of the config, for errors; NULL: it has none */
	struct proxy_shared *shared;
	struct crew *crew;
	struct sockets *sockets;
	const struct inherited *inherited;
	const struct stop *stop;
};

struct drain {
	struct drain_opts opts;
	enum drain_state state;
	struct list waiting; /* struct control_drain::request.link; of what comes next */
	struct list asking;  /* the same; of the change under way */
	struct task begin;
	struct timer timer; /**< the end of the grace; or another look at the sockets */
	uint64_t grace_ns;
	uint64_t start_ns; /**< since when weir is not ready */
	uint64_t grace_end_ns;
	uint64_t settle_ns; /**< SETTLING: since when */
	bool ends_pairs;
	uint64_t pairs_end_ns; /**< SHUT: when the last one is ended; NS_NEVER: none is */
	bool failed;           /**< a worker could not accept: the others are shut again */
	char *text;            /**< why it cannot be undone, in lines; or NULL */
	struct shut_order shut;
	struct drain_order end_pairs;
	struct accept_order accept;
};

/** Sets it up; opts are copied. 0 or -ENOMEM. */
int drain_open(struct drain *drain, const struct drain_opts *opts);

/** When the workers have stopped; answers nobody. Idempotent, also on zeroed memory. */
void drain_close(struct drain *drain);

/**
 * Asks for a drain, or for its undoing. Answered later; `ask` stays the asker's. A second request
 * for a drain gives it another grace, if the grace is not over, or has the pairs ended too. If an
 * undoing fails, the answer names every address that could not be bound, and weir stays drained.
 */
void drain_ask(struct drain *drain, struct control_drain *ask);

/** What is left of the grace, or until the last open pair is ended; NS_NEVER: neither has an end,
 * or no pair is open that will be ended. */
uint64_t drain_left_ns(const struct drain *drain, uint64_t now_ns);

/** A stop begins: all requests are refused. Returns the grace that is left for the stop: what is
 * left of the config's, or of that of a drain by hand if this is over earlier. */
uint64_t drain_yield(struct drain *drain);

#endif
