/* SPDX-License-Identifier: ISC */
/*
 * Who does what, on which thread:
 *
 *	asker			home				pool
 *	resolver_ask()
 *	  ├ answer at hand: 1
 *	  └ wanted ── post ──▶	start_lookups() ──────────────▶	getaddrinfo()
 *				on_lookup() ◀──────────────────	  ┘
 *				settle(): keep the answer
 *	on_done() ◀── post ──	  └ one for each query
 *	  or on_grace(): the old answer will do
 *	answered()
 *
 * A query that waits is on its name's list; whoever takes it off, under the lock, decides its end:
 * settle() (then `done` is posted, under the lock too, so that resolver_cancel() always finds it on
 * one list or the other), on_grace(), or resolver_cancel().
 */
#include "stream/resolver.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stream/loop_private.h"

struct resolver_name {
	struct list link;    /* struct resolver::names */
	struct list turn;    /* struct resolver::wanted */
	struct list queries; /* struct resolver_query::link */
	struct resolver *resolver;
	uv_getaddrinfo_t lookup;
	bool asked;                    /**< a lookup is wanted or in flight */
	uint64_t asked_ns;             /**< since when */
	uint64_t answered_ns;          /**< how old the answer is */
	struct resolver_answer answer; /**< n_addresses 0: none */
	char host[];
};

struct resolver {
	struct loop *home;
	unsigned n_lookups;   /**< in flight; home's thread only */
	pthread_mutex_t lock; /**< all below, and the names but for `lookup` */
	struct list names;    /* struct resolver_name::link */
	struct list wanted;   /* struct resolver_name::turn, first come first served */
	bool posted;          /**< `start` is on its way to home */
	struct task start;
};

/* ---- names; under the lock ---- */

static struct resolver_name *find_name(const struct resolver *resolver, const char *host)
{
	list_for_each (link, &resolver->names) {
		struct resolver_name *name = container_of(link, struct resolver_name, link);

		if (strcasecmp(name->host, host) == 0) {
			return name;
		}
	}
	return NULL;
}

static struct resolver_name *add_name(struct resolver *resolver, const char *host)
{
	size_t size = strlen(host) + 1;
	struct resolver_name *name = calloc(1, sizeof(*name) + size);

	if (name == NULL) {
		return NULL;
	}
	memcpy(name->host, host, size);
	name->resolver = resolver;
	list_init(&name->turn);
	list_init(&name->queries);
	list_append(&resolver->names, &name->link);
	return name;
}

static bool has_answer(const struct resolver_name *name)
{
	return name->answer.n_addresses > 0;
}

/** Whether nobody needs to wait: the answer is fresh, or its renewal hangs. */
static bool is_good_enough(const struct resolver_name *name, uint64_t now)
{
	if (!has_answer(name)) {
		return false;
	}
	return now - name->answered_ns < RESOLVER_FRESH_NS ||
	       (name->asked && now - name->asked_ns >= RESOLVER_GRACE_NS);
}

/** Puts the name in line for a lookup, unless it is, and wakes home, unless that is done. */
static void want_lookup(struct resolver_name *name, uint64_t now)
{
	struct resolver *resolver = name->resolver;

	if (name->asked) {
		return;
	}
	name->asked = true;
	name->asked_ns = now;
	list_append(&resolver->wanted, &name->turn);
	if (!resolver->posted) {
		resolver->posted = true;
		loop_post(resolver->home, &resolver->start);
	}
}

/* ---- lookups; home's thread ---- */

/** getaddrinfo()'s list as a value; addresses of other families than ours are left out. */
static void take_addresses(struct resolver_answer *answer, const struct addrinfo *list)
{
	answer->n_addresses = 0;
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		size_t n = answer->n_addresses;

		if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6) {
			continue;
		}
		if (n == RESOLVER_ADDRESSES_MAX) {
			break;
		}
		assert(ai->ai_addrlen <= sizeof(answer->addresses[n].sa));
		answer->addresses[n].len = ai->ai_addrlen;
		memcpy(&answer->addresses[n].sa, ai->ai_addr, ai->ai_addrlen);
		answer->n_addresses++;
	}
}

/** Under the lock: what the name knows after a lookup, and the status for its askers. */
static int learn(struct resolver_name *name, int status, const struct resolver_answer *answer)
{
	if (status == 0 && answer->n_addresses == 0) {
		status = UV_EAI_NODATA;
	}
	if (status == 0) {
		name->answer = *answer;
		name->answered_ns = clock_ns();
	} else if (status == UV_EAI_NONAME || status == UV_EAI_NODATA) {
		name->answer.n_addresses = 0;
	}
	return has_answer(name) ? 0 : status;
}

/** A lookup has ended: tells everybody who waits for the name. */
static void settle(struct resolver_name *name, int status, const struct resolver_answer *answer)
{
	struct resolver *resolver = name->resolver;

	pthread_mutex_lock(&resolver->lock);
	name->asked = false;
	status = learn(name, status, answer);
	list_for_each (link, &name->queries) {
		struct resolver_query *query = container_of(link, struct resolver_query, link);

		list_remove(&query->link);
		query->status = status;
		if (status == 0) {
			*query->answer = name->answer;
		}
		loop_post(query->loop, &query->done);
	}
	pthread_mutex_unlock(&resolver->lock);
}

