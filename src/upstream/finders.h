/* SPDX-License-Identifier: ISC */
/*
 * The groups with `discover`, on the main thread. Each has a finder, which asks DNS for the name in
 * the config (discover.h) and adds the servers that DNS finds to the group.
 *
 *	a config comes into force:	finders_begin(), finders_follow() for each of its groups
 *					with `discover`, finders_end()
 *	servers were found:		the group gets another plan: the servers of the config,
 *					then those that were found; renewed() is called
 *
 * If an address that was found is also in the config, the server of the config is used. Until the
 * first answer, sessions wait if no server of the group is usable (group_plan::is_awaited). If the
 * next config looks for the same (kind, name, port), the servers found so far stay. If no group has
 * `discover`, there is no DNS resolver and no fd.
 */
#ifndef WEIR_UPSTREAM_FINDERS_H
#define WEIR_UPSTREAM_FINDERS_H

#include <stdbool.h>

#include "base/list.h"

struct conf;
struct conf_upstream;
struct dns;
struct group;
struct group_plan;
struct finder;
struct loop;

struct finders {
	struct loop *loop;
	struct list all;         /* struct finder::link */
	struct dns *dns;         /**< NULL: no group has `discover`, or dns_open() has failed */
	bool asks_anew;          /**< between begin and end: the DNS servers have changed */
	bool is_short;           /**< something is missing for lack of memory */
	const struct conf *conf; /**< the config in force */
	/** A group has other servers than before. May be NULL. */
	void (*renewed)(void *owner, struct group *group);
	void *owner;
};

/** Starts without groups. `loop` is the main thread's. */
void finders_open(struct finders *finders, struct loop *loop);

/** Zeroed memory is fine. */
void finders_close(struct finders *finders);

/**
 * A new config comes into force, and its groups follow. It must stay until the next one is in
 * force.
 */
void finders_begin(struct finders *finders, const struct conf *conf);

/**
 * Puts this plan, of an upstream with `discover`, in force, with the servers that are known
 * already. If there is no memory for a finder, that is logged, and no server is found until the
 * next config. finders_tick() makes all else that is missing for lack of memory.
 */
void finders_follow(
	struct finders *finders, struct group_plan *plan, const struct conf_upstream *conf);

/** Frees the finders of groups that were not followed since finders_begin(). */
void finders_end(struct finders *finders);

/** Whether DNS answers the questions of this finder (struct group::finder). */
bool finder_is_well(const struct finder *finder);

/**
 * Call it once a second: applies a changed /etc/resolv.conf, and makes what is missing for lack of
 * memory.
 */
void finders_tick(struct finders *finders);

#endif
