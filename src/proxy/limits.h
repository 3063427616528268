/* SPDX-License-Identifier: ISC */
/*
 * The limits of listeners, and what is counted of them, found by the listeners' names, whatever
 * config they come from. One lives as long as anybody holds it: a config that has the name, or a
 * pair that counts under it. So a listener that a reload took out, and a later one put back, still
 * counts its old pairs, and its numbers go on.
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
	struct often_list refusals; /**< whose clients were refused, each with a reason */
	struct sources_list sources;
	size_t n_workers;
};

/** Nothing is to be freed when every reference was given back. */
void limits_init(struct limits *limits, size_t n_workers);

/** The limit of that name, with one more reference; a new one has this maximum. NULL: no memory.
 * The main thread. */
struct limit *limits_get(struct limits *limits, const char *name, uint32_t max);

/** Gives a reference back; with the last one nothing may be taken of it. NULL is fine. */
void limits_put(struct limit *limit);

/** What a worker counts of that name; only that worker writes. While the limit is held. */
struct tally *limits_tally(struct limit *limit, size_t worker);

/** The tokens for clients of that name. While the limit is held. */
struct accept_rate *limits_accept_rate(struct limit *limit);

/** A client of that name was refused for this reason (end_is_refusal()), or failed before it had an
 * upstream (end_is_failure()): whether its line is one of the first (often.h). Any thread. */
bool limits_refused(struct limit *limit, enum end_reason reason);

/** The sources of that name (source.h), which are made at the first call. NULL: no memory. While
 * the limit is held. The main thread. */
struct sources *limits_sources(struct limit *limit);

/** What all workers have counted; `counter` is an offset in struct tally. Any thread. */
uint64_t limits_sum(const struct limit *limit, size_t counter);

#endif