static void start_lookups(struct resolver *resolver);

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
	struct resolver_name *name = container_of(lookup, struct resolver_name, lookup);
	struct resolver *resolver = name->resolver;
	struct resolver_answer answer;

	take_addresses(&answer, list);
	uv_freeaddrinfo(list);
	resolver->n_lookups--;
	loop_release(resolver->home);
	settle(name, status, &answer);
	start_lookups(resolver);
}

static struct resolver_name *next_wanted(struct resolver *resolver)
{
	struct resolver_name *name = NULL;

	pthread_mutex_lock(&resolver->lock);
	if (!list_empty(&resolver->wanted)) {
		name = container_of(resolver->wanted.next, struct resolver_name, turn);
		list_remove(&name->turn);
	}
	pthread_mutex_unlock(&resolver->lock);
	return name;
}

static void start_lookups(struct resolver *resolver)
{
	static const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG,
	};

	while (resolver->n_lookups < RESOLVER_LOOKUPS_MAX) {
		struct resolver_name *name = next_wanted(resolver);
		int r;

		if (name == NULL) {
			return;
		}
		r = uv_getaddrinfo(loop_uv(resolver->home), &name->lookup, on_lookup, name->host,
			NULL, &hints);
		if (r < 0) {
			settle(name, r, NULL);
		} else {
			resolver->n_lookups++;
			loop_hold(resolver->home);
		}
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

/** The query is over: nothing of it is known to anybody any more. */
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

/** The renewal takes too long: the old answer will do, unless the new one is on its way. */
static void on_grace(struct timer *timer)
{
	struct resolver_query *query = container_of(timer, struct resolver_query, grace);
	struct resolver *resolver = query->resolver;
	bool waits;

	pthread_mutex_lock(&resolver->lock);
	waits = !list_empty(&query->link);
	if (waits) {
		list_remove(&query->link);
		*query->answer = query->name->answer;
	}
	pthread_mutex_unlock(&resolver->lock);
	if (waits) {
		query_end(query);
		query->answered(query, 0);
	}
}

/** Under the lock: 1 answered, 0 the query waits, -ENOMEM. */
static int ask(struct resolver *resolver, const char *host, struct resolver_query *query)
{
	uint64_t now = clock_ns();
	struct resolver_name *name = find_name(resolver, host);

	if (name == NULL) {
		name = add_name(resolver, host);
		if (name == NULL) {
			return -ENOMEM;
		}
	}
	if (is_good_enough(name, now)) {
		*query->answer = name->answer;
		return 1;
	}
	want_lookup(name, now);
	query->name = name;
	list_append(&name->queries, &query->link);
	if (has_answer(name)) {
		timer_arm(&query->grace, clock_after(name->asked_ns, RESOLVER_GRACE_NS));
	}
	return 0;
}

int resolver_ask(struct resolver *resolver, struct loop *loop, const char *host,
	struct resolver_query *query, struct resolver_answer *answer,
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
	query->resolver = resolver;
	query->loop = loop;
	query->answer = answer;
	query->answered = answered;
	pthread_mutex_lock(&resolver->lock);
	r = ask(resolver, host, query);
	pthread_mutex_unlock(&resolver->lock);
	if (r == 0) {
		loop_hold(loop); /* the answer comes from another thread: wait for it */
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
	pthread_mutex_lock(&query->resolver->lock);
	waited = !list_empty(&query->link);
	list_remove(&query->link);
	pthread_mutex_unlock(&query->resolver->lock);
	if (!waited) {
		(void)loop_post_cancel(query->loop, &query->done);
	}
	query_end(query);
}

/* ---- life ---- */

struct resolver *resolver_new(struct loop *home)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	assert(loop_is_current(home));
	if (resolver == NULL) {
		return NULL;
	}
	resolver->home = home;
	(void)pthread_mutex_init(&resolver->lock, NULL);
	list_init(&resolver->names);
	list_init(&resolver->wanted);
	task_init(&resolver->start, on_start);
	return resolver;
}

struct resolver *resolver_free(struct resolver *resolver)
{
	if (resolver == NULL) {
		return NULL;
	}
	assert(loop_is_current(resolver->home) && resolver->n_lookups == 0);
	(void)loop_post_cancel(resolver->home, &resolver->start);
	list_for_each (link, &resolver->names) {
		struct resolver_name *name = container_of(link, struct resolver_name, link);

		assert(list_empty(&name->queries));
		free(name);
	}
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
	return NULL;
}

unsigned resolver_lookups(const struct resolver *resolver)
{
	assert(loop_is_current(resolver->home));
	return resolver->n_lookups;
}

const char *resolver_strerror(int status)
{
	static const struct {
		int uv;
		int eai;
	} codes[] = {
		{UV_EAI_ADDRFAMILY, EAI_ADDRFAMILY},
		{UV_EAI_AGAIN, EAI_AGAIN},
		{UV_EAI_BADFLAGS, EAI_BADFLAGS},
		{UV_EAI_FAIL, EAI_FAIL},
		{UV_EAI_FAMILY, EAI_FAMILY},
		{UV_EAI_MEMORY, EAI_MEMORY},
		{UV_EAI_NODATA, EAI_NODATA},
		{UV_EAI_NONAME, EAI_NONAME},
		{UV_EAI_OVERFLOW, EAI_OVERFLOW},
		{UV_EAI_SERVICE, EAI_SERVICE},
		{UV_EAI_SOCKTYPE, EAI_SOCKTYPE},
	};
	const char *text;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].uv == status) {
			return gai_strerror(codes[i].eai);
		}
	}
	text = strerrordesc_np(-status);
	return text != NULL ? text : "Unknown error";
}
