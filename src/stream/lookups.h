/* SPDX-License-Identifier: ISC */
/*
 * Threads that call getaddrinfo(3), for the resolver.
 *
 * libuv's thread pool does not fit: it is created by the first lookup, aborts the process if that
 * fails, cannot be enlarged, and gives lookups at most half of its threads. Here LOOKUPS_THREADS
 * threads are created at the start, where a failure can be reported. More are created while all are
 * busy, up to LOOKUPS_MAX, and end when they are idle. If the system refuses to create one, the
 * existing threads do all the work.
 *
 * All functions are for the thread of `home`, unless they say otherwise.
 */
#ifndef WEIR_STREAM_LOOKUPS_H
#define WEIR_STREAM_LOOKUPS_H

#include "base/list.h"
#include "stream/loop.h"

struct addrinfo;

enum {
	LOOKUPS_THREADS = 4, /**< always there; each needs a few pages */
	LOOKUPS_MAX = 32,    /**< most threads at once */
};

struct lookups;

/** One lookup, embedded in its owner; must stay until answered() is called. */
struct lookup {
	struct list link; /* struct lookups::queue */
	struct task done; /* posted to home */
	const char *host;
	int status;
	struct addrinfo *list;
	/** Called once, on home's thread, with 0, UV_EAI_* or a negative errno. The owner takes
	 * `list`. */
	void (*answered)(struct lookup *lookup, int status, struct addrinfo *list);
};

/**
 * Starts the threads, with every signal blocked. NULL and errno on failure; EAGAIN: too many
 * threads.
 */
struct lookups *lookups_new(struct loop *home);

/** Ends the threads; no lookup may be in progress. NULL is fine; returns NULL. */
struct lookups *lookups_free(struct lookups *lookups);

/**
 * Starts to look up `lookup->host`; answered() gets the result. 0, or -EAGAIN: all threads are busy
 * and no more can be created now; at least one lookup is in progress then.
 */
int lookups_begin(struct lookups *lookups, struct lookup *lookup);

/** getaddrinfo(3)'s code for one of libuv's (UV_EAI_*); 0 if `status` is none. Any thread. */
int lookup_eai(int status);

#endif
