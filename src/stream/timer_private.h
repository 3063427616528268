/* SPDX-License-Identifier: ISC */
/* The timers of one loop. Private to the stream library. */
#ifndef WEIR_STREAM_TIMER_PRIVATE_H
#define WEIR_STREAM_TIMER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/loop.h"
#include "stream/timer.h"

struct timers {
	struct loop *loop;      /**< NULL: not initialised */
	struct watcher watcher; /**< of fd */
	struct task strike;     /**< waits for the end of the turn while `due` */
	int fd;                 /**< the timerfd */
	bool due;          /**< the timerfd expired, or more timers are due than one turn calls */
	uint64_t armed_ns; /**< the time that the timerfd is set to; NS_NEVER: none */
	/** The time that it was set to when it expired; NS_NEVER: it did not. */
	uint64_t struck_ns;
	/** When timers were last called. A timer that is armed for that time or an earlier one is
	 * called after all that were due then. */
	uint64_t slice_ns;
	struct timer **heap; /**< heap[1] expires first; heap[0] is unused */
	size_t n_armed;
	size_t n_open;   /**< never more than capacity, so arming needs no memory */
	size_t capacity; /**< places in the heap, without heap[0] */
};

/** Initialises zeroed timers of this loop. 0 or a negative errno. */
int timers_init(struct timers *timers, struct loop *loop);

/** All timers must have been closed. Zeroed timers, and those whose timers_init() failed, are
 * fine. */
void timers_fini(struct timers *timers);

#endif
