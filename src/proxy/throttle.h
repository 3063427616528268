/* SPDX-License-Identifier: ISC */
/*
 * Limits the rate of one direction of a pair: at most `bytes_a_second` are read each second.
 *
 *	bytes are read ──▶ no credit is left ──▶ `from` is paused ── timer ──▶ it is read again
 *
 * It is a token bucket. Its credit grows with time, up to THROTTLE_SAVED_MS worth of bytes, and
 * each read takes at most the credit that is there, so no burst is more than THROTTLE_BURST_MS
 * worth. When the credit is used up, reading pauses until there is THROTTLE_PAUSE_MS worth again.
 * So a bulk transfer wakes the worker some 20 times a second, whatever the rate is, and from
 * 320 KiB/s on the reads are large enough to be spliced. A sender that stays below the rate arms no
 * timer.
 *
 * Reading a FIN takes no credit. So if a read uses up the credit and `from` has no more bytes,
 * `from` is not paused yet: it may borrow THROTTLE_LEAST_MS worth before it is paused.
 *
 * Bytes that were read before the pump began, by a look at a UNIX client's first bytes, are held to
 * the rate too: the throttle keeps a copy, and gives it to the pump as the credit allows, while
 * `from` is paused.
 */
#ifndef WEIR_PROXY_THROTTLE_H
#define WEIR_PROXY_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"
#include "stream/stream.h"
#include "stream/timer.h"

struct pump;

enum {
	THROTTLE_PAUSE_MS = 50,
	THROTTLE_LEAST_MS = 1, /**< with less credit than that, reading pauses */
	THROTTLE_BURST_MS = 100,
	/** The most that is saved up. A burst may also use what is borrowed. */
	THROTTLE_SAVED_MS = THROTTLE_BURST_MS - THROTTLE_LEAST_MS,
};

/** The reason for which a stream is paused: a rate. */
enum { STREAM_HELD_BACK = STREAM_OWN_PAUSE };

struct throttle {
	struct pump *pump;       /**< borrowed; NULL: throttle_begin() was not called */
	uint64_t bytes_a_second; /**< 0: no rate, and all functions below do nothing */
	uint64_t spent_ns;       /**< the credit is what has been saved up since then */
	uint64_t resumed_ns;     /**< when reading last went on after a pause; 0: never */
	uint8_t *buffer;         /**< owned; has the bytes that it keeps; NULL: none */
	struct span kept;        /**< the part of `buffer` that the pump has not been given yet */
	struct timer timer;
	/** Reading goes on after a pause, or more of the kept bytes were given. */
	void (*resumed)(struct throttle *throttle);
};

/** Sets it up with this rate. 0 or -ENOMEM. */
int throttle_open(struct throttle *throttle, struct loop *loop, uint64_t bytes_a_second,
	void (*resumed)(struct throttle *throttle));

/** Keeps a copy of the first bytes, if there is a rate and `first` is not empty. Before
 * throttle_begin(). 0 or -ENOMEM. */
int throttle_keep(struct throttle *throttle, struct span first);

/** From now on the throttle limits what this pump, which must be open, reads. The credit is
 * full at first, also for the bytes that the throttle keeps. */
void throttle_begin(struct throttle *throttle, struct pump *pump);

/** Call it in pump_calls::moved: the pump has just read `len` bytes. */
void throttle_moved(struct throttle *throttle, size_t len);

/** Whether it keeps bytes that the pump has not been given yet. */
static inline bool throttle_keeps(const struct throttle *throttle)
{
	return throttle->kept.n > 0;
}

/** Whether it pauses reading now. */
bool throttle_holds(const struct throttle *throttle);

/** Ends the limit, and forgets what is kept. Idempotent, also on a zeroed throttle. The memory may
 * be freed at once. */
void throttle_close(struct throttle *throttle);

#endif
