/* SPDX-License-Identifier: ISC */
/*
 * Questions to DNS servers, by c-ares, on the main thread's loop: no thread, and nobody waits.
 *
 *	dns_ask ──▶ in line ──▶ with c-ares, DNS_AT_ONCE at most ──▶ answered()
 *
 * The servers, the time for a try and the number of tries are the config's; without servers there,
 * those of /etc/resolv.conf. A name is taken as it is: no search domains, no /etc/hosts. c-ares
 * asks the servers in their order, each as often as there are tries, every further round with twice
 * as much time, and again over TCP where an answer is truncated.
 *
 * The servers of a channel of c-ares cannot be changed while it asks. So when they are to change
 * there is a new one: what the old one was asked is asked anew, and nobody is told.
 *
 * Why its sockets stand in an epoll set of their own: docs/decisions/0140.
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
	/** Questions that c-ares has at a time: so many datagrams fit a receive buffer. */
	DNS_AT_ONCE = 128,
	DNS_SERVERS_MAX = 8, /**< asked, of those that are named */
	/** A datagram socket and a connection to each server, and the set. */
	DNS_FDS = 2 * DNS_SERVERS_MAX + 1,
};

#define DNS_RESOLV_CONF "/etc/resolv.conf"

/** What became of a question. Borrowed for the call. */
struct dns_answer {
	/** 0: there are records, to be read with dns_message_next(); -ENODATA: a server says that
	 * there are none; else nobody knows. */
	int status;
	const char *why;             /**< for a log, where nobody knows: constant text */
	struct dns_message *message; /**< with 0 and -ENODATA */
};

/** A question, embedded in its asker; zeroed before the first use. */
struct dns_query {
	struct dns_lookup *lookup; /**< NULL: nothing is asked */
	/** Once, never from inside of dns_ask(); may ask again, cancel and free. */
	void (*answered)(struct dns_query *query, const struct dns_answer *answer);
};

/**
 * A resolver on the thread of `loop`; NULL (errno). `resolv_conf`: DNS_RESOLV_CONF, or another
 * path, for a test; borrowed. The config is copied.
 */
struct dns *dns_open(struct loop *loop, const struct conf_resolver *conf, const char *resolv_conf);

/** Nothing may be asked any more. Not from answered(). NULL is fine; returns NULL. */
struct dns *dns_close(struct dns *dns);

/**
 * Another config. 1: it differs, and from now on it is asked by that; 0: all is as it was.
 */
int dns_set(struct dns *dns, const struct conf_resolver *conf);

/**
 * Looks whether /etc/resolv.conf has changed, where it counts. True: it has, and from now on others
 * are asked.
 */
bool dns_look(struct dns *dns);

/** The loop that it lives on. */
struct loop *dns_loop(const struct dns *dns);

/** Asks. 0, or -ENOMEM: then answered() is not called. `name` is copied. */
int dns_ask(struct dns *dns, struct dns_query *query, const char *name, enum dns_type type,
	void (*answered)(struct dns_query *query, const struct dns_answer *answer));

/** The answer is not wanted any more. Idempotent. */
void dns_cancel(struct dns_query *query);

#endif
