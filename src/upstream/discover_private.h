/* SPDX-License-Identifier: ISC */
/*
 * Shared by discover.c (questions and their schedule), discover_merge.c (from answers to servers)
 * and discover_log.c.
 */
#ifndef WEIR_UPSTREAM_DISCOVER_PRIVATE_H
#define WEIR_UPSTREAM_DISCOVER_PRIVATE_H

#include "conf/conf.h"
#include "stream/timer.h"
#include "upstream/discover.h"
#include "upstream/dns.h"

struct host;

struct question {
	struct dns_query query; /**< in progress while its lookup is not NULL */
	struct discovery *discovery;
	struct host *host; /**< NULL: the question for SRV records */
	enum dns_type type;
	bool is_known;   /**< it was answered at least once */
	bool has_failed; /**< the last attempt failed */
	uint64_t due_ns; /**< when it is asked next; NS_NEVER: it is in progress */
	/* A, AAAA: the addresses of the last answer. */
	struct in6_addr *addresses;
	size_t n_addresses;
	size_t n_left_out;
};

/** A name with addresses. */
struct host {
	struct question v4;
	struct question v6;
	bool is_wanted; /**< used while the hosts of an SRV answer are collected */
	char name[];
};

/** An SRV record. If no SRV records are asked for, one of these stands for the name itself. */
struct srv_record {
	struct host *host;
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
};

/** The servers found, ordered by address and port. */
struct discovered_set {
	struct discovered *servers; /**< from malloc(3) */
	size_t n;
	size_t n_left_out; /**< addresses and SRV records that are beyond one of the limits */
};

struct discovery {
	struct discovery_opts opts; /**< `conf` is not used */
	struct conf_discovery conf; /**< its name is `name` below */
	struct question srv;        /**< only for DISCOVER_SRV */
	struct host **hosts;
	size_t n_hosts;
	struct srv_record *records;
	size_t n_records;
	size_t n_records_left_out;
	struct discovered_set found; /**< the servers in force */
	bool is_known;               /**< the owner was called at least once */
	bool is_failing;             /**< a failure was logged */
	uint64_t empty_since_ns; /**< since when answers are empty; NS_NEVER: the last was not */
	uint64_t settle_ns; /**< when the answers are merged and reported; NS_NEVER: none came */
	struct timer timer;
	char name[];
};

/* ---- discover_merge.c ---- */

/** Replaces the question's addresses by those of an answer. 0 or -ENOMEM. */
int discovery_take_addresses(struct question *question, struct dns_message *message);

/**
 * The records of an SRV answer that name a server, from malloc(3). Their order is the order of
 * preference if there are too many. NULL: no memory.
 */
struct dns_record *discovery_read_records(struct dns_message message, size_t *ret_n);

/** Merges the answers to all questions into one set. 0 or -ENOMEM. */
int discovery_merge(const struct discovery *discovery, struct discovered_set *ret_set);

/** Compares by address and port; 0: the same server. For sorted sets. */
int discovered_compare(const void *a, const void *b);

/* ---- discover_log.c ---- */

/** Log lines: the first question has failed; all questions are answered again. */
void discovery_log_failed(
	const struct discovery *discovery, const struct question *question, const char *why);
void discovery_log_well(const struct discovery *discovery);

/** A log line: no address is left, but the servers stay for `hold`. */
void discovery_log_empty(const struct discovery *discovery);

/** A log line: `set` replaces the servers in force. */
void discovery_log_change(const struct discovery *discovery, const struct discovered_set *set);

#endif
