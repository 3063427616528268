/* SPDX-License-Identifier: ISC */
/*
 * One direction: moves the bytes of one stream to another, and at last its end.
 *
 *	READ of `from` ──▶ stream_write(to)
 *	to is full (can_write false) ──▶ BACKPRESSURE pauses `from` ── DRAIN of `to` ends that
 *	END of `from` ──▶ when nothing waits for `to`: done
 *
 * That is all of backpressure; it is stated here and nowhere else. What waits for `to` in our
 * memory is at most its high-water mark: a read never takes more than the room that is left.
 *
 * Four large reads in a row let `from` splice to `to` (stream_splice_to()), four small ones end it:
 * bulk earns the splice path, quiet loses it. A mark below a large read never earns it.
 *
 * Of half-close, the pump
 * only says when a FIN may go out; the pair sends it (pair_pass_fin() in pair.c).
 *
 * The pump owns nothing; both streams outlive it or are stopped by pump_stop() first. Failures of
 * the streams are the pair's business (pair.h).
 */
#ifndef WEIR_PROXY_PUMP_H
#define WEIR_PROXY_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/stream.h"

struct pump {
	struct stream *from;
	struct stream *to;
	struct handler source; /**< READ and END of `from` */
	struct handler sink;   /**< one DRAIN of `to`, while bytes wait */
	/** Bytes began to wait or are out, or `ended` or `done` became true. May stop the pump. */
	void (*changed)(struct pump *pump);
	bool ended;        /**< `from` finished */
	bool done;         /**< and all its bytes are out: its FIN may be passed on */
	uint8_t n_unusual; /**< large reads in a row while copying, small ones while splicing */
};

/** Starts moving bytes; 0 or a negative errno of stream_start(). */
int pump_start(struct pump *pump, struct stream *from, struct stream *to,
	void (*changed)(struct pump *pump));

/** Stops for good; `from` is not read any more. Idempotent, also on a zeroed pump. */
void pump_stop(struct pump *pump);

#endif
