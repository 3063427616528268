/* SPDX-License-Identifier: ISC */
/* Between discover.c (questions and their schedule), discover_merge.c (from answers to servers) and
 * discover_log.c. */
#ifndef WEIR_UPSTREAM_DISCOVER_PRIVATE_H
#define WEIR_UPSTREAM_DISCOVER_PRIVATE_H

#include "conf/conf.h"
#include "stream/timer.h"
#include "upstream/discover.h"
#include "upstream/dns.h"

struct host;

struct question {
	struct dns_query query; /**< under way while its lookup is not NULL */
	struct discovery *discovery;
	struct host *host; /**< NULL: the question for SRV records */
	enum dns_type type;
	bool is_known;   /**< it was answered once */
	bool has_failed; /**< the last time */
	uint64_t due_ns; /**< NS_NEVER: it is under way */
	/* A, AAAA: of the last answer. */
	struct in6_addr *addresses;
	size_t n_addresses;
	size_t n_left_out;
};

/** A name with addresses. */
struct host {
	struct question v4;
	struct question v6;
	bool is_wanted; /**< while the hosts of an SRV answer are looked for */
	char name[];
};

/** An SRV record; one stands for the name itself where no SRV records are asked for. */
struct srv_record {
	struct host *host;
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
};

/** What is found, in the order of addresses and ports. */
struct discovered_set {
	struct discovered *servers; /**< from malloc(3) */
	size_t n;
	size_t n_left_out; /**< beyond max_servers */
};

struct discovery {
	struct discovery_opts opts; /**< without `conf` */
	struct conf_discovery conf; /**< its name is `name` */
	struct question srv;        /**< DISCOVER_SRV */
	struct host **hosts;
	size_t n_hosts;
	struct srv_record *records;
	size_t n_records;
	size_t n_records_left_out;
	struct discovered_set found; /**< what is in force */
	bool is_known;               /**< the owner was told something */
	bool is_failing;             /**< that was logged */
	uint64_t empty_since_ns;     /**< NS_NEVER: the last answer was not empty */
	uint64_t settle_ns;          /**< when what has come is looked at; NS_NEVER: nothing has */
	struct timer timer;
	char name[];
};

/* ---- discover_merge.c ---- */

/** Takes the addresses of an answer in the place of those of the question. 0 or -ENOMEM. */
int discovery_take_addresses(struct question *question, struct dns_message *message);

/** The records of an SRV answer that name a server, from malloc(3), in the order in which they are
 * kept where they are too many. NULL without memory. */
struct dns_record *discovery_read_records(struct dns_message message, size_t *ret_n);

/** All that the questions know, as a set. 0 or -ENOMEM. */
int discovery_merge(const struct discovery *discovery, struct discovered_set *ret_set);

/** By address and port; 0: the same server. For sorted sets. */
int discovered_compare(const void *a, const void *b);

/* ---- discover_log.c ---- */

/** The first question has failed, and all are well again. */
void discovery_log_failed(
	const struct discovery *discovery, const struct question *question, const char *why);
void discovery_log_well(const struct discovery *discovery);

/** Servers stay although no address is left, for `hold`. */
void discovery_log_empty(const struct discovery *discovery);

/** `set` comes in the place of what is in force. */
void discovery_log_change(const struct discovery *discovery, const struct discovered_set *set);

#endif
