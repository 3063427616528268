/* SPDX-License-Identifier: ISC */
/*
 * One direction: moves the bytes of one stream to another, and at last its end.
 *
 *	READ of `from` ──▶ stream_write(to)
 *	to is full (can_write false) ──▶ BACKPRESSURE pauses `from` ── DRAIN of `to` ends that
 *	END of `from` ──▶ when nothing waits for `to`: DONE
 *
 * That is all of backpressure; it is stated here and nowhere else. What waits for `to` in our
 * memory is at most its high-water mark: a read never takes more than the room that is left.
 *
 * What happens is told as one of enum pump_outcome:
 *
 *	FLOWS ── bytes begin to wait ──▶ WAITS ── all is out ──▶ FLOWS
 *	  └─────── END of `from` ───────┐  └─ END of `from` ──▶ ENDED
 *	                                ▼                         │
 *	                              DONE ◀───── all is out ─────┘
 *
 * Before all of these, and once: BEGAN, when the first byte of `from`, or its END, has come. It
 * costs later reads nothing.
 *
 * Four large reads in a row let `from` splice to `to` (stream_splice_to()), four small ones end it:
 * bulk earns the splice path, quiet loses it. A read that the owner's bound (pump_set_max()) has
 * cut says nothing of either; a mark, or a bound, below a large read never earns it.
 *
 * Of half-close, the pump only says when a FIN may go out; its owner sends it. Of failures, it only
 * says that `from` is gone.
 *
 * Bytes are counted here and not at the streams: what was written to `to` before the pump began is
 * not of `from`. Where some of that waits still, the pump begins with WAITS and does not tell it:
 * so it keeps an END back, and `from` paused, as if that had come from there. That it FLOWS then is
 * told only if `from` was paused.
 *
 * The pump owns nothing; both streams outlive it or are left by pump_close() first.
 */
#ifndef WEIR_STREAM_PUMP_H
#define WEIR_STREAM_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"

enum pump_outcome {
	PUMP_FLOWS, /**< what waited is out, `from` is read */
	PUMP_WAITS, /**< bytes wait for `to` */
	PUMP_ENDED, /**< `from` has finished, but bytes wait: DONE comes when they are out */
	PUMP_DONE,  /**< `from` has finished and all is out: its FIN may be passed on */
	PUMP_BEGAN, /**< the first byte of `from`, or its END; what it leads to follows */
	/** The peer of `from` is gone: stream_cause(from), 0 for a UNIX peer that closed. At any
	 * time, maybe twice, and a last time when `from` is closed. */
	PUMP_GONE,
};

struct pump;

/** What a pump tells. */
struct pump_calls {
	/** Each outcome, once, from the streams' events and never from inside a call of the
	 * functions below. May stop or close the pump, and free both streams, but
	 * for BEGAN, in which it must not touch them. */
	void (*tell)(struct pump *pump, enum pump_outcome outcome);
	/** One read's bytes were given to `to`, copied or spliced. May bound the pump
	 * (pump_set_max()) and pause `from`; else it must not touch the pump. */
	void (*moved)(struct pump *pump, size_t len, bool spliced);
};

struct pump {
	struct stream *from;
	struct stream *to;
	struct handler source; /**< all that `from` tells */
	struct handler sink;   /**< one DRAIN of `to`, while bytes wait */
	const struct pump_calls *calls;
	uint32_t n_before; /**< bytes that `to` had been given before */
	uint32_t max : 24; /**< of one read, by pump_set_max(); 0: no such bound */
	enum pump_outcome
		outcome : 3; /**< what was told last, but for BEGAN and GONE; FLOWS or WAITS at
				first */
	bool is_given : 1;   /**< it began by pump_give() */
	uint32_t
		n_unusual : 3; /**< large reads in a row while copying, small ones while splicing */
	bool held_up : 1;      /**< `from` has been paused because of `to` since its last byte */
};

/** Starts moving bytes; 0 or a negative errno of stream_start(). `calls` must outlive the pump. */
int pump_open(
	struct pump *pump, struct stream *from, struct stream *to, const struct pump_calls *calls);

/**
 * Right after pump_open(): these are the first bytes of `from`, which somebody has taken before.
 * They are moved() and counted, and if they have to wait they do it as any others; but BEGAN and
 * WAITS are not told.
 */
void pump_give(struct pump *pump, const void *bytes, size_t len);

/** No read takes as much: a larger bound is none. */
enum { PUMP_READ_MAX = 1 << 24 };

/**
 * A bound of the owner's, beside the room that is left for `to`: from the next read on, copied or
 * past us, none takes more than `bytes` (from 1; SIZE_MAX: no such bound, as at first). For rates,
 * which add a reason of their own to pause `from` when nothing may be read (enum stream_pause).
 */
void pump_set_max(struct pump *pump, size_t bytes);

/** Moves nothing any more: `from` is not read, and GONE is all that is told. Idempotent. */
void pump_stop(struct pump *pump);

/** Leaves both streams: nothing is told any more. Idempotent, also on a zeroed pump. */
void pump_close(struct pump *pump);

/** Whether `from` has finished. */
static inline bool pump_has_ended(const struct pump *pump)
{
	return pump->outcome == PUMP_ENDED || pump->outcome == PUMP_DONE;
}

/** Whether the first byte of `from`, or its END, has come. */
bool pump_has_begun(const struct pump *pump);

/**
 * Since when `from` has sent nothing although it was read (clock_ns()): its last byte, or when what
 * held it up was out; 0: it has never sent. NS_NEVER: it is not read now, or has finished.
 */
uint64_t pump_silent_ns(const struct pump *pump);

/** Bytes of `from` that the kernel has taken for `to`. Until the streams are freed. */
uint64_t pump_bytes(const struct pump *pump);

/** When the last byte came from `from` or was taken for `to` (clock_ns()); 0: none yet. */
uint64_t pump_moved_ns(const struct pump *pump);

#endif
