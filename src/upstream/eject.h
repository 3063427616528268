/* SPDX-License-Identifier: ISC */
/*
 * Ejection: a server whose pairs keep failing gets no new pairs for a while.
 *
 *	sessions ── group_told() ──▶ streak.h ── enough failures in a row ──▶ the main thread:
 *	ejects it, unless too many servers are ejected already, or no other one is usable
 *	── after `for` ──▶ returned
 *
 * Only failures count that a client cannot cause: connects that fail or time out, and resets by the
 * server before its first byte, if nothing of the client's data was sent to it. These do not count:
 * an end by the client, at any stage; lifetime and drain; a lack of weir's own resources (fds,
 * memory, ports, threads for lookups); a failed lookup of the server's name; a connection refused
 * because it would lead back to weir; failed checks.
 *
 * An ejected server keeps, in its struct server_ejection, a reference to its group and one to a
 * member of its own. So both survive a config without them: a server that comes back within `for`
 * is still ejected. All of this is for the main thread.
 */
#ifndef WEIR_UPSTREAM_EJECT_H
#define WEIR_UPSTREAM_EJECT_H

#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "stream/loop.h"
#include "stream/timer.h"

struct groups;

/**
 * If a server is ejected again within this time after its return, the ejection lasts twice as long
 * as the one before, but at most EJECT_MAX_NS, or `for` if that is longer.
 */
#define EJECT_AGAIN_NS ((uint64_t)300 * NS_PER_S)
#define EJECT_MAX_NS   ((uint64_t)300 * NS_PER_S)

/** All ejected servers. Zeroed: closed. */
struct ejections {
	struct groups *groups; /**< NULL: closed */
	struct list all;       /* struct server_ejection::link */
	struct task taker;     /**< handles full streaks */
	struct timer timer;    /**< for the next return */
};

/** Starts to count failures; no worker may run yet. 0 or -ENOMEM. */
int ejections_open(struct ejections *ejections, struct groups *groups, struct loop *loop);

/** Call it when the workers have ended. Gives all references back and logs nothing. Idempotent. */
void ejections_close(struct ejections *ejections);

/**
 * Call it when another plan is in force, by a config or by DNS. Ends the ejections that the plan
 * does not allow: all with eject = "off", else as many as exceed at_most, beginning with those that
 * would end first.
 */
void ejections_settle(struct ejections *ejections);

#endif
