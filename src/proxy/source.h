/* SPDX-License-Identifier: ISC */
/*
 * Limits for each source of clients of a listener: how many pairs it may have at once, and how many
 * new ones a second. A source is all clients whose addresses have the same prefix; clients without
 * an IP address (UNIX) are not limited.
 *
 * Like its limit, the sources of a listener belong to its name (limits.h): all workers and all
 * generations count in one table, so the numbers are exact. The table is divided into shards. Each
 * has a lock, which is held for a look-up and the change of a few numbers, and rarely for longer:
 * while the tick removes some sources, and while the shard's part of the table grows or shrinks. A
 * lock of a shard is never held while memory is allocated or freed.
 *
 * A source is stored while it has a pair, and until its token bucket is full again, at most a
 * second after its last new client. source_give() frees its source if that need not be stored any
 * more. Each call of sources_take() and source_give() also frees up to two others of the same
 * shard; sources_tick() frees the rest. At most SOURCES_MAX are stored, with an equal share for
 * each shard. They are spread by a hash with a secret key, so that clients cannot choose their
 * shard.
 *
 * The rate is a token bucket that holds one second's worth, so a source that was quiet may use that
 * in one burst. The bucket counts in billionths of a client: at a whole number of clients a second
 * each nanosecond adds a whole number of them. So nothing is rounded, and no client is refused
 * wrongly or admitted too early. A refused client takes neither a place nor a token.
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
	SOURCES_MAX = 512 * 1024, /**< sources of one listener */
};

/** What one config says about the sources of a listener. */
struct source_rules {
	uint32_t max_pairs; /**< 0: no limit */
	uint32_t per_s;     /**< new clients a second; 0: no limit */
	uint8_t v4_bits;
	uint8_t v6_bits;
};

/** Whether the rules limit anything. */
static inline bool source_rules_any(const struct source_rules *rules)
{
	return rules->max_pairs > 0 || rules->per_s > 0;
}

/** The tables of all listeners, for sources_tick(). */
struct sources_list {
	pthread_mutex_t lock;
	struct list all; /* struct sources::link */
};

enum source_answer {
	SOURCE_TAKEN,
	SOURCE_FULL,      /**< the source has max_pairs already */
	SOURCE_TOO_FAST,  /**< the bucket of the source is empty */
	SOURCE_NO_MEMORY, /**< no memory, or too many sources are stored */
};

void sources_list_init(struct sources_list *list);

/** Makes an empty table for at most `max` sources and adds it to the list. NULL: no memory. Any
 * thread may call this and the functions below. */
struct sources *sources_new(struct sources_list *list, size_t max);

/** Frees the table, in which no client may have a place. NULL is fine; returns NULL. */
struct sources *sources_free(struct sources *sources);

/**
 * Takes a place and a token for a client. SOURCE_TAKEN: *ret_source is the place, or NULL if the
 * client has no IP address. Any other answer: nothing is taken.
 */
enum source_answer sources_take(struct sources *sources, const struct source_rules *rules,
	const struct sockaddr *client, uint64_t now_ns, struct source **ret_source);

/** Gives the place back when the pair has ended. NULL is fine. */
void source_give(struct source *source, uint64_t now_ns);

/** Frees the sources that need not be stored any more. Call it once a second. */
void sources_tick(struct sources_list *list, uint64_t now_ns);

/** How many sources are stored. */
size_t sources_count(struct sources *sources);

#endif
