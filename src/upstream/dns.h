/* SPDX-License-Identifier: ISC */
/*
 * DNS queries by c-ares on the main thread's loop: without threads and without blocking.
 *
 *	dns_ask ──▶ waits in line ──▶ c-ares asks, DNS_AT_ONCE at most ──▶ answered()
 *
 * The config sets the servers, the timeout of a try and the number of tries; if it names no
 * servers, those of /etc/resolv.conf are used. A name is asked for as it is: no search domains, no
 * /etc/hosts. c-ares asks the servers in their order, each as often as there are tries, with twice
 * the timeout in each further round, and again over TCP if an answer is truncated.
 *
 * The servers of a c-ares channel cannot be changed while it has queries. So when they change, a
 * new channel replaces the old one and asks the same questions again; the askers do not notice.
 *
 * Why the sockets are in an epoll set of their own: docs/decisions/0140.
 */
#ifndef WEIR_UPSTREAM_DNS_H
#define WEIR_UPSTREAM_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "upstream/dns_message.h"

struct conf_resolver;
struct dns;
struct dns_lookup;
struct loop;

enum {
	/** The most queries that c-ares has at once: their answers fit into a receive buffer. */
	DNS_AT_ONCE = 128,
	DNS_SERVERS_MAX = 8, /**< most servers used; the config or resolv.conf may name more */
	/** For each server a datagram socket and a connection; and the epoll set. */
	DNS_FDS = 2 * DNS_SERVERS_MAX + 1,
};

#define DNS_RESOLV_CONF "/etc/resolv.conf"

/** The result of a query. Borrowed for the call. */
struct dns_answer {
	/** 0: there are records, read them with dns_message_next(). -ENODATA: a server says that
	 * there are none. Any other value: there is no answer. */
	int status;
	const char *why; /**< if there is no answer: the reason for a log line; constant text */
	struct dns_message *message; /**< only with 0 and -ENODATA */
};

/** A query, embedded in its asker; zero it before the first use. */
struct dns_query {
	struct dns_lookup *lookup; /**< NULL: no query is in progress */
	/** Called once, never from inside dns_ask(). May ask again, cancel and free. */
	void (*answered)(struct dns_query *query, const struct dns_answer *answer);
};

/**
 * Opens a resolver on the thread of `loop`; NULL and errno on failure. `resolv_conf` is
 * DNS_RESOLV_CONF, or another path in a test; borrowed. The config is copied.
 */
struct dns *dns_open(struct loop *loop, const struct conf_resolver *conf, const char *resolv_conf);

/**
 * Closes. No query may be in progress. Must not be called from answered(). NULL is fine; returns
 * NULL.
 */
struct dns *dns_close(struct dns *dns);

/** Changes the config. 1: it differs, and queries use it from now on; 0: nothing has changed. */
int dns_set(struct dns *dns, const struct conf_resolver *conf);

/**
 * Checks whether /etc/resolv.conf has changed, if its servers are used. True: it has, and the
 * queries go to the new servers from now on.
 */
bool dns_look(struct dns *dns);

/** The loop that it runs on. */
struct loop *dns_loop(const struct dns *dns);

/** Asks. 0, or -ENOMEM; then answered() is not called. `name` is copied. */
int dns_ask(struct dns *dns, struct dns_query *query, const char *name, enum dns_type type,
	void (*answered)(struct dns_query *query, const struct dns_answer *answer));

/** Cancels the query. Idempotent. */
void dns_cancel(struct dns_query *query);

#endif
