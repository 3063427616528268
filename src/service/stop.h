/* SPDX-License-Identifier: ISC */
/*
 * Stopping, all of it inside timeouts.drain, which is counted from the first signal:
 *
 *	signal ── drain.grace ──▶ drain: idle pairs, at last the others ──▶ quiet: end of loop
 *	              │                         │                            ▲
 *	              └───── second signal ─────┴──▶ end: all pairs, now ────┘
 *	                     or end of budget
 *
 * During the grace weir accepts as ever. Which pair the drain ends when is deadline.h's business;
 * at the end of the budget there is none left, and the listeners close, with the clients that still
 * wait in their queues.
 *
 * Until the budget is over systemd is asked for more time whatever the pairs do, so that weir ends
 * them and not its SIGKILL; without a budget ("none") only as long as they become fewer.
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
	/** The time that systemd is asked for, again and again: a weir that hangs is not waited for
	 * any longer. */
	STOP_EXTEND_S = 30,
	STOP_MARGIN_S = 5, /**< what is asked for beyond the budget, to end in */
};

/** sudo, shells and systemd may send the signal twice: if the same signal comes so soon after the
 * first, it does not count as a second one. */
#define STOP_SAME_NS ((uint64_t)NS_PER_S)

enum stop_phase {
	STOP_RUNNING, /**< not asked to stop */
	STOP_GRACE,
	STOP_DRAIN,
	STOP_END, /**< a second signal has come, or the budget is over */
};

/** The main thread's. Set up by stop_open(), all pointers borrowed. */
struct stop {
	struct loop *loop; /**< the main one */
	struct proxy_shared *shared;
	struct crew *crew;
	struct shut_order shut;
	struct drain_order drain;
	struct end_order end;
	enum stop_phase phase;
	int signal;        /**< the first */
	uint64_t start_ns; /**< when it came */
	struct conf_drain how;
	uint64_t grace_end_ns;
	uint64_t end_ns;                   /**< of the whole budget; NS_NEVER: none */
	struct timer timer;                /**< the end of the grace, then of the budget */
	uint32_t n_pairs;                  /**< at the last look */
	void (*drains)(struct stop *stop); /**< the drain begins; may be NULL */
	void (*over)(struct stop *stop);   /**< all is quiet: the process may end */
};

/** 0 or -ENOMEM. The fields up to crew must be set, the others zeroed. */
int stop_open(struct stop *stop);

/** Idempotent, also on zeroed memory. */
void stop_close(struct stop *stop);

/**
 * A signal asked to stop: the first time it drains by `conf`, after a grace of `grace_ns` instead
 * of the config's, and the second time it ends at once; but see STOP_SAME_NS.
 */
void stop_signal(struct stop *stop, const struct conf *conf, uint64_t grace_ns, int number);

/** Call it once a second: asks systemd for more time, if there is need and reason. */
void stop_tick(struct stop *stop);

/** How much time is left of the grace, or of the whole budget after it; NS_NEVER: no end. */
uint64_t stop_left_ns(const struct stop *stop, uint64_t now_ns);

/** No worker has a listener or a session left: it is over if nothing is on its way to one. */
void stop_check_quiet(struct stop *stop);

/**
 * How much time to ask systemd for, in us; 0: none. `fewer`: the pairs have become fewer since the
 * last time.
 */
uint64_t stop_extension_us(const struct stop *stop, uint64_t now_ns, bool fewer);

#endif
