/* SPDX-License-Identifier: ISC */
#include "proxy/source.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mix.h"
#include "base/prefix.h"

enum {
	LINE_BYTES = 64,  /* each shard has cache lines of its own, because workers write to it */
	KEYS = 6,         /* keys of the hash: one to add, and a factor for each word */
	ROOM_MIN = 16,    /* a shard does not shrink to fewer buckets */
	SWEEP = 2,        /* sources freed by each take and give */
	SWEEP_TICK = 256, /* sources freed at a time by the tick, which repeats that */
};

#define CLIENT NS_PER_S /* the cost of a client: a billion parts */

/** Stored while it has a pair or a debt. The lock of its shard guards it. */
struct source {
	struct source *next; /**< the next one in its bucket, or, once removed, to be freed */
	struct list link;    /**< struct shard::leaving, while it has no pair */
	struct shard *shard;
	uint64_t debt;    /**< how much of its burst is used at debt_ns, in parts of a client */
	uint64_t debt_ns; /**< the latest time of a client */
	uint64_t paid_ns; /**< from when on it has no debt */
	uint32_t n_pairs;
	uint32_t hash;
	struct prefix prefix;
};

struct shard {
	alignas(LINE_BYTES) pthread_mutex_t lock;
	struct source **buckets;
	size_t room; /**< number of buckets, a power of two */
	size_t n;
	/** Sources without a pair, sorted by when their last pair ended. sweep() stops at the first
	 * one that has a debt. No debt lasts longer than a second, so that source delays those
	 * after it by a second at most. */
	struct list leaving; /* struct source::link */
	struct source *one;  /**< the bucket, while one is enough */
	struct sources *sources;
};

struct sources {
	struct list link; /**< struct sources_list::all */
	struct sources_list *list;
	uint64_t keys[KEYS];
	size_t shard_max; /**< sources of a shard */
	atomic_bool any;  /**< the tick may find sources to free */
	struct shard shards[SOURCES_SHARDS];
};

static void lock(struct shard *shard)
{
	(void)pthread_mutex_lock(&shard->lock);
}

static void unlock(struct shard *shard)
{
	(void)pthread_mutex_unlock(&shard->lock);
}

/* ---- the table ---- */

/**
 * A multilinear hash (Dietzfelbinger): any two prefixes collide with a probability of about 2^-32
 * for anyone who does not know the keys. The sum is mixed because addresses in a row have sums at
 * equal distances, and with some keys most of these would be in few shards.
 */
static uint32_t hash_of(const struct sources *sources, const struct prefix *prefix)
{
	uint64_t sum = sources->keys[0];
	uint32_t words[KEYS - 1] = {0};

	static_assert(sizeof(*prefix) <= sizeof(words), "each byte is in it");
	memcpy(words, prefix, sizeof(*prefix));
	for (size_t i = 0; i + 1 < KEYS; i++) {
		sum += sources->keys[i + 1] * words[i];
	}
	return (uint32_t)(mix(sum) >> 32);
}

static struct source **bucket_of(struct shard *shard, uint32_t hash)
{
	return &shard->buckets[hash & (shard->room - 1)];
}

static struct source *find(struct shard *shard, uint32_t hash, const struct prefix *prefix)
{
	struct source *source = *bucket_of(shard, hash);

	while (source != NULL && memcmp(&source->prefix, prefix, sizeof(*prefix)) != 0) {
		source = source->next;
	}
	return source;
}

static void put(struct shard *shard, struct source *source)
{
	struct source **bucket = bucket_of(shard, source->hash);

	source->next = *bucket;
	*bucket = source;
}

static void take_out(struct shard *shard, struct source *source)
{
	struct source **at = bucket_of(shard, source->hash);

	while (*at != source) {
		at = &(*at)->next;
	}
	*at = source->next;
	shard->n--;
}

/** How many buckets the shard should have for its sources. Stays as it is while that is
 * reasonable. */
static size_t room_for(const struct shard *shard)
{
	size_t room = shard->room;

	while (room < shard->n) {
		room *= 2;
	}
	while (room > ROOM_MIN && room > 8 * shard->n) {
		room /= 2;
	}
	return room;
}

/** Gives a shard as many buckets as it should have. Without memory it keeps the old ones. */
static void fit(struct shard *shard)
{
	struct source **old = NULL;
	struct source **buckets;
	size_t room;
	size_t old_room;

	lock(shard);
	room = room_for(shard);
	old_room = shard->room;
	unlock(shard);
	buckets = room == old_room ? NULL : calloc(room, sizeof(*buckets));
	if (buckets == NULL) {
		return;
	}
	lock(shard);
	if (room != room_for(shard) || shard->room != old_room) {
		unlock(shard); /* it has changed meanwhile, and is resized later */
		free(buckets);
		return;
	}
	old = shard->buckets;
	shard->buckets = buckets;
	shard->room = room;
	for (size_t i = 0; i < old_room; i++) {
		for (struct source *source = old[i], *next; source != NULL; source = next) {
			next = source->next;
			put(shard, source);
		}
	}
	unlock(shard);
	if (old != &shard->one) {
		free(old);
	}
}

