/* SPDX-License-Identifier: ISC */
/*
 * Threads that call getaddrinfo(3), for the resolver.
 *
 * Not libuv's pool: that is made by the first lookup, aborts the process when it cannot be, cannot
 * be told to grow, and gives half of itself to lookups at most. Here LOOKUPS_THREADS exist from the
 * start, where a failure can be told; further ones are made when all are busy, up to LOOKUPS_MAX,
 * and leave when they are idle. Where the system refuses one, what there is goes on.
 *
 * All but the threads themselves is the home's thread.
 */
#ifndef WEIR_STREAM_LOOKUPS_H
#define WEIR_STREAM_LOOKUPS_H

#include "base/list.h"
#include "stream/loop.h"

struct addrinfo;

enum {
	LOOKUPS_THREADS = 4, /**< that wait for work; a few pages each */
	LOOKUPS_MAX = 32,    /**< at once */
};

struct lookups;

/** One lookup, embedded in its owner; must stay until answered(). */
struct lookup {
	struct list link; /* struct lookups::queue */
	struct task done; /* posted to home */
	const char *host;
	int status;
	struct addrinfo *list;
	/** Once, on home's loop: 0, UV_EAI_* or a negative errno; `list` is the owner's. */
	void (*answered)(struct lookup *lookup, int status, struct addrinfo *list);
};

/** Starts the threads, with every signal blocked. NULL: errno, EAGAIN when there are too many. */
struct lookups *lookups_new(struct loop *home);

/** Ends the threads; no lookup may be in flight. NULL is fine; returns NULL. */
struct lookups *lookups_free(struct lookups *lookups);

/**
 * Looks `lookup->host` up, for answered(). -EAGAIN: all threads are busy, and there can be no more
 * at present; at least one lookup is then in flight.
 */
int lookups_begin(struct lookups *lookups, struct lookup *lookup);

/** getaddrinfo(3)'s code for a status of libuv's (UV_EAI_*); 0: it is none. Any thread. */
int lookup_eai(int status);

#endif
