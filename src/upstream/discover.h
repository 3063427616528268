/* SPDX-License-Identifier: ISC */
/*
 * The servers behind one name, found by DNS and looked for again and again: the engine of one name,
 * which knows no group. On the loop of its dns (dns.h).
 *
 *	DISCOVER_DNS	the A and AAAA records of the name
 *	DISCOVER_SRV	its SRV records, and the A and AAAA records of each target
 *
 * Each of these is a question with a schedule of its own: asked anew when the TTL of its answer
 * is over, within ttl_min and ttl_max, or DISCOVER_AGAIN_NS after it failed. What is found is told
 * when all questions under way have an answer, at the latest DISCOVER_SETTLE_NS after the first of
 * them: so a server that hangs delays nobody, and the parts of one change come together.
 *
 *	failed		the addresses of that question stay
 *	empty		all questions were answered, and there is no address: after `hold` of only
 *			such answers, counted from the first, the next takes the servers away; at
 *			once where there are none. A failure in between changes nothing
 *	too many	max_servers of them: those in force before the others, then by address
 *	not a host's	0.0.0.0, ::, multicast and broadcast addresses are passed over, and targets
 *			with port 0
 *
 * Of SRV records those of the lowest priority are the main set, all others backups. A weight is
 * that of the target: its addresses share it (weights.h).
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

/** After a failure: the next question begins within 2 s. */
#define DISCOVER_AGAIN_NS  ((uint64_t)1500 * NS_PER_MS)
#define DISCOVER_SETTLE_NS ((uint64_t)200 * NS_PER_MS)

/** The most addresses of each target of an SRV record, and of each family; further ones are passed
 * over. */
enum { DISCOVER_OF_TARGET_MAX = 256 };

/** A server that was found. */
struct discovered {
	struct in6_addr address; /**< IPv4 is mapped */
	uint16_t port;
	uint16_t weight; /**< 1 to CONF_WEIGHT_MAX */
	bool backup;
};

struct discovery_opts {
	struct dns *dns;                   /**< borrowed */
	const struct conf_discovery *conf; /**< copied; its kind is not DISCOVER_NONE */
	const char *upstream;              /**< for the log; borrowed */
	/**
	 * Called when the first answer has come, and then whenever something has changed: all
	 * servers, in the order of their addresses, none twice; borrowed for the call. Not from
	 * inside of a call here; may close the discovery.
	 */
	void (*found)(void *owner, const struct discovered *servers, size_t n);
	void *owner;
};

/** Begins to look. NULL: no memory. */
struct discovery *discovery_open(const struct discovery_opts *opts);

/** NULL is fine; returns NULL. */
struct discovery *discovery_close(struct discovery *discovery);

/**
 * Another config of the same kind, name and port: what was found stays; where it differs all is
 * asked anew.
 */
void discovery_set(struct discovery *discovery, const struct conf_discovery *conf);

/**
 * What is in force, borrowed until something is found, and whether there was an answer at all.
 */
bool discovery_found(
	const struct discovery *discovery, const struct discovered **ret_servers, size_t *ret_n);

/** Whether all of the last questions were answered. */
bool discovery_is_well(const struct discovery *discovery);

/** Whether this config looks for the same kind, name and port. */
bool discovery_is_for(const struct discovery *discovery, const struct conf_discovery *conf);

/** Asks anew at once: other servers are asked from now on. */
void discovery_ask(struct discovery *discovery);

/** The address of a server that was found. */
void discovered_addr(const struct discovered *server, struct addr *ret_addr);

#endif