/* ---- freeing sources ---- */

static void free_all(struct source *over)
{
	while (over != NULL) {
		struct source *next = over->next;

		free(over);
		over = next;
	}
}

/** Removes up to `max` sources that have neither a pair nor a debt, and links them before
 * `over`. */
static struct source *sweep(struct shard *shard, uint64_t now_ns, unsigned max, struct source *over)
{
	for (unsigned i = 0; i < max && !list_empty(&shard->leaving); i++) {
		struct source *source = container_of(shard->leaving.next, struct source, link);

		if (source->paid_ns > now_ns) {
			break;
		}
		list_remove(&source->link);
		take_out(shard, source);
		source->next = over;
		over = source;
	}
	return over;
}

/** Frees the sources of a shard that need not be stored any more, a few at a time. Returns whether
 * others are left to be freed later. */
static bool tick(struct shard *shard, uint64_t now_ns)
{
	struct source *over;
	bool is_smaller;
	bool any;

	do {
		lock(shard);
		over = sweep(shard, now_ns, SWEEP_TICK, NULL);
		any = !list_empty(&shard->leaving);
		is_smaller = room_for(shard) < shard->room;
		unlock(shard);
		free_all(over);
	} while (over != NULL);
	if (is_smaller) {
		fit(shard);
	}
	return any;
}

void sources_tick(struct sources_list *list, uint64_t now_ns)
{
	(void)pthread_mutex_lock(&list->lock);
	list_for_each (link, &list->all) {
		struct sources *sources = container_of(link, struct sources, link);
		bool any = false;

		/* Clears the flag first, so that a source that loses its pair later sets it for the
		 * next tick. */
		if (!atomic_exchange(&sources->any, false)) {
			continue;
		}
		for (size_t i = 0; i < SOURCES_SHARDS; i++) {
			any |= tick(&sources->shards[i], now_ns);
		}
		if (any) {
			atomic_store(&sources->any, true);
		}
	}
	(void)pthread_mutex_unlock(&list->lock);
}

/* ---- places ---- */

/** The debt of a source at this time, by these rules. */
static uint64_t debt_at(
	const struct source *source, const struct source_rules *rules, uint64_t now_ns)
{
	uint64_t burst = rules->per_s * (uint64_t)CLIENT;
	uint64_t debt = source->debt < burst ? source->debt : burst;
	uint64_t back;

	/* Another worker may have used a later time. */
	if (now_ns <= source->debt_ns) {
		return debt;
	}
	return __builtin_mul_overflow(now_ns - source->debt_ns, (uint64_t)rules->per_s, &back) ||
			       back >= debt
		       ? 0
		       : debt - back;
}

static enum source_answer ask(
	const struct source *source, const struct source_rules *rules, uint64_t now_ns)
{
	uint64_t burst = rules->per_s * (uint64_t)CLIENT;

	if (rules->max_pairs > 0 && source->n_pairs >= rules->max_pairs) {
		return SOURCE_FULL;
	}
	if (rules->per_s > 0 && debt_at(source, rules, now_ns) > burst - CLIENT) {
		return SOURCE_TOO_FAST;
	}
	return SOURCE_TAKEN;
}

static void take(struct source *source, const struct source_rules *rules, uint64_t now_ns)
{
	uint64_t debt = rules->per_s == 0 ? 0 : debt_at(source, rules, now_ns) + CLIENT;

	if (now_ns > source->debt_ns) {
		source->debt_ns = now_ns;
	}
	source->debt = debt;
	source->paid_ns =
		debt == 0 ? 0
			  : clock_after(source->debt_ns, (debt + rules->per_s - 1) / rules->per_s);
	source->n_pairs++;
	list_remove(&source->link); /* it was in `leaving`, or in no list */
}

static struct source *source_new(
	struct shard *shard, uint32_t hash, const struct prefix *prefix, uint64_t now_ns)
{
	struct source *source = calloc(1, sizeof(*source));

	if (source != NULL) {
		list_init(&source->link);
		source->shard = shard;
		source->hash = hash;
		source->prefix = *prefix;
		source->debt_ns = now_ns;
	}
	return source;
}

