/* SPDX-License-Identifier: ISC */
/* What the tests of the acceptor stand on: an owner that counts, and clients. */
#ifndef WEIR_TESTS_ACCEPTOR_RIG_H
#define WEIR_TESTS_ACCEPTOR_RIG_H

#include <stdbool.h>

#include "stream/acceptor.h"

struct listen_socket;

enum { CLIENTS_MAX = 64 };

/* What the acceptor's owner does in which callback. */
enum moment { NEVER, IN_ADMIT, IN_REFUSED, IN_ACCEPTED, IN_RESTING, IN_DRAINED };
enum deed { CLOSE, PAUSE, DRAIN };

struct owner {
	struct acceptor *acceptor;
	bool is_shared;  /* the socket: see acceptor_opts */
	unsigned limit;  /* places; as in a limit, admit() takes one */
	unsigned places; /* taken */
	unsigned n_accepted;
	unsigned n_resting;
	unsigned n_drained;
	int fd_when_drained; /* -1: closed */
	int error;           /* of resting() */
	int peer_family;
	int fds[CLIENTS_MAX];
	enum moment moment;
	enum deed deed;
};

extern struct owner owner;

/** Calls of accept4() since fail_accepts(). */
extern unsigned n_calls;

/** The loop is test_loop; every place and fd must be accounted for at the end. */
void rig_setup(void);
void rig_teardown(void);

/** A listening socket, TCP or UNIX, at `address`. */
int make_listener(bool is_unix);

/** The owner as it is; the fd is the acceptor's. */
struct acceptor_opts options(int fd);

/** Opens owner.acceptor on a new listener. */
void start(bool is_unix);
void connect_clients(int n);

/** Another socket that listens on the acceptor's TCP address. */
void listen_again(struct listen_socket *ret_socket);

/** One more client, which does not wait for its connection; 0 or a negative errno. */
int connect_newcomer(int *ret_fd);

/** The next `n` accept4()s fail with `err`; counts anew. fault.h has one at a time. */
void fail_accepts(int n, int err);

/** Nothing wakes the loop by itself: turns in 50 ms are but those of the waiting. */
void must_be_silent(void);

#endif
