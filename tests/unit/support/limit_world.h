/* SPDX-License-Identifier: ISC */
/*
 * A model with two workers for test_limit_model.c. Limits, listeners, acceptors, generations and
 * proxies are the real ones. The kernel, the loops, the timers and the sessions are replaced, so
 * that a whole run takes some microseconds. Timers expire only when the test says so.
 */
#ifndef WEIR_TESTS_LIMIT_WORLD_H
#define WEIR_TESTS_LIMIT_WORLD_H

#include "proxy/bound_socket.h"
#include "proxy/listener.h"
#include "proxy/proxy.h"
#include "stream/loop.h"

enum {
	WORKERS = 2,
	PLACES = 2, /* addresses; a config listens on one of them or on none */
	SOCKETS = 12,
};

struct kernel_socket {
	struct bound_socket socket;
	struct watcher *watcher; /* NULL: not watched */
	unsigned n_queue;
	size_t place;
	size_t worker;
	bool open;
	bool goes; /* listen_refuse() was called: nothing new may wait in it */
};

struct world {
	struct kernel_socket sockets[SOCKETS];
	size_t n_sockets;
	size_t n_pairs;
	struct proxy workers[WORKERS];
	struct proxy_shared shared;
	size_t place;       /* the address on which the config listens */
	unsigned n_turning; /* workers that have not yet switched to the latest config */
	bool turns[WORKERS];
	bool drains[WORKERS]; /* the worker was told to drain */
	bool draining;
};

extern struct world world;

/* Each config has both limits, the address to listen on (PLACES: none), and the listener for it. */
enum { CONFIGS = 6 };

void world_begin(size_t config);

/* All sessions must have ended. */
void world_end(void);

/* Does what reload.c does, up to the order to the workers to switch. */
void world_reload(size_t config);

/* One turn of a worker's loop: orders, posted tasks, ready sockets, deferred tasks. */
void world_turn(size_t worker);

/* Whether a turn would do anything. */
bool world_is_busy(size_t worker);

/* Lets every armed timer expire. */
void world_strike(void);

/* Ends the oldest pair. */
void world_end_pair(void);

/* The socket with this fd. */
struct kernel_socket *world_find(int fd);

#endif
