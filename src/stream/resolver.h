/* SPDX-License-Identifier: ISC */
/*
 * Resolves host names to addresses, outside the loops, for all threads.
 *
 * The process has one resolver. Lookups run getaddrinfo(3) on their own threads (lookups.h). The
 * loop that the resolver was made for is its home: home's thread begins and ends lookups. A user of
 * a name takes a handle of it once (resolver_name_get()) and keeps it. Asking then only reads the
 * name's answer under the name's own lock, which is never held during a lookup or while an asker's
 * callback runs. At most one lookup is in progress for each name, and LOOKUPS_MAX in all; further
 * lookups wait for a thread.
 *
 * What an asker gets depends on the answer that the resolver has:
 *
 *	fresh (RESOLVER_FRESH_NS)
 *		It gets the answer at once.
 *	doubted: nobody could connect to any address of the answer
 *		As fresh, but only for RESOLVER_DOUBT_NS.
 *	older
 *		The name is looked up again. The asker waits RESOLVER_GRACE_NS for the new
 *		answer, then gets the old one; at once if the lookup already takes longer.
 *	none
 *		The asker waits for the lookup, as long as its own timeout lets it.
 *	the lookup fails
 *		EAI_AGAIN and the like: it gets the old answer if there is one, else the error.
 *		EAI_NONAME, EAI_NODATA: it gets the error, and the old answer is dropped.
 *
 * A name and its answer are forgotten when nobody has a handle and no lookup of it is in progress
 * or waits. So there are only as many names as the current configs use.
 *
 * A query is work of the asker's loop (loop.h) until it is answered or cancelled. A lookup is work
 * of home until getaddrinfo(3) returns, even if nobody waits for it, since it cannot be
 * interrupted. An asker that cancels is free at once, but home's loop_run(), or the uv_run() of its
 * host, goes on until getaddrinfo(3) returns. On exit, stop the loop, and use _exit() if a lookup
 * hangs.
 */
#ifndef WEIR_STREAM_RESOLVER_H
#define WEIR_STREAM_RESOLVER_H

#include <stddef.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/refs.h"
#include "stream/loop.h"
#include "stream/timer.h"

enum { RESOLVER_ADDRESSES_MAX = 256 /**< of one name; the rest is left out and reported */ };
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

/** The answer for a name. Shared, immutable, with a reference count. */
struct resolver_answer {
	struct refs refs;
	unsigned n_addresses;               /**< at least 1 */
	unsigned n_left_out;                /**< addresses beyond the maximum */
	union resolver_address addresses[]; /**< in the order of getaddrinfo(3), RFC 6724 */
};

/** One question, embedded in or allocated by its asker; zero it before the first use. */
struct resolver_query {
	struct list link;           /* struct resolver_name::queries */
	struct task done;           /* posted to the asker's loop */
	struct timer grace;         /* RESOLVER_GRACE_NS, if there is an old answer */
	struct resolver_name *name; /**< set while the query waits */
	struct loop *loop;          /**< the asker's */
	uint64_t asked_ns;
	int status;
	/** Set when the query was answered; the asker must resolver_answer_unref() it. */
	const struct resolver_answer *answer;
	/** The family to try first: the one that connected recently, or that of the first address.
	 */
	sa_family_t first;
	/** Called once, on the asker's loop, with 0, UV_EAI_* or a negative errno. May free the
	 * query. */
	void (*answered)(struct resolver_query *query, int status);
};

/**
 * Makes a resolver, on the thread of `home`; NULL and errno on failure (EAGAIN: no threads). Any
 * thread may ask it. cut(), if not NULL, is called when a name has more addresses than are used:
 * once for each name, on home's thread.
 */
struct resolver *resolver_new(
	struct loop *home, void (*cut)(const char *host, const struct resolver_answer *answer));

/**
 * Frees, on home's thread. Every handle must have been given back, and no lookup may be in progress
 * (else leave the process by _exit() instead). NULL is fine; returns NULL.
 */
struct resolver *resolver_free(struct resolver *resolver);

/** How many lookups getaddrinfo(3) has not answered yet; resolver_free() needs 0. Home's thread. */
unsigned resolver_lookups(const struct resolver *resolver);

/**
 * A handle of a name; the caller must give it back. The same host, whatever its case, gives the
 * same handle. NULL: no memory. Home's thread; call it once for each server, not for each pair.
 */
struct resolver_name *resolver_name_get(struct resolver *resolver, const char *host);

/** Gives a handle back. Any thread; NULL is fine; returns NULL. */
struct resolver_name *resolver_name_unref(struct resolver_name *name);

/**
 * Asks for a name, on the thread of `loop`. Somebody must keep the handle until the query is over.
 * 1: query->answer is set, and answered() is not called. 0: answered() will be called. -ENOMEM:
 * neither.
 */
int resolver_ask(struct resolver_name *name, struct loop *loop, struct resolver_query *query,
	void (*answered)(struct resolver_query *query, int status));

/** On the asker's thread: cancels the query. Idempotent; fine after answered(). */
void resolver_cancel(struct resolver_query *query);

/**
 * While the query waits: since when it has waited for a lookup that is in progress, which is when
 * the lookup began, or when the query was asked, if that was later. NS_NEVER while the lookup
 * itself waits for a thread.
 */
uint64_t resolver_begun_ns(const struct resolver_query *query);

/** Gives an answer back. Any thread; NULL is fine; returns NULL. */
const struct resolver_answer *resolver_answer_unref(const struct resolver_answer *answer);

/**
 * The k-th address to try, from 0, if `first` is the family to begin with. The families alternate,
 * and the addresses of each keep their order (RFC 8305, 4). NULL: there are no more.
 */
const union resolver_address *resolver_address(
	const struct resolver_answer *answer, sa_family_t first, unsigned k);

/** The size of its socket address. */
socklen_t resolver_address_len(const union resolver_address *address);

/**
 * Reports that no address of this answer could be connected to: it is doubted (above). Any thread.
 */
void resolver_doubt(struct resolver_name *name, const struct resolver_answer *answer);

/** Reports that this family connected: it is tried first for RESOLVER_PREFER_NS. Any thread. */
void resolver_prefer(struct resolver_name *name, sa_family_t family);

/** The text for a status of answered(), such as "Name or service not known". Constant. */
const char *resolver_strerror(int status);

#endif
