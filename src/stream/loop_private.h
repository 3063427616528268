/* SPDX-License-Identifier: ISC */
/* What the stream library's own modules share of the loop; not for other folders. */
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
	bool due;               /**< the timerfd struck, or a slice was not enough */
	uint64_t armed_ns;      /**< what the timerfd is set to; NS_NEVER: to nothing */
	uint64_t struck_ns;     /**< what it was set to when it struck; NS_NEVER: it did not */
	uint64_t slice_ns;      /**< what was due at this time is of the last slice */
	struct timer **heap;    /**< heap[1] strikes first; heap[0] is unused */
	size_t n_armed;
	size_t n_open;   /**< never more than capacity, so arming needs no memory */
	size_t capacity; /**< places in the heap, without heap[0] */
};

/** 0 or a negative errno. timers_fini() also accepts what timers_init() refused. */
int timers_init(struct timers *timers, struct loop *loop);
void timers_fini(struct timers *timers, struct loop *loop);

/** Strikes a slice of what is due; timers::due says whether there is more. */
void timers_strike(struct timers *timers, struct loop *loop);

/** One turn, which sleeps until there is something to do; loop_run() is many. Not hosted. */
void loop_turn(struct loop *loop);

/** When the last turn ended, and with it began the one under way or to come; 0: there was none. */
uint64_t loop_turned_ns(const struct loop *loop);

/** Keeps the books of loop_take_delay_ns(). */
void loop_note_delay(struct loop *loop, uint64_t from_ns, uint64_t to_ns);

/** Keeps the books of loop_waiting_bytes(); `bytes` may be negative. */
void loop_add_waiting(struct loop *loop, int64_t bytes);

struct pipe_pool *loop_pipes(struct loop *loop);
struct timers *loop_timers(struct loop *loop);

#endif
