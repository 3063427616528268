/* SPDX-License-Identifier: ISC */
/*
 * The steps and their threads:
 *
 *	asker			home				lookups.c
 *	resolver_ask()
 *	  ├ answer at hand: 1
 *	  └ wanted ── post ──▶	start_lookups() ──────────────▶	getaddrinfo()
 *				on_lookup() ◀──────────────────	  ┘
 *				settle(): keep the answer
 *	on_done() ◀── post ──	  └ one for each query
 *	  or on_grace(): use the old answer
 *	answered()
 *
 * A query that waits is on its name's list. The function that takes it off, under the name's lock,
 * decides how it ends: settle(), on_grace() or resolver_cancel(). settle() then posts `done`, under
 * the same lock, so that resolver_cancel() always finds the query on one list or the other.
 *
 * Two locks are for all names: the registry's, to take a handle and to give the last one back, and
 * the resolver's own, for the list of wanted names. The latter may be taken under a name's lock,
 * never the other way round. A name that is wanted or being looked up has a reference to itself.
 */
#include "stream/resolver.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/registry.h"
#include "stream/lookups.h"
#include "stream/loop_private.h"
#include "stream/resolver_private.h"

struct resolver_name {
	struct registry_entry entry; /**< in struct resolver::names, by host */
	struct list in_line;         /* struct resolver::wanted */
	struct resolver *resolver;
	struct lookup lookup; /**< for home's thread */
	pthread_mutex_t lock; /**< for all fields below, except those that never change */
	struct list queries;  /* struct resolver_query::link */
	bool asked;           /**< a lookup is wanted or in progress, and holds a reference */
	bool doubted;         /**< the answer is in doubt: resolver_doubt() */
	bool cut_told;        /**< cut() was called; for home's thread */
	sa_family_t prefer;   /**< until prefer_ns */
	uint64_t asked_ns;    /**< since when a lookup is wanted */
	uint64_t begun_ns;    /**< since when it is in progress; NS_NEVER: it is not */
	uint64_t answered_ns; /**< when the answer came */
	uint64_t prefer_ns;
	struct resolver_answer *answer; /**< NULL: none */
	char host[];
};

struct resolver {
	struct loop *home;
	struct lookups *lookups;
	unsigned n_lookups; /**< in progress; for home's thread */
	void (*cut)(const char *host, const struct resolver_answer *answer);
	struct registry names; /* struct resolver_name::entry */
	/** For all fields below, and for the links of the names on the list. */
	pthread_mutex_t lock;
	struct list wanted; /* struct resolver_name::in_line, the first to be looked up first */
	bool posted;        /**< `start` was posted to home and has not run */
	struct task start;
};

/* ---- the names ---- */

/** Ignores upper and lower case. */
static uint64_t hash_of(const char *host)
{
	uint64_t hash = HASH_BEGIN;

	for (; *host != '\0'; host++) {
		unsigned char c = (unsigned char)tolower((unsigned char)*host);

		hash = hash_bytes(hash, &c, 1);
	}
	return hash;
}

static bool has_host(const void *item, const void *host)
{
	const struct registry_entry *entry = item;

	return strcasecmp(container_of(entry, const struct resolver_name, entry)->host, host) == 0;
}

static void name_free(struct resolver_name *name)
{
	assert(list_empty(&name->queries) && !name->asked);
	(void)resolver_answer_unref(name->answer);
	pthread_mutex_destroy(&name->lock);
	free(name);
}

static struct resolver_name *name_new(struct resolver *resolver, uint64_t hash, const char *host)
{
	size_t size = strlen(host) + 1;
	struct resolver_name *name = calloc(1, sizeof(*name) + size);

	if (name == NULL) {
		return NULL;
	}
	memcpy(name->host, host, size);
	name->resolver = resolver;
	name->begun_ns = NS_NEVER;
	(void)pthread_mutex_init(&name->lock, NULL);
	list_init(&name->in_line);
	list_init(&name->queries);
	if (registry_add(&resolver->names, hash, &name->entry) < 0) {
		name_free(name);
		return NULL;
	}
	return name;
}

