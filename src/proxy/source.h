/* SPDX-License-Identifier: ISC */
/*
 * How much one source may have of a listener: so many pairs at once, and so many new ones a second.
 * What counts as one source is a prefix of the client's address; who has none (UNIX) is not
 * limited.
 *
 * The sources of a listener belong to its name, as its limit does (limits.h): all workers and all
 * generations count in one table, so the numbers are exact. It is cut into shards, each with a lock
 * that is held for a look-up and a few numbers, never while memory is asked for or given back.
 *
 * A source is known while it has a pair, or until its burst is back: a second after the last at
 * most. Who comes or goes clears up to two that are over, and a tick of the main thread what
 * nobody comes across. There are SOURCES_MAX at most, a share of them in each shard; a hash whose
 * keys no client knows spreads them evenly.
 *
 * The rate is a bucket that holds one second's worth, so that a source that was quiet may have its
 * second at once. It is counted in billionths of a client, which a nanosecond at a whole number of
 * clients a second gives back exactly: nothing is rounded, so no client is refused too late or too
 * early. Refused clients cost nothing of either.
 */
#ifndef WEIR_PROXY_SOURCE_H
#define WEIR_PROXY_SOURCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"

struct source;
struct sources;

enum {
	SOURCES_SHARDS = 64,
	SOURCES_MAX = 512 * 1024, /**< of a listener */
};

/** What one config says of the sources of a listener. */
struct source_rules {
	uint32_t max_pairs; /**< 0: no limit */
	uint32_t per_s;     /**< new clients a second; 0: no limit */
	uint8_t v4_bits;
	uint8_t v6_bits;
};

/** Whether they limit anything. */
static inline bool source_rules_any(const struct source_rules *rules)
{
	return rules->max_pairs > 0 || rules->per_s > 0;
}

/** Those of all listeners, for the tick. */
struct sources_list {
	pthread_mutex_t lock;
	struct list all; /* struct sources::link */
};

enum source_answer {
	SOURCE_TAKEN,
	SOURCE_FULL,      /**< it has max_pairs */
	SOURCE_TOO_FAST,  /**< its burst is used up */
	SOURCE_NO_MEMORY, /**< or too many are known */
};

void sources_list_init(struct sources_list *list);

/** A table for so many sources, without any, on the list. NULL: no memory. Any thread, like all
 * that follows. */
struct sources *sources_new(struct sources_list *list, size_t max);

/** Nobody may have a place in it. NULL is fine; returns NULL. */
struct sources *sources_free(struct sources *sources);

/**
 * Takes a place for a client: a pair, and one of its burst. SOURCE_TAKEN and the place, which is
 * NULL where it has no address; otherwise nothing is taken.
 */
enum source_answer sources_take(struct sources *sources, const struct source_rules *rules,
	const struct sockaddr *client, uint64_t now_ns, struct source **ret_source);

/** Its pair has ended. NULL is fine. */
void source_give(struct source *source, uint64_t now_ns);

/** Forgets those of which nobody came across: once a second. */
void sources_tick(struct sources_list *list, uint64_t now_ns);

/** How many are known. */
size_t sources_count(struct sources *sources);

#endif
