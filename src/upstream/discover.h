/* SPDX-License-Identifier: ISC */
/*
 * Finds the servers behind one name with DNS, again and again. This module handles one name and
 * knows nothing of groups. It runs on the loop of its dns (dns.h).
 *
 *	DISCOVER_DNS	the A and AAAA records of the name
 *	DISCOVER_SRV	its SRV records, and the A and AAAA records of each target
 *
 * Each kind of record of each name is a question with its own schedule. It is asked again when the
 * TTL of its answer is over (but not before ttl_min, and at the latest after ttl_max), or
 * DISCOVER_AGAIN_NS after it failed. The result is reported when all questions in progress have an
 * answer, but at the latest DISCOVER_SETTLE_NS after the first answer. So a DNS server that hangs
 * delays nobody, and the parts of one change are reported together.
 *
 *	failed		The addresses from that question stay in force.
 *	empty		All questions were answered, and there is no address. If servers are in
 *			force, they stay until only such answers have come for `hold`, counted from
 *			the first; the next one removes them. A failure in between changes nothing.
 *	too many	There are more than max_servers addresses. The first ones are used, in this
 *			order: those in force before the others, then by priority value, then by
 *			address.
 *	not a host's	0.0.0.0, ::, multicast and broadcast addresses are ignored, and so are
 *			targets with port 0.
 *
 * SRV records with the lowest priority value are the main servers; all others are backups. A weight
 * belongs to a target: its addresses share it (weights.h).
 */
#ifndef WEIR_UPSTREAM_DISCOVER_H
#define WEIR_UPSTREAM_DISCOVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct addr;
struct conf_discovery;
struct discovery;
struct dns;

/** After a failure, the question is asked again within 2 s. */
#define DISCOVER_AGAIN_NS  ((uint64_t)1500 * NS_PER_MS)
#define DISCOVER_SETTLE_NS ((uint64_t)200 * NS_PER_MS)

/** The most addresses of each target of an SRV record, and of each family. Others are ignored. */
enum { DISCOVER_OF_TARGET_MAX = 256 };

/** A server that was found. */
struct discovered {
	struct in6_addr address; /**< IPv4 as an IPv4-mapped address */
	uint16_t port;
	uint16_t weight; /**< 1 to CONF_WEIGHT_MAX */
	bool backup;
};

struct discovery_opts {
	struct dns *dns;                   /**< borrowed */
	const struct conf_discovery *conf; /**< copied; its kind is not DISCOVER_NONE */
	const char *upstream;              /**< for the log; borrowed */
	/** Called with the first result (see above), and then whenever it has changed, with all
	 * servers, ordered by address, without duplicates; borrowed for the call. Never called from
	 * inside a function of this header. May close the discovery. */
	void (*found)(void *owner, const struct discovered *servers, size_t n);
	void *owner;
};

/** Starts. NULL: no memory. */
struct discovery *discovery_open(const struct discovery_opts *opts);

/** NULL is fine; returns NULL. */
struct discovery *discovery_close(struct discovery *discovery);

/**
 * Changes the config; kind, name and port must be the same. The servers found so far stay. If the
 * config differs, all questions are asked again.
 */
void discovery_set(struct discovery *discovery, const struct conf_discovery *conf);

/**
 * The servers in force, borrowed until the next result. Returns whether there was a result yet: an
 * empty answer to one of several questions is none.
 */
bool discovery_found(
	const struct discovery *discovery, const struct discovered **ret_servers, size_t *ret_n);

/** False from the first failure of a question until all questions are answered again; true before
 * any has failed. */
bool discovery_is_well(const struct discovery *discovery);

/** Whether this config has the same kind, name and port. */
bool discovery_is_for(const struct discovery *discovery, const struct conf_discovery *conf);

/** Asks all questions again at once: the DNS servers are others now. */
void discovery_ask(struct discovery *discovery);

/** The address of a server that was found. */
void discovered_addr(const struct discovered *server, struct addr *ret_addr);

#endif
