/* SPDX-License-Identifier: ISC */
/*
 * The limits of listeners, and what is counted for them, found by the listener's name over all
 * configs. An entry lives as long as anything has a reference to it: a config that has the name, or
 * a pair that counts under it. So if a reload removes a listener and a later one adds it again, its
 * old pairs still count, and its counters go on.
 */
#ifndef WEIR_PROXY_LIMITS_H
#define WEIR_PROXY_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/registry.h"
#include "log/often.h"
#include "proxy/end.h"
#include "proxy/limit.h"
#include "proxy/source.h"

struct accept_rate;
struct tally;

struct limits {
	struct registry names;
	struct often_list refusals; /**< names and reasons for which clients were refused */
	struct sources_list sources;
	size_t n_workers;
};

/** Sets it up. Nothing needs to be freed once every reference was given back. */
void limits_init(struct limits *limits, size_t n_workers);

/** The limit with this name, with one more reference; a new one has this maximum. NULL: no memory.
 * Main thread only. */
struct limit *limits_get(struct limits *limits, const char *name, uint32_t max);

/** Gives a reference back. No place of the limit may be taken when the last one is given back. NULL
 * is fine. */
void limits_put(struct limit *limit);

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