struct resolver_name *resolver_name_get(struct resolver *resolver, const char *host)
{
	uint64_t hash = hash_of(host);
	struct registry_entry *found;

	assert(loop_is_current(resolver->home));
	found = registry_find(&resolver->names, hash, has_host, host);
	if (found != NULL) {
		return container_of(found, struct resolver_name, entry);
	}
	return name_new(resolver, hash, host);
}

struct resolver_name *resolver_name_unref(struct resolver_name *name)
{
	if (name != NULL && registry_unref(&name->entry)) {
		name_free(name);
	}
	return NULL;
}

/* ---- one name; under its lock ---- */

/** Whether nobody needs to wait: the answer is fresh, or its renewal hangs. */
static bool is_good_enough(const struct resolver_name *name, uint64_t now)
{
	if (name->answer == NULL) {
		return false;
	}
	return now - name->answered_ns < (name->doubted ? RESOLVER_DOUBT_NS : RESOLVER_FRESH_NS) ||
	       (name->asked && now - name->asked_ns >= RESOLVER_GRACE_NS);
}

/** Gives the name's answer to a query. */
static void give(const struct resolver_name *name, struct resolver_query *query, uint64_t now)
{
	query->answer = resolver_answer_ref(name->answer);
	query->first =
		now < name->prefer_ns ? name->prefer : name->answer->addresses[0].any.sa_family;
}

/** Puts the name in line for a lookup, and wakes home, if neither was done yet. */
static void want_lookup(struct resolver_name *name, uint64_t now)
{
	struct resolver *resolver = name->resolver;

	if (name->asked) {
		return;
	}
	name->asked = true;
	refs_ref(&name->entry.refs);
	name->asked_ns = now;
	pthread_mutex_lock(&resolver->lock);
	list_append(&resolver->wanted, &name->in_line);
	if (!resolver->posted) {
		resolver->posted = true;
		loop_post(resolver->home, &resolver->start);
	}
	pthread_mutex_unlock(&resolver->lock);
}

/* ---- lookups; home's thread ---- */

/** Under the name's lock: stores the result of a lookup, and returns the status for the askers. */
static int learn(struct resolver_name *name, int status, struct resolver_answer *answer)
{
	if (status == 0) {
		(void)resolver_answer_unref(name->answer);
		name->answer = answer;
		name->answered_ns = clock_ns();
		name->doubted = false;
	} else if (status == UV_EAI_NONAME || status == UV_EAI_NODATA) {
		(void)resolver_answer_unref(name->answer);
		name->answer = NULL;
	}
	return name->answer != NULL ? 0 : status;
}

/**
 * A lookup has ended: answers all queries that wait for the name, which may be freed by this. Takes
 * the answer.
 */
static void settle(struct resolver_name *name, int status, struct resolver_answer *answer)
{
	pthread_mutex_lock(&name->lock);
	name->asked = false;
	name->begun_ns = NS_NEVER;
	status = learn(name, status, answer);
	list_for_each (link, &name->queries) {
		struct resolver_query *query = container_of(link, struct resolver_query, link);

		list_remove(&query->link);
		query->status = status;
		if (status == 0) {
			give(name, query, clock_ns());
		}
		loop_post(query->loop, &query->done);
	}
	pthread_mutex_unlock(&name->lock);
	(void)resolver_name_unref(name);
}

static void start_lookups(struct resolver *resolver);

static void tell_cut(struct resolver_name *name, const struct resolver_answer *answer)
{
	if (answer->n_left_out > 0 && !name->cut_told && name->resolver->cut != NULL) {
		name->cut_told = true;
		name->resolver->cut(name->host, answer);
	}
}

