/* SPDX-License-Identifier: ISC */
/*
 * Ends the process when no pair has been open for some time, counted from the end of the last pair,
 * or from the start. A client that connects at the last moment is either accepted, and the process
 * stays, or it waits in the socket's accept queue for the next process.
 */
#ifndef WEIR_SERVICE_EXIT_IDLE_H
#define WEIR_SERVICE_EXIT_IDLE_H

#include <stdint.h>

#include "stream/timer.h"

struct crew;
struct loop;
struct proxy_shared;

/** Belongs to the main thread. The caller sets the fields up to `crew`; all pointers are
 * borrowed. */
struct exit_idle {
	uint64_t after_ns;                         /**< NS_NEVER: never */
	struct loop *loop;                         /**< the main one */
	void (*over)(struct exit_idle *exit_idle); /**< the process may end */
	struct proxy_shared *shared;
	const struct crew *crew;
	uint64_t start_ns;
	struct timer timer;
};

/** Begins to count. 0 or -ENOMEM. */
int exit_idle_open(struct exit_idle *exit_idle);

/** Idempotent, also on zeroed memory. */
void exit_idle_close(struct exit_idle *exit_idle);

#endif
