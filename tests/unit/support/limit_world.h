/* SPDX-License-Identifier: ISC */
/*
 * A world of two workers for test_limit_model.c: limits, listeners, acceptors, generations and
 * proxies are the real ones; the kernel, the loops, the timers and the sessions are made here, so
 * that a whole world costs some microseconds. Timers strike only when the test says so.
 */
#ifndef WEIR_TESTS_LIMIT_WORLD_H
#define WEIR_TESTS_LIMIT_WORLD_H

#include "proxy/bound_socket.h"
#include "proxy/listener.h"
#include "proxy/proxy.h"
#include "stream/loop.h"

enum {
	WORKERS = 2,
	PLACES = 2, /* addresses, of which the config has one or none */
	SOCKETS = 12,
};

struct kernel_socket {
	struct bound_socket socket;
	struct watcher *watcher; /* NULL: not watched */
	unsigned n_queue;
	size_t place;
	size_t worker;
	bool open;
	bool goes;
};

struct world {
	struct kernel_socket sockets[SOCKETS];
	size_t n_sockets;
	size_t n_pairs;
	struct proxy workers[WORKERS];
	struct proxy_shared shared;
	size_t place;       /* that is listened to */
	unsigned n_turning; /* workers that have not turned to the last config yet */
	bool turns[WORKERS];
	bool drains[WORKERS]; /* it is told to */
	bool draining;
};

extern struct world world;

/* The configs: both limits, which address is listened to (PLACES: none), and by which listener. */
enum { CONFIGS = 6 };

void world_begin(size_t config);

/* Everything must have ended. */
void world_end(void);

/* What reload.c does, up to the moment when the workers are told to turn. */
void world_reload(size_t config);

/* One turn of a worker: what it is told, what was posted, who is ready, what stands in line. */
void world_turn(size_t worker);

/* Whether a turn would do anything. */
bool world_is_busy(size_t worker);

/* Every timer that is armed. */
void world_strike(void);

/* The oldest one. */
void world_end_pair(void);

/* That of an acceptor's fd. */
struct kernel_socket *world_find(int fd);

#endif
