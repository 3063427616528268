/* SPDX-License-Identifier: ISC */
/*
 * The limits of listeners, and what is counted for them, found by the listener's name over all
 * configs. An entry lives as long as anything has a reference to it: a config that has the name, or
 * a pair that counts under it. So if a reload removes a listener and a later one adds it again, its
 * old pairs still count.
 *
 * All names that a config had while it was in force are also kept here, with a reference each. So
 * their counters go on when a name comes back, and metrics can show them for the life of the
 * process. If more than LIMITS_GONE_MAX of them are not in the config in force, the oldest ones are
 * forgotten, except those that something else has a reference to.
 */
#ifndef WEIR_PROXY_LIMITS_H
#define WEIR_PROXY_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/registry.h"
#include "log/often.h"
#include "proxy/end.h"
#include "proxy/limit.h"
#include "proxy/source.h"

struct accept_rate;
struct tally;

/** How many names are kept that the config in force does not have. Each takes some 1 KiB for each
 * worker. */
enum { LIMITS_GONE_MAX = 1000 };

struct limits {
	struct registry names;
	/** Those that are kept, in the order in which a config last came into force with them.
	 * (struct named_limit::kept) */
	struct list kept;
	size_t n_kept;
	size_t n_in_force;          /**< how many of them, the last ones, the config in force has */
	struct often_list refusals; /**< names and reasons that limits_refused() counts */
	struct sources_list sources;
	size_t n_workers;
};

/** Sets it up in zeroed memory. */
void limits_init(struct limits *limits, size_t n_workers);

/** Keeps no names any more. Nothing needs to be freed once every reference was given back. Zeroed
 * memory is fine. */
void limits_fini(struct limits *limits);

/**
 * A config comes into force: call limits_begin(), and then limits_keep() once for each of its
 * names, in their order. limits_keep() takes a reference. Main thread only, as the next two.
 */
void limits_begin(struct limits *limits);
void limits_keep(struct limits *limits, struct limit *limit);

/** Forgets the names that are beyond LIMITS_GONE_MAX, as said above. Call it once a second. */
void limits_tick(struct limits *limits);

/** Writes all names that are kept, with a further reference to each: first those of the config in
 * force, in its order. There must be room for `n_kept`. */
void limits_take(struct limits *limits, struct limit **ret_limits);

/** The limit with this name, with one more reference; a new one has this maximum. NULL: no memory.
 * Main thread only. */
struct limit *limits_get(struct limits *limits, const char *name, uint32_t max);

/** Gives a reference back. No place of the limit may be taken when the last one is given back. NULL
 * is fine. */
void limits_put(struct limit *limit);

/** The name, valid while the caller has a reference. */
const char *limits_name(const struct limit *limit);

/** The counters of one worker for this name; only that worker writes them. Valid while the caller
 * has a reference to the limit. */
struct tally *limits_tally(struct limit *limit, size_t worker);

/** The token bucket for clients of this name. Valid while the caller has a reference to the
 * limit. */
struct accept_rate *limits_accept_rate(struct limit *limit);

/** Counts a client of this name that was refused for this reason (end_is_refusal()), or failed
 * before it had an upstream (end_is_failure()). Returns whether its log line is one of the first in
 * this second (often.h). Any thread. */
bool limits_refused(struct limit *limit, enum end_reason reason);

/** The sources of this name (source.h), which are made at the first call. NULL: no memory. Valid
 * while the caller has a reference to the limit. Main thread only. */
struct sources *limits_sources(struct limit *limit);

/** The sum of one counter over all workers; `counter` is an offset in struct tally. Any thread. */
uint64_t limits_sum(const struct limit *limit, size_t counter);

#endif
