/* SPDX-License-Identifier: ISC */
/*
 * The toxic `bandwidth`: bytes leave as over a line of this rate, one behind the other.
 *
 * since_ns is when the line is free. A byte has left when the line has had its time for it, so
 * none is early; and a line that was free saves nothing up. What late timers and a slow reader have
 * cost is caught up with, as far as two bounds let it: no second gets more than its share and
 * LATE_NS of it, and no WINDOW_NS more than their share and what is spare. For the latter a window
 * counts what left, in slots, by the time at which it had surely left (chain::sent_ns); a rate at
 * which LATE_NS twice are no more than what is spare needs none.
 *
 * Up to SMOOTH_RATE pieces are small, since few bytes are spare. Above it they are so large that
 * they cost little: there all that counts is a second.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "lab/chain.h"
#include "lab/toxic_types.h"

enum { RATE };

enum {
	LATE_NS = 9 * NS_PER_MS, /**< not a hundredth of a second, of which a little is a margin */
	WINDOW_NS = 10 * NS_PER_MS,
	SLOTS = 1000, /**< of a window */
	SLOT_NS = WINDOW_NS / SLOTS,
	PIECE_NS = NS_PER_MS, /**< bytes go in pieces of this time, */
	/* or of this size, whichever is less, and at least a byte; */
	PIECE_BYTES = 6 * 1024,
	SPARE_BYTES = 14 * 1024, /**< of 16 KiB: what is between here and the wire is not known */
	SMOOTH_RATE = 100 * 1000 * 1000,
	/* above it in pieces of this time, with as much to spare. */
	FAST_PIECE_NS = 200 * NS_PER_US,
	FAST_SPARE_NS = NS_PER_MS,
	TURN_BYTES = 64 * 1024,   /**< in one turn at most, or */
	TURN_NS = NS_PER_MS,      /**< what is had in this time: others wait, too */
	ROOM_NS = 12 * NS_PER_MS, /**< of what is in flight: more than is caught up with at once */
	ROOM_MIN = CHAIN_ROOM,
	ROOM_MAX = 4 * 1024 * 1024,
	BYTES_PER_KB = 1000,
};

/** What left in the last WINDOW_NS, in the slots of these and the one that is on. */
struct window {
	uint64_t slot;    /**< the one that is on, since the clock's beginning */
	uint64_t sum;     /**< of all slots, and: */
	uint64_t open;    /**< what left in this turn, of which is not known when it had left */
	uint64_t open_ns; /**< when it began to */
	uint32_t n[SLOTS + 1];
};

/** Above this, a line of any length is free at once. */
#define KB_MAX ((int64_t)1000 * 1000 * 1000)

static uint64_t rate_of(const struct toxic *toxic)
{
	int64_t kb = toxic->values[RATE];

	if (kb <= 0) {
		return 0;
	}
	return (uint64_t)(kb < KB_MAX ? kb : KB_MAX) * BYTES_PER_KB;
}

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

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
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

	while (window->slot < slot && window->sum > window->open) {
		window->slot++;
		window->sum -= *slot_at(window, window->slot);
		*slot_at(window, window->slot) = 0;
	}
	window->slot = most(window->slot, slot);
}

/** Counts what left in a turn before this one. */
static void window_book(struct window *window, uint64_t sent_ns, uint64_t now_ns)
{
	if (window->open > 0 && window->open_ns != now_ns) {
		window_turn(window, most(window->open_ns, sent_ns));
		*slot_at(window, window->slot) += (uint32_t)window->open;
		window->open = 0;
	}
	window_turn(window, now_ns);
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
	uint64_t spare = rate > SMOOTH_RATE ? bytes_in(FAST_SPARE_NS, rate) : SPARE_BYTES;
	uint64_t limit = bytes_in(WINDOW_NS, rate) + spare;
	struct window *window = stage->own;

	if (window == NULL) {
		return UINT64_MAX;
	}
	window_book(window, stage->chain->sent_ns, now_ns);
	if (window->sum + piece <= limit) {
		return limit - window->sum;
	}
	*ret_ns = window_without(window, window->sum + piece - limit);
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
	uint64_t piece = rate > SMOOTH_RATE ? bytes_in(FAST_PIECE_NS, rate)
					    : least(bytes_in(PIECE_NS, rate), PIECE_BYTES);

	return least(most(piece, 1), chunk->n);
}

/** How many bytes may leave now; of none, when. */
static uint64_t ready_bytes(
	struct stage *stage, const struct chunk *head, uint64_t rate, uint64_t now_ns)
{
	uint64_t piece = piece_of(head, rate);
	uint64_t turn = most(TURN_BYTES, bytes_in(TURN_NS, rate));
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
	return least(least(ready, head->n), least(room, turn - stage->n_turn));
}

static void pass(struct stage *stage, uint64_t n, uint64_t rate, uint64_t now_ns)
{
	struct window *window = stage->own;

	stage->since_ns += time_of(n, rate);
	stage->n_turn += n;
	if (window != NULL) {
		window->sum += n;
		window->open += n;
		window->open_ns = now_ns;
	}
	stage_pass_part(stage, n, now_ns);
}

static void bandwidth_begin(struct stage *stage, uint64_t now_ns)
{
	uint64_t room = bytes_in(ROOM_NS, rate_of(stage->toxic));

	stage->is_busy = false;
	stage->since_ns = now_ns;
	stage->room = least(most(room, ROOM_MIN), ROOM_MAX);
}

/** False: no memory. */
static bool open_window(struct stage *stage, uint64_t rate)
{
	if (stage->own == NULL && bytes_in(UINT64_C(2) * LATE_NS, rate) > SPARE_BYTES) {
		stage->own = calloc(1, sizeof(struct window));
		stage->chain->failed = stage->own == NULL;
	}
	return !stage->chain->failed;
}

static void bandwidth_move(struct stage *stage, uint64_t now_ns)
{
	uint64_t rate = rate_of(stage->toxic);
	const struct chunk *head;

	while ((head = stage_head(stage)) != NULL) {
		uint64_t ready;

		if (head->kind != CHUNK_BYTES) {
			stage_pass(stage, now_ns);
			continue;
		}
		if (rate == 0 || !open_window(stage, rate)) {
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
	/* With nothing to send, the line is free; what a reader has not taken in time is late. */
	stage->is_busy = stage->is_busy && chunks_head(&stage->in) != NULL;
}

const struct toxic_type toxic_bandwidth = {
	.name = "bandwidth",
	.attributes = {[RATE] = {.name = "rate"}},
	.begin = bandwidth_begin,
	.move = bandwidth_move,
	.what = "bytes go on",
};
