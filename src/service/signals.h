/* SPDX-License-Identifier: ISC */
/*
 * SIGTERM, SIGINT, SIGQUIT and SIGHUP as events of the main loop: blocked in every thread and read
 * from a signalfd. What they mean is the caller's business.
 */
#ifndef WEIR_SERVICE_SIGNALS_H
#define WEIR_SERVICE_SIGNALS_H

#include "stream/loop.h"

struct signals {
	struct watcher watcher;
	struct loop *loop; /**< NULL: not open */
	int fd;
	/** One came. On the loop's thread; those that came while one was pending have merged. */
	void (*came)(struct signals *signals, int number);
};

/** Blocks and watches them. 0 or a negative errno. Threads that start later inherit the mask. */
int signals_open(struct signals *signals, struct loop *loop,
	void (*came)(struct signals *signals, int number));

/** Stops watching; they stay blocked. Idempotent, also on zeroed memory. */
void signals_close(struct signals *signals);

#endif
