/* SPDX-License-Identifier: ISC */
/*
 * The toxic `bandwidth`: bytes leave as over a line of this rate, one behind the other.
 *
 * since_ns is when the line is free. A byte has left when the line has had its time for it, so
 * none is early; and a line that was free saves nothing up. Only what late timers have cost is
 * caught up with: BURST_NS and BURST_BYTES at once, and of what is lost beyond that LOST_NS, at
 * EXTRA_BYTES in EXTRA_NS. So no 10 ms have more than their share and 16 KiB, and no second more
 * than its share and a hundredth.
 */
#include "base/clock.h"
#include "lab/chain.h"
#include "lab/toxic_types.h"

enum { RATE };

enum {
	BURST_BYTES = 8 * 1024,
	BURST_NS = 5 * NS_PER_MS,
	LOST_NS = 5 * NS_PER_MS,
	EXTRA_BYTES = 6 * 1024,
	EXTRA_NS = 10 * NS_PER_MS,
	PIECE_NS = NS_PER_MS,   /**< bytes go in pieces of this time, */
	PIECE_BYTES = 6 * 1024, /**< or this size, whichever is less, and at least a byte */
	RATE_ROOM = 256 * 1024,
	BYTES_PER_KB = 1000,
};

/** Above this, a line of any length is free at once. */
#define KB_MAX ((int64_t)1000 * 1000 * 1000)

/** The time that the line takes for `n` bytes, rounded up. */
static uint64_t time_of(uint64_t n, uint64_t rate)
{
	return (n * NS_PER_S + rate - 1) / rate;
}

/** How many bytes the line has had time for. */
static uint64_t bytes_in(uint64_t ns, uint64_t rate)
{
	return (uint64_t)((unsigned __int128)ns * rate / NS_PER_S);
}

/** Gives back a little of what was lost, as far as the last millisecond allows. */
static uint64_t pay_back(struct stage *stage, uint64_t rate, uint64_t now_ns)
{
	uint64_t passed_ns = clock_earlier(now_ns - stage->paid_ns, NS_PER_MS);
	uint64_t back_ns = time_of(passed_ns * EXTRA_BYTES / EXTRA_NS, rate);

	back_ns = clock_earlier(back_ns, stage->lost_ns);
	stage->paid_ns = now_ns;
	stage->lost_ns -= back_ns;
	return back_ns;
}

/** Since when the line has been free, as far as that is caught up with. */
static uint64_t free_since(struct stage *stage, uint64_t rate, uint64_t now_ns)
{
	uint64_t burst_ns = clock_earlier(BURST_NS, time_of(BURST_BYTES, rate));
	uint64_t since_ns;

	if (!stage->is_busy) {
		stage->lost_ns = 0;
		stage->paid_ns = now_ns;
		return clock_later(stage->since_ns, now_ns);
	}
	since_ns = clock_later(stage->since_ns, now_ns > burst_ns ? now_ns - burst_ns : 0);
	stage->lost_ns = clock_earlier(stage->lost_ns + (since_ns - stage->since_ns), LOST_NS);
	return since_ns - pay_back(stage, rate, now_ns);
}

static uint64_t piece_of(const struct chunk *chunk, uint64_t rate)
{
	uint64_t piece = bytes_in(PIECE_NS, rate);

	piece = piece < PIECE_BYTES ? piece : PIECE_BYTES;
	piece = piece == 0 ? 1 : piece;
	return piece < chunk->n ? piece : chunk->n;
}

static void bandwidth_begin(struct stage *stage, uint64_t now_ns)
{
	stage->is_busy = false;
	stage->since_ns = now_ns;
}

static void bandwidth_move(struct stage *stage, uint64_t now_ns)
{
	int64_t kb = stage->toxic->values[RATE];
	uint64_t rate = (uint64_t)(kb < KB_MAX ? kb : KB_MAX) * BYTES_PER_KB;
	const struct chunk *head;

	while ((head = stage_head(stage)) != NULL) {
		uint64_t ready;

		if (head->kind != CHUNK_BYTES) {
			stage_pass(stage, now_ns);
			continue;
		}
		if (kb <= 0) {
			return; /* a line without a rate takes nothing */
		}
		stage->since_ns = free_since(stage, rate, now_ns);
		stage->is_busy = true;
		ready = now_ns > stage->since_ns ? bytes_in(now_ns - stage->since_ns, rate) : 0;
		if (ready < piece_of(head, rate)) {
			stage->wake_ns = stage->since_ns + time_of(piece_of(head, rate), rate);
			return;
		}
		ready = ready < head->n ? ready : head->n;
		stage->since_ns += time_of(ready, rate);
		stage_pass_part(stage, ready, now_ns);
		if (stage->chain->failed) {
			return;
		}
	}
	/* With room behind it, the line is free; without, time that passes is no time for bytes. */
	stage->is_busy = false;
}

const struct toxic_type toxic_bandwidth = {
	.name = "bandwidth",
	.attributes = {[RATE] = {.name = "rate"}},
	.begin = bandwidth_begin,
	.move = bandwidth_move,
	.what = "bytes go on",
	.room = RATE_ROOM,
};
