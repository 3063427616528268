/* SPDX-License-Identifier: ISC */
/*
 * Which addresses are this process's own listening sockets, so that no pair is relayed in a circle:
 * each would make the next, until one client has all places.
 *
 * `struct own` is a table of a generation's listening sockets, made before the workers see it and
 * then immutable. own_find() says whose socket an address is, before connect(2): by its port first,
 * so that a connection elsewhere costs a search in memory. A wildcard socket has every address of
 * the machine, and only the kernel knows which those are: it is asked once a second for each
 * address whose port is one of ours, so not for each connection.
 *
 * `struct chains` remembers which listener lately led to which other one, by whatever way: a
 * literal address, a name, a UNIX path. A chain is legal as long as it does not lead back.
 */
#ifndef WEIR_PROXY_OWN_H
#define WEIR_PROXY_OWN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"

struct own;

/** Whether addresses are of this machine, as far as was asked lately; one for each worker. */
struct own_cache {
	struct {
		union addr_sockaddr sa; /**< family AF_UNSPEC: none; without the port */
		uint64_t asked_ns;
		bool is_local;
	} places[8];
	unsigned next;
};

/** A table with room for `n` sockets; NULL: no memory. */
struct own *own_new(size_t n);

/** NULL is fine; returns NULL. */
struct own *own_free(struct own *own);

/**
 * A socket that listens on `sa` (borrowed for as long as the table lives, unless `copied`), of the
 * `listener`-th listener; `both`: an IPv6 one that takes IPv4 too. 0 or -ENOMEM.
 */
int own_add(struct own *own, const union addr_sockaddr *sa, socklen_t len, size_t listener,
	bool both, bool copied);

/** All are added. */
void own_seal(struct own *own);

/** Whose socket a connection to `sa` would reach, SIZE_MAX: none of ours. */
size_t own_find(
	const struct own *own, struct own_cache *cache, const struct sockaddr *sa, socklen_t len);

/** Which listener led to which; for all workers. */
struct chains {
	pthread_mutex_t lock;
	struct chain *all;
	size_t n;
};

void chains_init(struct chains *chains);
void chains_fini(struct chains *chains);

/**
 * A pair of listener `from`, accepted at `accepted_ns`, is to be connected to listener `to`. False:
 * that leads back to `from`. Any thread. Without memory to remember it by, it is allowed.
 */
bool chains_enter(struct chains *chains, const char *from, const char *to, uint64_t accepted_ns);

#endif