/** Adds a source that is not stored, unless another thread adds it first. */
static enum source_answer take_new(struct shard *shard, uint32_t hash, const struct prefix *prefix,
	const struct source_rules *rules, uint64_t now_ns, struct source **ret_source)
{
	struct source *made = source_new(shard, hash, prefix, now_ns);
	enum source_answer answer = SOURCE_NO_MEMORY;
	struct source *source;
	bool is_larger;

	if (made == NULL) {
		return SOURCE_NO_MEMORY;
	}
	lock(shard);
	source = find(shard, hash, prefix);
	if (source == NULL && shard->n < shard->sources->shard_max) {
		source = made;
		made = NULL;
		put(shard, source);
		shard->n++;
	}
	if (source != NULL) {
		answer = ask(source, rules, now_ns);
	}
	if (answer == SOURCE_TAKEN) {
		take(source, rules, now_ns);
		*ret_source = source;
	}
	is_larger = room_for(shard) > shard->room;
	unlock(shard);
	free(made);
	if (is_larger) {
		fit(shard);
	}
	return answer;
}

enum source_answer sources_take(struct sources *sources, const struct source_rules *rules,
	const struct sockaddr *client, uint64_t now_ns, struct source **ret_source)
{
	enum source_answer answer = SOURCE_TAKEN;
	struct source *over;
	struct source *source;
	struct prefix prefix;
	struct shard *shard;
	uint32_t hash;

	if (!prefix_of(client, rules->v4_bits, rules->v6_bits, &prefix)) {
		*ret_source = NULL;
		return SOURCE_TAKEN;
	}
	hash = hash_of(sources, &prefix);
	shard = &sources->shards[hash / (UINT32_MAX / SOURCES_SHARDS + 1)];
	lock(shard);
	over = sweep(shard, now_ns, SWEEP, NULL);
	source = find(shard, hash, &prefix);
	if (source != NULL) {
		answer = ask(source, rules, now_ns);
		if (answer == SOURCE_TAKEN) {
			take(source, rules, now_ns);
			*ret_source = source;
		}
	}
	unlock(shard);
	free_all(over);
	return source == NULL ? take_new(shard, hash, &prefix, rules, now_ns, ret_source) : answer;
}

void source_give(struct source *source, uint64_t now_ns)
{
	struct shard *shard;
	struct source *over = NULL;
	bool any;

	if (source == NULL) {
		return;
	}
	shard = source->shard;
	lock(shard);
	assert(source->n_pairs > 0);
	if (--source->n_pairs == 0 && source->paid_ns <= now_ns) {
		take_out(shard, source);
		source->next = NULL;
		over = source;
	} else if (source->n_pairs == 0) {
		list_append(&shard->leaving, &source->link);
	}
	over = sweep(shard, now_ns, SWEEP, over);
	any = !list_empty(&shard->leaving) || room_for(shard) < shard->room;
	unlock(shard);
	free_all(over);
	if (any && !atomic_load(&shard->sources->any)) {
		atomic_store(&shard->sources->any, true);
	}
}

size_t sources_count(struct sources *sources)
{
	size_t n = 0;

	for (size_t i = 0; i < SOURCES_SHARDS; i++) {
		lock(&sources->shards[i]);
		n += sources->shards[i].n;
		unlock(&sources->shards[i]);
	}
	return n;
}

/* ---- life ---- */

void sources_list_init(struct sources_list *list)
{
	(void)pthread_mutex_init(&list->lock, NULL); /* glibc's does not fail */
	list_init(&list->all);
}

struct sources *sources_new(struct sources_list *list, size_t max)
{
	struct sources *sources = aligned_alloc(LINE_BYTES, sizeof(*sources));

	static_assert(sizeof(*sources) % LINE_BYTES == 0, "aligned_alloc(3) asks for it");
	if (sources == NULL) {
		return NULL;
	}
	memset(sources, 0, sizeof(*sources));
	/* Short reads cannot happen for so few bytes, and the random pool is initialised long
	 * before weir starts. */
	(void)!getrandom(sources->keys, sizeof(sources->keys), 0);
	for (size_t i = 0; i < SOURCES_SHARDS; i++) {
		struct shard *shard = &sources->shards[i];

		(void)pthread_mutex_init(&shard->lock, NULL);
		list_init(&shard->leaving);
		shard->buckets = &shard->one;
		shard->room = 1;
		shard->sources = sources;
	}
	sources->shard_max = max / SOURCES_SHARDS;
	sources->list = list;
	(void)pthread_mutex_lock(&list->lock);
	list_append(&list->all, &sources->link);
	(void)pthread_mutex_unlock(&list->lock);
	return sources;
}

struct sources *sources_free(struct sources *sources)
{
	if (sources == NULL) {
		return NULL;
	}
	(void)pthread_mutex_lock(&sources->list->lock);
	list_remove(&sources->link);
	(void)pthread_mutex_unlock(&sources->list->lock);
	for (size_t i = 0; i < SOURCES_SHARDS; i++) {
		struct shard *shard = &sources->shards[i];

		free_all(sweep(shard, UINT64_MAX, UINT32_MAX, NULL));
		assert(shard->n == 0);
		if (shard->buckets != &shard->one) {
			free(shard->buckets);
		}
		(void)pthread_mutex_destroy(&shard->lock);
	}
	free(sources);
	return NULL;
}