static void on_lookup(struct lookup *lookup, int status, struct addrinfo *list)
{
	struct resolver_name *name = container_of(lookup, struct resolver_name, lookup);
	struct resolver *resolver = name->resolver;
	struct resolver_answer *answer = status == 0 ? resolver_answer_new(list) : NULL;

	if (list != NULL) {
		freeaddrinfo(list);
	}
	if (status == 0 && answer == NULL) {
		status = -ENOMEM;
	} else if (status == 0 && answer->n_addresses == 0) {
		status = UV_EAI_NODATA;
		answer = (struct resolver_answer *)resolver_answer_unref(answer);
	}
	if (answer != NULL) {
		tell_cut(name, answer);
	}
	resolver->n_lookups--;
	loop_release(resolver->home);
	settle(name, status, answer);
	start_lookups(resolver);
}

static void set_begun(struct resolver_name *name, uint64_t begun_ns)
{
	pthread_mutex_lock(&name->lock);
	name->begun_ns = begun_ns;
	pthread_mutex_unlock(&name->lock);
}

static struct resolver_name *next_wanted(struct resolver *resolver)
{
	struct resolver_name *name = NULL;

	pthread_mutex_lock(&resolver->lock);
	if (!list_empty(&resolver->wanted)) {
		name = container_of(resolver->wanted.next, struct resolver_name, in_line);
		list_remove(&name->in_line);
	}
	pthread_mutex_unlock(&resolver->lock);
	return name;
}

/** No thread is free for it: puts it first in line again. */
static void put_back(struct resolver_name *name)
{
	struct resolver *resolver = name->resolver;

	set_begun(name, NS_NEVER);
	pthread_mutex_lock(&resolver->lock);
	list_append(resolver->wanted.next, &name->in_line); /* before the first */
	pthread_mutex_unlock(&resolver->lock);
}

/**
 * Starts lookups until no name is wanted or no thread is free. Each lookup that ends calls this
 * again.
 */
static void start_lookups(struct resolver *resolver)
{
	struct resolver_name *name;

	while ((name = next_wanted(resolver)) != NULL) {
		name->lookup.host = name->host;
		name->lookup.answered = on_lookup;
		set_begun(name, clock_ns());
		if (lookups_begin(resolver->lookups, &name->lookup) < 0) {
			put_back(name);
			return;
		}
		resolver->n_lookups++;
		loop_hold(resolver->home);
	}
}

static void on_start(struct task *task)
{
	struct resolver *resolver = container_of(task, struct resolver, start);

	pthread_mutex_lock(&resolver->lock);
	resolver->posted = false;
	pthread_mutex_unlock(&resolver->lock);
	start_lookups(resolver);
}

/* ---- queries; the asker's thread ---- */

/** The query is over: stops its timer and releases its loop. */
static void query_end(struct resolver_query *query)
{
	timer_close(&query->grace);
	query->name = NULL;
	loop_release(query->loop);
}

static void on_done(struct task *task)
{
	struct resolver_query *query = container_of(task, struct resolver_query, done);

	query_end(query);
	query->answered(query, query->status);
}

/**
 * The renewal takes too long: answers with the old answer, unless the new one was posted already.
 */
static void on_grace(struct timer *timer)
{
	struct resolver_query *query = container_of(timer, struct resolver_query, grace);
	struct resolver_name *name = query->name;
	bool waits;

	pthread_mutex_lock(&name->lock);
	waits = !list_empty(&query->link);
	if (waits) {
		list_remove(&query->link);
		give(name, query, clock_ns());
	}
	pthread_mutex_unlock(&name->lock);
	if (waits) {
		query_end(query);
		query->answered(query, 0);
	}
}

/** Under the lock: 1: answered; 0: the query waits. */
static int ask(struct resolver_name *name, struct resolver_query *query)
{
	uint64_t now = clock_ns();

	if (is_good_enough(name, now)) {
		give(name, query, now);
		return 1;
	}
	want_lookup(name, now);
	query->name = name;
	query->asked_ns = now;
	list_append(&name->queries, &query->link);
	if (name->answer != NULL) {
		timer_arm(&query->grace, clock_after(name->asked_ns, RESOLVER_GRACE_NS));
	}
	return 0;
}

