/* SPDX-License-Identifier: ISC */
/*
 * One direction of a pair: moves the bytes from one stream to another, and then the end of input.
 *
 *	READ of `from` ──▶ stream_write(to)
 *	`to` is full (can_write false) ──▶ BACKPRESSURE pauses `from` ── DRAIN of `to` resumes it
 *	END of `from` ──▶ when no bytes wait for `to`: DONE
 *
 * This is all of weir's backpressure, and no other comment explains it. At most the high-water mark
 * of `to` waits for `to` in our memory, since a read never takes more than the room below the mark.
 *
 * The pump reports each change to its owner as an enum pump_outcome:
 *
 *	FLOWS ── bytes must wait ──▶ WAITS ── all written ──▶ FLOWS
 *	  └─────── END of `from` ───────┐  └─ END of `from` ──▶ ENDED
 *	                                ▼                         │
 *	                              DONE ◀─── all written ──────┘
 *
 * Before all of these, except a FLOWS for older bytes (below), it reports BEGAN once, when the
 * first byte of `from` or its END has come. Later reads pay nothing for this.
 *
 * After four large reads (16 KiB or more) in a row the pump lets `from` splice to `to`
 * (stream_splice_to()); after four small ones it copies again. A read that is small because the
 * owner's bound has cut it (pump_set_max()) does not count. While the high-water mark or the bound
 * is smaller than a large read, the pump does not begin to splice.
 *
 * At a half-close the pump only reports that the FIN may be passed on; its owner sends it. At a
 * failure it only reports that the peer of `from` is gone.
 *
 * The pump does not count bytes that were written to `to` before pump_open(), since they do not
 * come from `from` (pump_bytes()). If some of these bytes still wait, the pump begins in state
 * WAITS without reporting it: it delays an END, and pauses `from`, as if the bytes had come from
 * `from`. When they are written it reports FLOWS, even if `from` has not begun.
 *
 * The pump does not own the streams. Both must live until pump_close().
 */
#ifndef WEIR_STREAM_PUMP_H
#define WEIR_STREAM_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"

enum pump_outcome {
	PUMP_FLOWS, /**< all waiting bytes were written; `from` is read */
	PUMP_WAITS, /**< bytes wait for `to` */
	/** `from` has finished, but bytes still wait for `to`; DONE follows when they are written.
	 */
	PUMP_ENDED,
	PUMP_DONE, /**< `from` has finished and all its bytes are written: pass its FIN on */
	/** The first byte of `from`, or its END, has come. Another outcome may follow from it. */
	PUMP_BEGAN,
	/** The peer of `from` is gone. stream_cause(from) tells why; it is 0 for a UNIX peer that
	 * closed. Comes at any time, possibly twice, and once more when `from` is closed. */
	PUMP_GONE,
};

struct pump;

/** The callbacks of a pump. */
struct pump_calls {
	/** Called once for each outcome, from the streams' events, never from inside a function
	 * below. It may stop or close the pump and free both streams, except at BEGAN, when it must
	 * not touch them. */
	void (*tell)(struct pump *pump, enum pump_outcome outcome);
	/** The bytes of one read were given to `to`, copied or spliced. May call pump_set_max() and
	 * pause `from`; must not touch the pump in any other way. */
	void (*moved)(struct pump *pump, size_t len, bool spliced);
};

struct pump {
	struct stream *from;
	struct stream *to;
	struct handler source; /**< for the events of `from` */
	struct handler sink;   /**< for one DRAIN of `to`, while bytes wait */
	const struct pump_calls *calls;
	uint32_t n_before; /**< bytes written to `to` before pump_open() */
	uint32_t max : 24; /**< most bytes of one read, by pump_set_max(); 0: no bound */
	enum pump_outcome outcome : 3; /**< the state, reported or not; never BEGAN or GONE */
	bool is_given : 1;             /**< it began with pump_give() */
	uint32_t n_unusual : 3;        /**< large reads in a row while copying, else small ones */
	bool held_up : 1; /**< since its last byte, `from` was paused because of `to` */
};

/** Starts to move bytes. 0 or a negative errno of stream_start(). `calls` must outlive the pump. */
int pump_open(
	struct pump *pump, struct stream *from, struct stream *to, const struct pump_calls *calls);

/**
 * Hands the pump bytes from the beginning of `from`, which somebody else has read. Call it right
 * after pump_open(), and again only while the owner has kept `from` paused since then. The bytes
 * are passed to moved() and counted, and wait for `to` if they have to, like all others; but BEGAN
 * and WAITS are not reported for them.
 */
void pump_give(struct pump *pump, const void *bytes, size_t len);

/** No single read is larger than this: a larger bound counts as none. */
enum { PUMP_READ_MAX = 1 << 24 };

/**
 * Bounds the size of later reads, copied or spliced, to `bytes` (1 or more; SIZE_MAX: no bound, as
 * at first), in addition to the room left for `to`. For rate limits. When they allow nothing at
 * all, they pause `from` for a reason of their own (enum stream_pause).
 */
void pump_set_max(struct pump *pump, size_t bytes);

/** Stops moving bytes: `from` is not read any more, and only GONE is still reported. Idempotent. */
void pump_stop(struct pump *pump);

/** As pump_stop(), but nothing is reported any more, GONE included. Also fine if zeroed. */
void pump_close(struct pump *pump);

/** Whether `from` has finished. */
static inline bool pump_has_ended(const struct pump *pump)
{
	return pump->outcome == PUMP_ENDED || pump->outcome == PUMP_DONE;
}

/** Whether the first byte of `from`, or its END, has come. */
bool pump_has_begun(const struct pump *pump);

/**
 * Since when `from` has been silent although it was being read (clock_ns()): the time of its last
 * byte, or the later time when `to` stopped holding it up. 0: no byte was read from it yet (bytes
 * of pump_give() do not count), and `to` has not held it up. NS_NEVER: it is not read now, or has
 * finished.
 */
uint64_t pump_silent_ns(const struct pump *pump);

/** Bytes from `from` that the kernel has accepted for `to`. Valid until the streams are freed. */
uint64_t pump_bytes(const struct pump *pump);

/**
 * When the last byte was read from `from` or accepted by the kernel for `to` (clock_ns()); 0: none
 * yet.
 */
uint64_t pump_moved_ns(const struct pump *pump);

#endif
