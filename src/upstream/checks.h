/* SPDX-License-Identifier: ISC */
/*
 * The active checks of all servers (check.h), on the main thread: which server of the groups in
 * force has which, and what follows from what they show: the server's state, a line in the log, and
 * with on_down = "end" the end of its open pairs.
 *
 *	a config is in force:	checks_begin(), checks_follow() each of its groups, checks_end()
 *	a group has other members:	checks_renew()
 *
 * A server that stays a member of its group keeps its check, with all that this has found out and
 * its due times; one that goes loses it. A server without a check is up.
 *
 *	event=server_down upstream=app server=10.0.0.1:80 why=connect_failed checks=3 lasted_ms=...
 *	event=server_up upstream=app server=10.0.0.1:80 why=connected checks=2 lasted_ms=...
 *
 * lasted_ms is how long it was the other. `why` is what the last check has shown
 * (probe_result_name()), or no_check, when a config has taken the check of a server that was down.
 */
#ifndef WEIR_UPSTREAM_CHECKS_H
#define WEIR_UPSTREAM_CHECKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct conf;
struct conf_upstream;
struct group;
struct loop;
struct resolver;
struct server;

struct checks {
	struct loop *loop;
	struct resolver *resolver;
	atomic_int fds;       /**< that checks under way may have, see struct probe_question */
	struct list groups;   /* struct checked_group::link */
	uint32_t n_opened;    /**< for the phases */
	uint32_t n_unjudged;  /**< that could not be made, and were not told of yet */
	uint64_t unjudged_ns; /**< when that was told last */
	bool is_incomplete;   /**< there was no memory for a check */
};

/** Without groups and fds. loop: the main thread's; resolver: borrowed, until the close. */
void checks_open(struct checks *checks, struct loop *loop, struct resolver *resolver);

/** Ends all checks. Fine on zeroed memory. */
void checks_close(struct checks *checks);

/** A config is in force, the groups of which follow. */
void checks_begin(struct checks *checks);

/** The group has the plan of this config in force, which stays until it has another. Without memory
 * for it nobody is checked there, which is logged. */
void checks_follow(struct checks *checks, struct group *group, const struct conf_upstream *conf);

/** Of groups that were not followed since checks_begin() nothing is checked any more. */
void checks_end(struct checks *checks, const struct conf *conf);

/** The members of a group have become others, with the same config. */
void checks_renew(struct checks *checks, const struct group *group);

/** An administrator has said something of the server: whether its pairs are to end now. */
void checks_settle_pairs(const struct group *group, struct server *server);

/** Call it once a second: makes the checks for which there was no memory. */
void checks_tick(struct checks *checks);

/** How many servers the groups in force have, and how many of these are usable. */
void checks_count(const struct checks *checks, size_t *ret_usable, size_t *ret_all);

#endif