int resolver_ask(struct resolver_name *name, struct loop *loop, struct resolver_query *query,
	void (*answered)(struct resolver_query *query, int status))
{
	int r;

	assert(loop_is_current(loop) && query->name == NULL);
	r = timer_open(&query->grace, loop, on_grace);
	if (r < 0) {
		return r;
	}
	list_init(&query->link);
	task_init(&query->done, on_done);
	query->loop = loop;
	query->answer = NULL;
	query->answered = answered;
	pthread_mutex_lock(&name->lock);
	r = ask(name, query);
	pthread_mutex_unlock(&name->lock);
	if (r == 0) {
		loop_hold(loop); /* the answer comes from another thread: keep the loop running */
	} else {
		timer_close(&query->grace);
	}
	return r;
}

void resolver_cancel(struct resolver_query *query)
{
	bool waited;

	if (query->name == NULL) {
		return;
	}
	assert(loop_is_current(query->loop));
	pthread_mutex_lock(&query->name->lock);
	waited = !list_empty(&query->link);
	list_remove(&query->link);
	pthread_mutex_unlock(&query->name->lock);
	if (!waited) {
		(void)loop_post_cancel(query->loop, &query->done);
		query->answer = resolver_answer_unref(query->answer);
	}
	query_end(query);
}

uint64_t resolver_begun_ns(const struct resolver_query *query)
{
	uint64_t begun_ns;

	assert(loop_is_current(query->loop) && query->name != NULL);
	pthread_mutex_lock(&query->name->lock);
	/* A query that is on no list was answered: the lookup had begun, no matter when. */
	begun_ns = list_empty(&query->link) ? query->asked_ns : query->name->begun_ns;
	pthread_mutex_unlock(&query->name->lock);
	return begun_ns == NS_NEVER ? NS_NEVER : clock_later(begun_ns, query->asked_ns);
}

/* ---- reports of askers; any thread ---- */

void resolver_doubt(struct resolver_name *name, const struct resolver_answer *answer)
{
	pthread_mutex_lock(&name->lock);
	if (name->answer == answer) {
		name->doubted = true;
	}
	pthread_mutex_unlock(&name->lock);
}

void resolver_prefer(struct resolver_name *name, sa_family_t family)
{
	pthread_mutex_lock(&name->lock);
	name->prefer = family;
	name->prefer_ns = clock_after(clock_ns(), RESOLVER_PREFER_NS);
	pthread_mutex_unlock(&name->lock);
}

/* ---- life ---- */

struct resolver *resolver_new(
	struct loop *home, void (*cut)(const char *host, const struct resolver_answer *answer))
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	assert(loop_is_current(home));
	if (resolver == NULL) {
		return NULL;
	}
	resolver->lookups = lookups_new(home);
	if (resolver->lookups == NULL) {
		int err = errno;

		free(resolver);
		errno = err;
		return NULL;
	}
	resolver->home = home;
	resolver->cut = cut;
	(void)pthread_mutex_init(&resolver->lock, NULL);
	list_init(&resolver->wanted);
	task_init(&resolver->start, on_start);
	return resolver;
}

struct resolver *resolver_free(struct resolver *resolver)
{
	struct resolver_name *name;

	if (resolver == NULL) {
		return NULL;
	}
	assert(loop_is_current(resolver->home) && resolver->n_lookups == 0);
	(void)loop_post_cancel(resolver->home, &resolver->start);
	resolver->lookups = lookups_free(resolver->lookups);
	while ((name = next_wanted(resolver)) != NULL) {
		name->asked = false; /* the lookup never began */
		(void)resolver_name_unref(name);
	}
	assert(resolver->names.table.n == 0);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
	return NULL;
}

unsigned resolver_lookups(const struct resolver *resolver)
{
	assert(loop_is_current(resolver->home));
	return resolver->n_lookups;
}
