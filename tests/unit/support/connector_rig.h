/* SPDX-License-Identifier: ISC */
/* What the tests of the connector stand on: an owner that writes down, and servers. */
#ifndef WEIR_TESTS_CONNECTOR_RIG_H
#define WEIR_TESTS_CONNECTOR_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "stream/connector.h"

enum { PENDING = 4711, TIMEOUT_MS = 30 };
#define TIMEOUT_NS ((uint64_t)TIMEOUT_MS * NS_PER_MS)

struct owner {
	struct connector *connector;
	struct stream *stream;
	int status; /* PENDING: not done yet */
	unsigned n_done;
	unsigned n_failed;
	int failures[8]; /* status of each */
	uint64_t done_ns;
	uint64_t late_ns;
	bool in_line;             /* of the last attempt */
	bool forbidden;           /* as well */
	union addr_sockaddr last; /* family AF_UNSPEC: none */
	bool closes;              /* in done() */
};

enum server_kind { V4, V6, PATH, ABSTRACT };

extern struct owner owner;

/** Of the last PATH; unlink() it. */
extern char path[];

/** The loop is test_loop, lookups are scripted; owner.connector and owner.stream end with it. */
void rig_setup(void);
void rig_teardown(void);

/** The owner is new. */
void forget(void);
/** Fds that connectors may take for a second attempt; 64 at first. */
extern atomic_int spare_fds;

struct connector_opts options(const struct addr *addr, uint64_t timeout_ns);

/** Opens owner.connector. */
void start(const struct addr *addr, uint64_t timeout_ns);

/** Closes owner.connector, frees owner.stream. */
void finish(void);

/** Where a server of this kind may be: port 0, a path that is free, any abstract name. */
struct addr address_of(enum server_kind kind);

/** Binds, and listens if `backlog` is not negative; *addr is then where. */
int serve(struct addr *addr, int backlog);

/** As serve(), on two addresses with one port, which is the first one's. */
void serve_both(struct addr *a, int backlog_a, struct addr *b, int backlog_b, int ret_fds[2]);

/** A client that fills a queue of one. */
int occupy(const struct addr *addr);
struct addr name_at(const char *host, uint16_t port);

/** Bytes go both ways over owner.stream, and its flags are heeded; frees it. */
void must_work(int listener);

#endif
