/* SPDX-License-Identifier: ISC */
/*
 * Maglev's table: which server a key goes to. Each server gets its share of the keys, few keys move
 * when the servers change, and every weir that knows the servers' names and weights computes the
 * same table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI
 * 2016, 3.4).
 *
 *	size	MAGLEV_SIZE slots; MAGLEV_SIZE_LARGE for more than MAGLEV_MANY servers with a weight
 *	order	the servers by name, as strcmp(3) orders them; without those of weight 0
 *	row	slots (offset + i skip) mod size: offset = XXH64(name, 0) mod size,
 *		skip = 1 + XXH64(name, 1) mod (size - 1)
 *	fill	in passes over the servers in that order: in pass p = 1, 2, ... a server of weight
 *		w that has t slots already takes the next free slot of its row if
 *		p w >= t w_max, where w_max is the greatest weight
 *	key	slot XXH64(key, 2) mod size
 *
 * The second argument of XXH64 is its seed. If one of five servers goes, some 0.2 % of the keys of
 * the others move. Of n servers whose weights sum to s, one of weight w has size w / s slots, give
 * or take 1 + n w / s.
 *
 * Pure functions that know nothing of struct server. A table is immutable and has a reference
 * count, so that successive sets can share it.
 */
#ifndef WEIR_UPSTREAM_MAGLEV_H
#define WEIR_UPSTREAM_MAGLEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refs.h"

struct maglev_of;
struct sockaddr;

enum {
	MAGLEV_SIZE = 65537,        /**< 256 KiB; filled in 2 to 4 ms */
	MAGLEV_SIZE_LARGE = 655373, /**< 2.5 MiB; 25 to 40 ms */
	MAGLEV_MANY = MAGLEV_SIZE / 100,
	MAGLEV_KEY_MAX = 10,
	MAGLEV_NAME_MAX = 255, /**< of the server name in a ClientHello (SNI) */
};

struct maglev_server {
	const char *name; /**< borrowed for the call */
	uint32_t weight;
};

struct maglev {
	struct refs refs;
	uint32_t size; /**< 0: no server has a weight */
	size_t n;
	struct maglev_of *of; /**< the n servers that it was made of */
	uint32_t slots[];     /**< indices of servers */
};

/** Makes the table of these servers, with one reference. NULL: no memory. */
struct maglev *maglev_new(const struct maglev_server *servers, size_t n);

/** Whether the table was made of these servers, in this order. */
bool maglev_is_of(const struct maglev *maglev, const struct maglev_server *servers, size_t n);

struct maglev *maglev_ref(struct maglev *maglev);

/** NULL is fine; returns NULL. */
struct maglev *maglev_unref(struct maglev *maglev);

/**
 * The key of a client, and its length. The key is the 4 bytes of an IPv4 address (IPv4-mapped ones
 * as well) or the first 8 bytes (/64) of an IPv6 address; then, with with_port, the port in network
 * order. 0: the client has no address. The key of a name is the name in lower case.
 */
size_t maglev_key(const struct sockaddr *client, bool with_port, uint8_t key[MAGLEV_KEY_MAX]);

/** The hash of a key; the slot is the hash modulo the table's size. */
uint64_t maglev_hash(const uint8_t *key, size_t n);

#endif
