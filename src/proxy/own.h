/* SPDX-License-Identifier: ISC */
/*
 * Which addresses are listening sockets of this process, so that no pair is relayed in a circle. In
 * a circle each pair would connect to weir and so create the next one, until a single client has
 * used up all places.
 *
 * `struct own` is a table of a generation's listening sockets. It is complete before the workers
 * see it, and immutable then. Before each connect(2), own_find() says to which listener an address
 * leads. It compares the port first, so that a connection to another port costs only a search in
 * memory. A wildcard socket listens on every address of the machine, and only the kernel knows
 * which those are. So if one of our sockets has the port, and the address or a wildcard, the kernel
 * is asked whether the address is one of the machine's, unless it is a loopback address. Each
 * worker keeps the last eight answers, and uses each for a second.
 *
 * `struct chains` remembers which listener has lately connected to which other listener of this
 * process, whether by a literal address, a name or a UNIX path. A chain of listeners is allowed as
 * long as it does not lead back to one of them.
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

/** The kernel's latest answers whether an address is one of this machine; one cache for each
 * worker. */
struct own_cache {
	struct {
		union addr_sockaddr sa; /**< the port is ignored; AF_UNSPEC: an empty entry */
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
 * Adds a socket of the `listener`-th listener that listens on `sa`, which is borrowed for as long
 * as the table lives, unless `copied`. `both`: an IPv6 socket that accepts IPv4 too. 0 or -ENOMEM.
 */
int own_add(struct own *own, const union addr_sockaddr *sa, socklen_t len, size_t listener,
	bool both, bool copied);

/** Call it when all sockets were added; afterwards the table does not change. */
void own_seal(struct own *own);

/** The index of the listener that a connection to `sa` would reach; SIZE_MAX: none of ours. */
size_t own_find(
	const struct own *own, struct own_cache *cache, const struct sockaddr *sa, socklen_t len);

/** Which listener connected to which; all workers share it. */
struct chains {
	pthread_mutex_t lock;
	struct chain *all;
	size_t n;
};

void chains_init(struct chains *chains);
void chains_fini(struct chains *chains);

/**
 * Call it before a session of listener `from`, accepted at `accepted_ns`, connects to listener
 * `to`. False: that would lead back to `from`. True as well if there is no memory to remember the
 * connection. Any thread.
 */
bool chains_enter(struct chains *chains, const char *from, const char *to, uint64_t accepted_ns);

#endif
