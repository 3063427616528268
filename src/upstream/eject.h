/* SPDX-License-Identifier: ISC */
/*
 * Ejection: a server at which pairs fail gets no new ones for a while.
 *
 *	sessions ── group_told() ──▶ streak.h ── so many in a row ──▶ the main thread:
 *	ejected, unless so many are already, or no other is usable ── `for` is over ──▶ returned
 *
 * What counts cannot be caused by a client: connects that fail or time out, and resets by the
 * server before its first byte where nothing of the client had gone to it. What does not: the
 * client's own end, whatever the session was at; lifetime and drain; what weir is short of (fds,
 * memory, ports, threads for lookups); a name that has no address; a loop that weir forbids; failed
 * checks.
 *
 * An ejected server has a reference to its group and to a member of its own here, so both outlive
 * a config without them: what comes back within `for` is ejected still. All of it is the main
 * thread's.
 */
#ifndef WEIR_UPSTREAM_EJECT_H
#define WEIR_UPSTREAM_EJECT_H

#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "stream/loop.h"
#include "stream/timer.h"

struct groups;

/** An ejection that comes so soon after a return lasts twice as long as the one before, and at most
 * EJECT_MAX_NS, or `for` where that is longer. */
#define EJECT_AGAIN_NS ((uint64_t)300 * NS_PER_S)
#define EJECT_MAX_NS   ((uint64_t)300 * NS_PER_S)

/** All servers that are ejected. Zeroed: closed. */
struct ejections {
	struct groups *groups; /**< NULL: closed */
	struct list all;       /* struct server_ejection::link */
	struct task taker;     /**< of full streaks */
	struct timer timer;    /**< the next return */
};

/** Failures are counted from now on; no worker runs yet. 0 or -ENOMEM. */
int ejections_open(struct ejections *ejections, struct groups *groups, struct loop *loop);

/** The workers have ended. Gives all references back, and logs nothing. Idempotent. */
void ejections_close(struct ejections *ejections);

/** Another plan is in force, by a config or by DNS. Returns the servers that it does not let stay
 * ejected: all with eject = "off", else as many as exceed at_most, those first that are due
 * first. */
void ejections_settle(struct ejections *ejections);

#endif
