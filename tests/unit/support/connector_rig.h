/* SPDX-License-Identifier: ISC */
/* Fixture for the tests of the connector: an owner that records its callbacks, and servers. */
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
	bool in_line;             /* connector_attempt::in_line of the last attempt */
	bool forbidden;           /* connector_attempt::forbidden, likewise */
	union addr_sockaddr last; /* the address of the last attempt; AF_UNSPEC: none */
	bool closes;              /* close the connector in done() */
};

enum server_kind { V4, V6, PATH, ABSTRACT };

extern struct owner owner;

/** The path of the last PATH server; the test must unlink() it. */
extern char path[];

/** The loop is test_loop, lookups are scripted. rig_teardown() closes owner.connector and
 * owner.stream. */
void rig_setup(void);
void rig_teardown(void);

/** Resets the owner. */
void forget(void);
/** Fds that connectors may take for a second attempt; 64 at first. */
extern atomic_int spare_fds;

struct connector_opts options(const struct addr *addr, uint64_t timeout_ns);

/** Opens owner.connector. */
void start(const struct addr *addr, uint64_t timeout_ns);

/** Closes owner.connector, frees owner.stream. */
void finish(void);

/** An address for a server of this kind: port 0, an unused path, or any abstract name. */
struct addr address_of(enum server_kind kind);

/** Binds a socket, and listens if `backlog` is not negative. Writes the bound address to *addr. */
int serve(struct addr *addr, int backlog);

/** Like serve(), on two addresses with the same port, which the first one picks. */
void serve_both(struct addr *a, int backlog_a, struct addr *b, int backlog_b, int ret_fds[2]);

/** Connects a client that fills an accept queue of one. */
int occupy(const struct addr *addr);
struct addr name_at(const char *host, uint16_t port);

/** Checks that owner.stream relays bytes in both directions and heeds its flags; then frees it. */
void must_work(int listener);

#endif
