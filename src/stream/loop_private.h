/* SPDX-License-Identifier: ISC */
/* What the modules of the stream library need of the loop; not for other folders. */
#ifndef WEIR_STREAM_LOOP_PRIVATE_H
#define WEIR_STREAM_LOOP_PRIVATE_H

#include <uv.h>

#include "stream/loop.h"
#include "stream/pipe.h"
#include "stream/timer.h"

/** The timers of one loop; timer.c. */
struct timers {
	struct watcher watcher; /**< of fd */
	int fd;                 /**< the timerfd; -1 before timers_init() */
	bool due;          /**< the timerfd expired, or more timers are due than one turn calls */
	uint64_t armed_ns; /**< the time that the timerfd is set to; NS_NEVER: none */
	/** The time that it was set to when it expired; NS_NEVER: it did not. */
	uint64_t struck_ns;
	uint64_t slice_ns;   /**< timers that were due at this time belong to the last slice */
	struct timer **heap; /**< heap[1] expires first; heap[0] is unused */
	size_t n_armed;
	size_t n_open;   /**< never more than capacity, so arming needs no memory */
	size_t capacity; /**< places in the heap, without heap[0] */
};

/** Returns 0 or a negative errno. timers_fini() also accepts timers whose timers_init() failed. */
int timers_init(struct timers *timers, struct loop *loop);
void timers_fini(struct timers *timers, struct loop *loop);

/** Calls the timers that are due, up to TIMERS_A_TURN; timers::due says whether more are due. */
void timers_strike(struct timers *timers, struct loop *loop);

/** Runs one turn, which sleeps until there is something to do. Not for a hosted loop. */
void loop_turn(struct loop *loop);

/**
 * When the last turn ended, which is where the turn in progress, or the next, began. 0: no turn
 * yet.
 */
uint64_t loop_turned_ns(const struct loop *loop);

/** Records a delay for loop_take_delay_ns(). */
void loop_note_delay(struct loop *loop, uint64_t from_ns, uint64_t to_ns);

/** Records bytes for loop_waiting_bytes(); `bytes` may be negative. */
void loop_add_waiting(struct loop *loop, int64_t bytes);

struct pipe_pool *loop_pipes(struct loop *loop);
struct timers *loop_timers(struct loop *loop);

#endif
