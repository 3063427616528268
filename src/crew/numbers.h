/* SPDX-License-Identifier: ISC */
/*
 * What all workers together have counted for a listener or a timer, in types that do not depend on
 * those of the proxy. The numbers are read one by one while the workers go on counting: each is at
 * least as new as the call, but they do not all belong to one instant. Main thread only.
 */
#ifndef WEIR_CREW_NUMBERS_H
#define WEIR_CREW_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buckets.h"

struct crew;
struct limit;

enum { NUMBERS_ENDS_MAX = 128 };

/** How bytes were relayed. */
enum numbers_path { NUMBERS_COPIED, NUMBERS_SPLICED, NUMBERS_PATHS };

struct numbers_ended {
	const char *by; /**< constant */
	const char *reason;
	uint64_t n; /**< at least 1 */
};

struct listener_numbers {
	uint32_t n_open;
	uint32_t max; /**< 0: it has none of its own */
	uint64_t n_accepted;
	uint64_t up[NUMBERS_PATHS]; /**< bytes read from clients */
	uint64_t down[NUMBERS_PATHS];
	struct numbers_ended ended[NUMBERS_ENDS_MAX];
	size_t n_ended;
};

/** Which numbers of a listener to add up. That takes a while if there are many workers. */
enum numbers_of {
	NUMBERS_OF_PAIRS = 1 << 0, /**< n_open, max, n_accepted */
	NUMBERS_OF_BYTES = 1 << 1,
	NUMBERS_OF_ENDS = 1 << 2,
	NUMBERS_OF_ALL = NUMBERS_OF_PAIRS | NUMBERS_OF_BYTES | NUMBERS_OF_ENDS,
};

/** Adds up the numbers in `of`; all others are zero. If the config in force does not have the
 * name, all are zero. */
void crew_listener_numbers(const struct crew *crew, const char *name, unsigned int of,
	struct listener_numbers *ret_numbers);

/** All listeners that have numbers: those of the config in force, in its order, and after them
 * those of earlier configs whose numbers are kept (proxy/limits.h). */
struct numbered_listeners {
	struct limit **limits; /**< a reference to each */
	size_t n;
	size_t n_in_force; /**< how many of them, the first ones, the config in force has */
};

/** Lists them as they are now; their numbers can be read until crew_put_listeners(). 0 or
 * -ENOMEM. */
int crew_take_listeners(const struct crew *crew, struct numbered_listeners *ret_listeners);

/** Zeroed memory is fine. */
void crew_put_listeners(struct numbered_listeners *listeners);

/** As crew_listener_numbers(), for the `index`-th of them. Returns its name. */
const char *crew_numbers_at(const struct numbered_listeners *listeners, size_t index,
	unsigned int of, struct listener_numbers *ret_numbers);

/** The numbers of one thread. */
struct thread_numbers {
	uint64_t cpu_ns;            /**< its processor time; 0: it cannot be had */
	struct buckets_read delays; /**< of its loop: the longest delay of each second */
	/** Its processor time for each slice of an answer (base/slice.h). */
	struct buckets_read slices;
	/* Of a worker: */
	uint64_t n_accepted;
	uint64_t n_open;
	size_t n_pipes_lent;
	size_t n_pipes_free;
};

/** The numbers of the main thread, except `slices`, which the caller sets. */
void crew_main_numbers(const struct crew *crew, struct thread_numbers *ret_numbers);

/** The numbers of one worker. False: there is no such worker. */
bool crew_worker_numbers(
	const struct crew *crew, size_t worker, struct thread_numbers *ret_numbers);

/** How often accepting has failed and was paused. */
uint64_t crew_rests(const struct crew *crew);

/** How late all timers of the `index`-th kind have expired. Returns the name of that kind; NULL:
 * there are no more kinds. */
const char *crew_timer_lateness(
	const struct crew *crew, size_t index, struct buckets_read *ret_lateness);

#endif
