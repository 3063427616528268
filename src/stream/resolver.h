/* SPDX-License-Identifier: ISC */
/*
 * Host names to addresses, off the loops, for all threads.
 *
 * One resolver serves the process. Lookups are getaddrinfo(3) on threads of their own (lookups.h),
 * begun and ended by the thread that made the resolver (its home). Whoever is to ask for a name
 * takes a handle of it once (resolver_name_get()) and keeps it: to ask is then to read the name's
 * answer, under the name's own lock, which is never held while a name is looked up or an asker is
 * called. One lookup is in flight for each name, and LOOKUPS_MAX in all; the others wait in line.
 *
 *	fresh (RESOLVER_FRESH_NS)
 *		answered at once
 *	doubted: nobody could connect to any address of it
 *		as fresh, but for RESOLVER_DOUBT_NS only
 *	older
 *		looked up anew. The asker waits RESOLVER_GRACE_NS for it, then takes the old answer;
 *		at once if the lookup has taken that long already
 *	unknown
 *		the asker waits for the lookup; its own timeout bounds the wait
 *	the lookup failed
 *		EAI_AGAIN and the like: the old answer if there is one, else the error. EAI_NONAME,
 *		EAI_NODATA: the name is gone, the old answer too
 *
 * A name and what is known of it are forgotten when nobody has a handle any more, and no lookup of
 * it is under way or in line: so there are as many as those in force name.
 *
 * A query is work of its asker's loop (loop.h) until it is answered or cancelled, and a lookup is
 * work of home's loop until getaddrinfo(3) returns, whether anybody still waits for it or not: it
 * cannot be ended. An asker that gives up is let go at once; loop_run(), or the uv_run() of a host,
 * goes on until it returns. On exit stop the loop, and leave by _exit() if a lookup hangs.
 */
#ifndef WEIR_STREAM_RESOLVER_H
#define WEIR_STREAM_RESOLVER_H

#include <stddef.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/refs.h"
#include "stream/loop.h"
#include "stream/timer.h"

enum { RESOLVER_ADDRESSES_MAX = 256 /**< of one name; what is beyond is told, and left out */ };
#define RESOLVER_FRESH_NS  ((uint64_t)10 * NS_PER_S)
#define RESOLVER_DOUBT_NS  ((uint64_t)NS_PER_S)
#define RESOLVER_GRACE_NS  ((uint64_t)200 * NS_PER_MS)
#define RESOLVER_PREFER_NS ((uint64_t)600 * NS_PER_S)

struct resolver;
struct resolver_name;

/** One address of a name; its port is 0. */
union resolver_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/** What a name stands for. Shared, immutable, counted. */
struct resolver_answer {
	struct refs refs;
	unsigned n_addresses;               /**< at least 1 */
	unsigned n_left_out;                /**< that there was no room for */
	union resolver_address addresses[]; /**< in the order of getaddrinfo(3), RFC 6724 */
};

/** One question, embedded in or allocated by its asker; zeroed before the first use. */
struct resolver_query {
	struct list link;           /* struct resolver_name::queries */
	struct task done;           /* posted to the asker's loop */
	struct timer grace;         /* RESOLVER_GRACE_NS, when there is an old answer */
	struct resolver_name *name; /**< while it waits */
	struct loop *loop;          /**< the asker's */
	uint64_t asked_ns;
	int status;
	/** Set when it was answered: the asker's, who must resolver_answer_unref() it. */
	const struct resolver_answer *answer;
	/** The family to try first: the one that won lately, or that of the first address. */
	sa_family_t first;
	/** Once, on the asker's loop: 0, UV_EAI_* or a negative errno. May free the query. */
	void (*answered)(struct resolver_query *query, int status);
};

/**
 * A resolver whose home is `loop`, or NULL (errno; EAGAIN: no threads). It is used by any thread.
 * cut(), if not NULL: a name has more addresses than are used; once for each name, on home's
 * thread.
 */
struct resolver *resolver_new(
	struct loop *home, void (*cut)(const char *host, const struct resolver_answer *answer));

/**
 * Frees, on its home's thread; every handle must have been given back, and no lookup be in flight
 * (else the process leaves by _exit() instead). NULL is fine; returns NULL.
 */
struct resolver *resolver_free(struct resolver *resolver);

/** Home's thread: lookups that getaddrinfo has not answered yet; resolver_free() wants none. */
unsigned resolver_lookups(const struct resolver *resolver);

/**
 * A handle of a name, which its taker must give back; the same one for the same host, upper case or
 * lower. NULL: no memory. Home's thread: once for each server, not for each pair.
 */
struct resolver_name *resolver_name_get(struct resolver *resolver, const char *host);

/** Gives a handle back. Any thread; NULL is fine; returns NULL. */
struct resolver_name *resolver_name_unref(struct resolver_name *name);

/**
 * Asks for a name, from the thread of `loop`; somebody must have the handle until the query is
 * over. 1: query->answer is set, answered() is not called. 0: answered() will be called. -ENOMEM:
 * neither.
 */
int resolver_ask(struct resolver_name *name, struct loop *loop, struct resolver_query *query,
	void (*answered)(struct resolver_query *query, int status));

/** On the asker's thread: the answer is not wanted any more. Idempotent; fine after answered(). */
void resolver_cancel(struct resolver_query *query);

/**
 * While the query waits: since when the lookup has been under way for it, NS_NEVER while that
 * stands in line.
 */
uint64_t resolver_begun_ns(const struct resolver_query *query);

/** Gives an answer back. Any thread; NULL is fine; returns NULL. */
const struct resolver_answer *resolver_answer_unref(const struct resolver_answer *answer);

/**
 * The k-th address to try, from 0, when `first` is the family to begin with: they alternate,
 * each in its own order (RFC 8305, 4). NULL: there are no more.
 */
const union resolver_address *resolver_address(
	const struct resolver_answer *answer, sa_family_t first, unsigned k);

/** Its size as a socket address. */
socklen_t resolver_address_len(const union resolver_address *address);

/** None of the addresses of this answer would connect: it is asked anew soon. Any thread. */
void resolver_doubt(struct resolver_name *name, const struct resolver_answer *answer);

/** This family won: it is tried first for RESOLVER_PREFER_NS. Any thread. */
void resolver_prefer(struct resolver_name *name, sa_family_t family);

/** Text for a status of answered(): "Name or service not known". Constant. */
const char *resolver_strerror(int status);

#endif
