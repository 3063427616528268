/* SPDX-License-Identifier: ISC */
/* Fixture for the tests of the acceptor: an owner that counts its callbacks, and clients. */
#ifndef WEIR_TESTS_ACCEPTOR_RIG_H
#define WEIR_TESTS_ACCEPTOR_RIG_H

#include <stdbool.h>

#include "stream/acceptor.h"

struct listen_socket;

enum { CLIENTS_MAX = 64 };

/* The callback (moment) in which the acceptor's owner acts, and what it does (deed). */
enum moment { NEVER, IN_ADMIT, IN_REFUSED, IN_ACCEPTED, IN_RESTING, IN_DRAINED };
enum deed { CLOSE, PAUSE, DRAIN };

struct owner {
	struct acceptor *acceptor;
	bool is_shared;  /* of the socket: see acceptor_opts */
	unsigned limit;  /* the most places; admit() takes one, or refuses if all are taken */
	unsigned places; /* places that are taken */
	unsigned n_accepted;
	unsigned n_resting;
	unsigned n_drained;
	int fd_when_drained; /* -1: closed */
	int error;           /* the argument of resting() */
	int peer_family;
	int fds[CLIENTS_MAX];
	enum moment moment;
	enum deed deed;
};

extern struct owner owner;

/** Calls of accept4() since fail_accepts(). */
extern unsigned n_calls;

/** The loop is test_loop. rig_teardown() fails if a place or an fd is missing or left over. */
void rig_setup(void);
void rig_teardown(void);

/** Makes a listening socket, TCP or UNIX, at an address that the kernel picks. Clients connect to
 * the last one. */
int make_listener(bool is_unix);

/** Options with `owner` as it is now; the acceptor takes the fd. */
struct acceptor_opts options(int fd);

/** Opens owner.acceptor on a new listener. */
void start(bool is_unix);
void connect_clients(int n);

/** Makes another socket that listens on the acceptor's TCP address. */
void listen_again(struct listen_socket *ret_socket);

/** Starts to connect one more client, without waiting for the connection. 0 or a negative errno. */
int connect_newcomer(int *ret_fd);

/** Makes the next `n` calls of accept4() fail with `err`, and resets n_calls. (fault.h can fail
 * only one call.) */
void fail_accepts(int n, int err);

/** Checks that nothing wakes the loop by itself: in 50 ms it makes no more turns than the wait
 * needs. */
void must_be_silent(void);

#endif
