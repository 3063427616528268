/* SPDX-License-Identifier: ISC */
/*
 * The groups with `discover`, on the main thread: whom DNS is asked for (discover.h), and that what
 * it finds are servers of the group.
 *
 *	a config is in force:	finders_begin(), finders_follow() each of its groups with
 *				`discover`, finders_end()
 *	something was found:	the group has another plan in force: the servers that the config
 *				has, then those that were found; renewed() is told
 *
 * A found address that is also written is the written one. Until the first answer a group waits:
 * its plan says so. A config that looks for the same (kind, name, port) keeps what was found. Where
 * no group looks for anything there is no resolver, and no fd.
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
	struct dns *dns;         /**< NULL: nothing is looked for, or there was no memory */
	bool asks_anew;          /**< between begin and end: others are asked from now on */
	bool is_short;           /**< there was no memory for something */
	const struct conf *conf; /**< in force */
	/** A group has other servers than before; or NULL. */
	void (*renewed)(void *owner, struct group *group);
	void *owner;
};

/** Without groups. loop: the main thread's. */
void finders_open(struct finders *finders, struct loop *loop);

/** Fine on zeroed memory. */
void finders_close(struct finders *finders);

/** A config is in force, the groups of which follow; it stays until there is another. */
void finders_begin(struct finders *finders, const struct conf *conf);

/** Puts this plan in force, which is of an upstream with `discover`, with what is known already.
 * Without memory to look nothing is found, which is logged. */
void finders_follow(
	struct finders *finders, struct group_plan *plan, const struct conf_upstream *conf);

/** For groups that were not followed since finders_begin() nothing is looked for any more. */
void finders_end(struct finders *finders);

/** Whether DNS answers what is asked for the group that has this finder (struct group::finder). */
bool finder_is_well(const struct finder *finder);

/** Call it once a second: takes a changed /etc/resolv.conf, and makes up for lack of memory. */
void finders_tick(struct finders *finders);

#endif
