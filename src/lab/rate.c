/* SPDX-License-Identifier: ISC */
/*
 * The toxic `bandwidth`: bytes leave as over a line of this rate, one behind the other.
 *
 * since_ns is when the line is free. A byte has left when the line has had its time for it, so
 * none is early; and a line that was free saves nothing up. What late timers have cost is caught up
 * with, as far as two bounds let it: no second gets more than its share and LATE_NS of it, and no
 * WINDOW_NS more than their share and SPARE_BYTES. For the latter a window counts what left in the
 * slots of WINDOW_NS; a rate whose LATE_NS are no more than SPARE_BYTES needs none. TURN_BYTES at
 * most leave in one turn: so what is held up between its time and send(2) is not much either.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "lab/chain.h"
#include "lab/toxic_types.h"

enum { RATE };

enum {
	LATE_NS = 5 * NS_PER_MS,
	WINDOW_NS = 10 * NS_PER_MS,
	SPARE_BYTES = 8 * 1024,
	TURN_BYTES = 8 * 1024,
	FAST_NS = 80 *
		  NS_PER_US, /**< of a rate for which these are too few: what it has in this time */
	PIECE_NS = NS_PER_MS,   /**< bytes go in pieces of this time, */
	PIECE_BYTES = 6 * 1024, /**< or this size, whichever is less, and at least a byte */
	RATE_ROOM = 256 * 1024,
	BYTES_PER_KB = 1000,
	SLOTS = 256, /**< of a window */
	SLOT_NS = WINDOW_NS / SLOTS,
};

/** What left in the last WINDOW_NS, in the slots of these and the one that is on. */
struct window {
	uint64_t slot; /**< the one that is on, since the clock's beginning */
	uint64_t sum;
	uint32_t n[SLOTS + 1];
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

static uint64_t at_least(uint64_t bytes, uint64_t rate)
{
	return clock_later(bytes, bytes_in(FAST_NS, rate));
}

/* ---- the window ---- */

static uint32_t *slot_at(struct window *window, uint64_t slot)
{
	return &window->n[slot % (SLOTS + 1)];
}

/** Forgets what left before it. */
static void window_turn(struct window *window, uint64_t now_ns)
{
	uint64_t slot = now_ns / SLOT_NS;

	while (window->slot < slot && window->sum > 0) {
		window->slot++;
		window->sum -= *slot_at(window, window->slot);
		*slot_at(window, window->slot) = 0;
	}
	window->slot = slot;
}

/** When as much as `n` of what it counts has left it. */
static uint64_t window_without(struct window *window, uint64_t n)
{
	uint64_t slot = window->slot < SLOTS ? 0 : window->slot - SLOTS;
	uint64_t gone = *slot_at(window, slot);

	while (gone < n && slot < window->slot) {
		gone += *slot_at(window, ++slot);
	}
	return (slot + SLOTS + 1) * SLOT_NS;
}

/** How many bytes it lets out; of none, when it lets out a piece. */
static uint64_t window_room(
	struct stage *stage, uint64_t rate, uint64_t piece, uint64_t now_ns, uint64_t *ret_ns)
{
	uint64_t most = bytes_in(WINDOW_NS, rate) + at_least(SPARE_BYTES, rate);
	struct window *window = stage->own;

	if (window == NULL) {
		return UINT64_MAX;
	}
	window_turn(window, now_ns);
	if (window->sum + piece <= most) {
		return most - window->sum;
	}
	*ret_ns = window_without(window, window->sum + piece - most);
	return 0;
}

/* ---- the line ---- */

/** Since when the line has been free, as far as that is caught up with. */
static uint64_t free_since(const struct stage *stage, uint64_t now_ns)
{
	if (!stage->is_busy) {
		return clock_later(stage->since_ns, now_ns);
	}
	return clock_later(stage->since_ns, now_ns > LATE_NS ? now_ns - LATE_NS : 0);
}

static uint64_t piece_of(const struct chunk *chunk, uint64_t rate)
{
	uint64_t piece = bytes_in(PIECE_NS, rate);

	piece = piece < PIECE_BYTES ? piece : PIECE_BYTES;
	piece = piece == 0 ? 1 : piece;
	return piece < chunk->n ? piece : chunk->n;
}

/** How many bytes may leave now; of none, when. */
static uint64_t ready_bytes(
	struct stage *stage, const struct chunk *head, uint64_t rate, uint64_t now_ns)
{
	uint64_t piece = piece_of(head, rate);
	uint64_t turn = at_least(TURN_BYTES, rate);
	uint64_t ready = now_ns > stage->since_ns ? bytes_in(now_ns - stage->since_ns, rate) : 0;
	uint64_t room;

	if (stage->turn_ns != now_ns) {
		stage->turn_ns = now_ns;
		stage->n_turn = 0;
	}
	if (ready < piece) {
		stage->wake_ns = stage->since_ns + time_of(piece, rate);
		return 0;
	}
	if (stage->n_turn + piece > turn) {
		stage->wake_ns = now_ns + 1;
		return 0;
	}
	room = window_room(stage, rate, piece, now_ns, &stage->wake_ns);
	ready = clock_earlier(
		clock_earlier(ready, head->n), clock_earlier(room, turn - stage->n_turn));
	return ready;
}

static void pass(struct stage *stage, uint64_t n, uint64_t rate, uint64_t now_ns)
{
	struct window *window = stage->own;

	stage->since_ns += time_of(n, rate);
	stage->n_turn += n;
	if (window != NULL) {
		window->sum += n;
		*slot_at(window, window->slot) += (uint32_t)n;
	}
	stage_pass_part(stage, n, now_ns);
}

static void bandwidth_begin(struct stage *stage, uint64_t now_ns)
{
	stage->is_busy = false;
	stage->since_ns = now_ns;
}

/** False: no memory. */
static bool open_window(struct stage *stage, uint64_t rate)
{
	if (stage->own == NULL && bytes_in(LATE_NS, rate) > SPARE_BYTES) {
		stage->own = calloc(1, sizeof(struct window));
		stage->chain->failed = stage->own == NULL;
	}
	return !stage->chain->failed;
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
		if (kb <= 0 || !open_window(stage, rate)) {
			return; /* a line without a rate takes nothing */
		}
		stage->since_ns = free_since(stage, now_ns);
		stage->is_busy = true;
		ready = ready_bytes(stage, head, rate, now_ns);
		if (ready == 0) {
			return;
		}
		pass(stage, ready, rate, now_ns);
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
