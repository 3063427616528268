/* SPDX-License-Identifier: ISC */
/*
 * Stops the process within timeouts.drain (the budget), counted from the first signal:
 *
 *	signal ── drain.grace ──▶ drain: idle pairs, then the others ──▶ quiet: end of loop
 *	              │                         │                            ▲
 *	              └───── second signal ─────┴──▶ end: all pairs at once ─┘
 *	                     or end of budget
 *
 * During the grace weir accepts as before. When the drain begins, the listeners let no new client
 * in, and each closes when the clients in its accept queue were accepted. deadline.h decides when
 * the drain ends each pair. At the end of the budget no pair is left; then the listeners that are
 * still open close, and clients that still wait in their accept queues are lost.
 *
 * Until the budget is over weir asks systemd for more time, so that the pairs are ended by weir and
 * not by systemd's SIGKILL. Without a budget ("none") it does so during the grace, and then only as
 * long as the number of pairs falls.
 */
#ifndef WEIR_SERVICE_STOP_H
#define WEIR_SERVICE_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "crew/orders.h"
#include "stream/timer.h"

struct loop;
struct proxy_shared;

enum {
	/** The time that weir asks systemd for, again and again. If weir hangs, systemd waits no
	 * longer than this. */
	STOP_EXTEND_S = 30,
	STOP_MARGIN_S = 5, /**< time asked for beyond the budget, for the end of the process */
};

/** The signal may come twice from sudo, shells and systemd. If the same signal comes again within
 * this time, it does not count as the second one. */
#define STOP_SAME_NS ((uint64_t)NS_PER_S)

enum stop_phase {
	STOP_RUNNING, /**< not asked to stop */
	STOP_GRACE,
	STOP_DRAIN,
	STOP_END, /**< a second signal has come, or the budget is over */
};

/** Belongs to the main thread. Set up by stop_open(); all pointers are borrowed. */
struct stop {
	struct loop *loop; /**< the main one */
	struct proxy_shared *shared;
	struct crew *crew;
	struct shut_order shut;
	struct drain_order drain;
	struct end_order end;
	enum stop_phase phase;
	int signal;        /**< the first one */
	uint64_t start_ns; /**< when it came */
	struct conf_drain how;
	uint64_t grace_end_ns;
	uint64_t end_ns;    /**< the end of the whole budget; NS_NEVER: there is none */
	struct timer timer; /**< for the end of the grace, then of the budget */
	uint32_t n_pairs;   /**< at the last stop_tick() */
	void (*drains)(struct stop *stop); /**< called when the drain begins; may be NULL */
	void (*over)(struct stop *stop);   /**< called when all is quiet: the process may end */
};

/** Sets it up. The caller has set `loop`, `shared`, `crew`, `over` and, if wanted, `drains`, and
 * zeroed the others. 0 or -ENOMEM. */
int stop_open(struct stop *stop);

/** Idempotent, also on zeroed memory. */
void stop_close(struct stop *stop);

/**
 * Call it for a signal that asks weir to stop. The first one starts a drain as `conf` says, but
 * with a grace of `grace_ns`. The second one ends all pairs at once; but see STOP_SAME_NS.
 */
void stop_signal(struct stop *stop, const struct conf *conf, uint64_t grace_ns, int number);

/** Call it once a second: asks systemd for more time if that is needed and justified
 * (stop_extension_us()). */
void stop_tick(struct stop *stop);

/** The time left of the grace or, after it, of the whole budget; NS_NEVER: it has no end. */
uint64_t stop_left_ns(const struct stop *stop, uint64_t now_ns);

/** Call it when no worker has a listener or a session left: during a stop calls over(), unless a
 * connection is on its way to a worker and has its place. */
void stop_check_quiet(struct stop *stop);

/**
 * How much time to ask systemd for, in us; 0: none. `fewer`: the number of pairs has fallen since
 * the last call.
 */
uint64_t stop_extension_us(const struct stop *stop, uint64_t now_ns, bool fewer);

#endif
