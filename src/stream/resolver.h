/* SPDX-License-Identifier: ISC */
/*
 * Host names to addresses, off the loops, for all threads.
 *
 * One resolver serves the process. Lookups are uv_getaddrinfo() on the loop of the thread that made
 * the resolver (its home), whose pool of threads does the blocking; answers are shared under a lock
 * that is never held while a name is looked up or an asker is called. One lookup is in flight for
 * each name, and RESOLVER_LOOKUPS_MAX in all: libuv has four threads, and names that hang must not
 * take the last one. The others wait their turn.
 *
 *	fresh (RESOLVER_FRESH_NS)
 *		answered at once
 *	older
 *		looked up anew. The asker waits RESOLVER_GRACE_NS for it, then takes the old answer;
 *		at once if the lookup has taken that long already
 *	unknown
 *		the asker waits for the lookup; its own timeout bounds the wait
 *	the lookup failed
 *		EAI_AGAIN and the like: the old answer if there is one, else the error. EAI_NONAME,
 *		EAI_NODATA: the name is gone, the old answer too
 *
 * Names are never forgotten, only their answers: they come from the config, so there are few.
 *
 * A hanging lookup cannot be ended: on exit leave by _exit().
 */
#ifndef WEIR_STREAM_RESOLVER_H
#define WEIR_STREAM_RESOLVER_H

#include <stddef.h>

#include "base/addr.h"
#include "base/clock.h"
#include "stream/loop.h"
#include "stream/timer.h"

enum {
	RESOLVER_LOOKUPS_MAX = 3,
	RESOLVER_ADDRESSES_MAX = 16, /**< of one name; more are ignored */
};
#define RESOLVER_FRESH_NS ((uint64_t)10 * NS_PER_S)
#define RESOLVER_GRACE_NS ((uint64_t)200 * NS_PER_MS)

struct resolver;
struct resolver_name;

/** What a name stands for, in the order of getaddrinfo (RFC 6724); ports are 0. A value. */
struct resolver_answer {
	size_t n_addresses;
	struct {
		socklen_t len;
		union {
			struct sockaddr any;
			struct sockaddr_in in;
			struct sockaddr_in6 in6;
		} sa;
	} addresses[RESOLVER_ADDRESSES_MAX];
};

/** One question, embedded in or allocated by its asker; zeroed before the first use. */
struct resolver_query {
	struct list link;   /* struct resolver_name::queries */
	struct task done;   /* posted to the asker's loop */
	struct timer grace; /* RESOLVER_GRACE_NS, when there is an old answer */
	struct resolver *resolver;
	struct resolver_name *name;
	struct loop *loop; /**< the asker's */
	int status;
	struct resolver_answer *answer; /**< where the asker wants it */
	/** Once, on the asker's loop: 0, UV_EAI_* or a negative errno. May free the query. */
	void (*answered)(struct resolver_query *query, int status);
};

/** A resolver whose home is `loop`, or NULL (errno). It is used by any thread. */
struct resolver *resolver_new(struct loop *home);

/**
 * Frees, on its home's thread; no query may be open and no lookup in flight (else the process
 * leaves by _exit() instead). NULL is fine; returns NULL.
 */
struct resolver *resolver_free(struct resolver *resolver);

/** Home's thread: lookups that getaddrinfo has not answered yet; resolver_free() wants none. */
unsigned resolver_lookups(const struct resolver *resolver);

/**
 * Asks for `host`, from the thread of `loop`. 1: *answer was filled, answered() is not called. 0:
 * answered() will be called, *answer must stay. -ENOMEM: neither.
 */
int resolver_ask(struct resolver *resolver, struct loop *loop, const char *host,
	struct resolver_query *query, struct resolver_answer *answer,
	void (*answered)(struct resolver_query *query, int status));

/** On the asker's thread: the answer is not wanted any more. Idempotent; fine after answered(). */
void resolver_cancel(struct resolver_query *query);

/** Text for a status of answered(): "Name or service not known". Constant. */
const char *resolver_strerror(int status);

#endif
