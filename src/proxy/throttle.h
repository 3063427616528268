/* SPDX-License-Identifier: ISC */
/*
 * The rate of one direction of a pair: so many bytes a second are read, and no more.
 *
 *	bytes are read ──▶ nothing is left ──▶ `from` is paused ── the timer ──▶ it is read again
 *
 * What is not read is saved up, THROTTLE_SAVED_MS worth at most, and no read takes more than is
 * there: so no burst is more than THROTTLE_BURST_MS worth. When it is spent, reading waits until
 * THROTTLE_PAUSE_MS worth are there again, which makes some 20 wake-ups a second of bulk at any
 * rate, and reads that are large enough to be spliced from 320 KiB/s on. Who stays below the rate
 * arms no timer.
 *
 * An end of input needs nothing to be saved up. So where the last bytes of `from` spend all, and no
 * more are there, it is not paused: it may borrow THROTTLE_LEAST_MS worth before it is.
 */
#ifndef WEIR_PROXY_THROTTLE_H
#define WEIR_PROXY_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"
#include "stream/timer.h"

struct pump;

enum {
	THROTTLE_PAUSE_MS = 50,
	THROTTLE_LEAST_MS = 1, /**< with less than that left, it waits */
	THROTTLE_BURST_MS = 100,
	THROTTLE_SAVED_MS =
		THROTTLE_BURST_MS - THROTTLE_LEAST_MS, /**< so much, and what is borrowed */
};

/** Why a stream is not read: a rate holds its bytes back. */
enum { STREAM_HELD_BACK = STREAM_OWN_PAUSE };

struct throttle {
	struct pump *pump;       /**< borrowed; NULL: it has not begun */
	uint64_t bytes_a_second; /**< 0: no rate, and all below does nothing */
	uint64_t spent_ns;       /**< what was saved up since then is there to be spent */
	uint64_t resumed_ns;     /**< when it was last read again; 0: never yet */
	struct timer timer;
	void (*resumed)(struct throttle *throttle); /**< it was just read again */
};

/** So many bytes a second. 0 or -ENOMEM. */
int throttle_open(struct throttle *throttle, struct loop *loop, uint64_t bytes_a_second,
	void (*resumed)(struct throttle *throttle));

/** From now on it bounds what this pump, which is open, reads; as much as may be is saved up. */
void throttle_begin(struct throttle *throttle, struct pump *pump);

/** The pump was given so many bytes, just now. In pump_calls::moved. */
void throttle_moved(struct throttle *throttle, size_t len);

/** Whether it holds bytes back now, if there are any. */
bool throttle_holds(const struct throttle *throttle);

/** Bounds nothing any more. Idempotent, also on a zeroed throttle; the memory may go at once. */
void throttle_close(struct throttle *throttle);

#endif
