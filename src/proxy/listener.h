/* SPDX-License-Identifier: ISC */
/*
 * One listening socket on one worker, under the limits of its listener in the config.
 *
 * Sockets that cannot be doubled for each worker (UNIX, inherited) are accepted here for all, and
 * the fds are handed to the workers in turn; the place under the limits travels with the fd.
 */
#ifndef WEIR_PROXY_LISTENER_H
#define WEIR_PROXY_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct acceptor;
struct proxy;

struct listener {
	struct list link; /**< struct proxy::listeners */
	struct proxy *proxy;
	struct acceptor *acceptor;
	size_t index; /**< in conf->listeners */
	size_t turn;  /**< which worker is next, when handing over */
	unsigned client_flags;
	bool hand_over;
	uint64_t warned_ns; /**< when it last warned; 0: never */
};

/** Starts accepting from `fd`, which it takes. 0 or a negative errno: the fd is still the caller's.
 */
int listener_open(struct proxy *proxy, size_t index, int fd, bool is_unix, bool hand_over);

/** Serves what waits in the queue, then closes itself. */
void listener_drain(struct listener *listener);

/** There may be room again below a limit. */
void listener_resume(struct listener *listener);

/** Closes now. */
void listener_close(struct listener *listener);

#endif
