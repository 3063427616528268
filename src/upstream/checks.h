/* SPDX-License-Identifier: ISC */
/*
 * The active checks of all servers (check.h), on the main thread. This module decides which servers
 * of the groups in force are checked, and acts on the results: it sets the server's state, writes a
 * log line, and with on_down = "end" ends the server's open pairs.
 *
 *	a config comes into force:	checks_begin(), checks_follow() for each of its groups,
 *					checks_end()
 *	a group has other members:	checks_renew()
 *
 * A server that stays a member of its group keeps its check, with all results, and with the due
 * times unless its interval changes (check_set()). A server that is no member any more loses its
 * check. A server without a check is up.
 *
 *	event=server_down upstream=app server=10.0.0.1:80 why=connect_failed checks=3 lasted_ms=...
 *	event=server_up upstream=app server=10.0.0.1:80 why=connected checks=2 lasted_ms=...
 *
 * lasted_ms is how long the server was in the other state. `why` is the result of the last check
 * (probe_result_name()), or no_check if a config has removed the check of a server that was down.
 */
#ifndef WEIR_UPSTREAM_CHECKS_H
#define WEIR_UPSTREAM_CHECKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct conf_upstream;
struct group;
struct loop;
struct resolver;
struct server;

struct checks {
	struct loop *loop;
	struct resolver *resolver;
	atomic_int fds;       /**< how many fds are left for checks, see struct probe_question */
	struct list groups;   /* struct checked_group::link */
	uint32_t n_opened;    /**< checks opened so far, for check_phase() */
	uint32_t n_unjudged;  /**< checks that could not be made and were not logged yet */
	uint64_t unjudged_ns; /**< when such checks were logged last */
	bool is_incomplete;   /**< a check is missing for lack of memory */
};

/**
 * Starts without groups and without fds. `loop` is the main thread's; `resolver` is borrowed until
 * the close.
 */
void checks_open(struct checks *checks, struct loop *loop, struct resolver *resolver);

/** Ends all checks. Zeroed memory is fine. */
void checks_close(struct checks *checks);

/** A new config comes into force; its groups follow. */
void checks_begin(struct checks *checks);

/**
 * This config is now in force for the group; it must stay until the next one is. If there is no
 * memory for the group, that is logged, and none of its servers is checked until the next config.
 * checks_tick() opens the checks of single servers that are missing for lack of memory.
 */
void checks_follow(struct checks *checks, struct group *group, const struct conf_upstream *conf);

/**
 * Ends the checks of groups that were not followed since checks_begin(): the config has their
 * upstreams no more.
 */
void checks_end(struct checks *checks);

/** The group has other members, with the same config. */
void checks_renew(struct checks *checks, const struct group *group);

/**
 * Call it after an administrator has changed a setting of the server: decides whether its open
 * pairs must end.
 */
void checks_settle_pairs(const struct group *group, struct server *server);

/** Call it once a second: opens the checks of single servers that are missing. */
void checks_tick(struct checks *checks);

/** How many servers the groups in force have, and to how many of them new pairs may go. */
void checks_count(const struct checks *checks, size_t *ret_usable, size_t *ret_all);

#endif
