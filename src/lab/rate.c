/* SPDX-License-Identifier: ISC */
/*
 * The toxic `bandwidth`: bytes pass one after the other, as over a line of this rate.
 *
 * since_ns is the time from which the line is free. A byte passes when the line has had the time
 * for it, so no byte is early, and an idle line saves no time up. After a late timer or a slow
 * reader the line is behind, and catches up within two limits:
 *
 * - in a second, no more bytes pass than the rate allows in a second and LATE_NS
 * - in WINDOW_NS, no more bytes are sent than the rate allows, and those that are spare
 *
 * For the second limit a window counts each byte at the time by which it was surely sent
 * (chain::sent_ns). A low rate needs no window: what it allows in twice LATE_NS is not more than
 * what is spare.
 *
 * A line that was held up sends many bytes together. The window then allows no more until it has
 * left these behind, so that WINDOW_NS later the line again sends many together. If it woke up
 * late each time, it would never catch up. So it wakes up EARLY_NS before, and looks again each
 * turn.
 *
 * Bytes that a reader does not take leave together when it takes bytes again. So nothing passes
 * while the reader takes none, and there are fewer such bytes than pass in two turns. The window
 * counts them when they have left (chain_calls::held). Without a window, the line does not make up
 * for the time in which the reader took none.
 *
 * Up to SMOOTH_RATE pieces are small, since few bytes are spare. Above it only the limit for a
 * second is promised, so pieces are large, and cost less.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "lab/chain.h"
#include "lab/toxic_types.h"

enum { RATE };

enum {
	/** The line makes up for at most this much lost time, so that a second has less than 1 %
	 * too many bytes, with a margin. */
	LATE_NS = 9 * NS_PER_MS,
	WINDOW_NS = 10 * NS_PER_MS,
	SLOTS = 1000, /**< of a window */
	SLOT_NS = WINDOW_NS / SLOTS,
	/** A window may have 16 KiB more than the rate allows. Not all are used, for the delay
	 * between sent_ns and the wire is unknown. */
	SPARE_BYTES = 14 * 1024,
	/** On a machine that does other things too, a timer is late by this much, or less. */
	EARLY_NS = 120 * NS_PER_US,
	/** The loop does not sleep for so short a time (link_way.c: SOON_NS). */
	LOOK_NS = 10 * NS_PER_US,
	/** A piece is what the line sends in this time, but at most PIECE_BYTES and at least a
	 * byte. */
	PIECE_NS = NS_PER_MS,
	PIECE_BYTES = 6 * 1024,
	/** Above this rate, a piece is what the line sends in FAST_PIECE_NS, and what it sends in
	 * FAST_SPARE_NS is spare. */
	SMOOTH_RATE = 100 * 1000 * 1000,
	FAST_PIECE_NS = 200 * NS_PER_US,
	FAST_SPARE_NS = NS_PER_MS,
	/** The most that passes in a turn of the loop. So other connections do not wait long, and a
	 * line that is behind sends little between two looks at the clock: in each window that is
	 * full, it loses the time in which the bytes of one turn are sent. */
	TURN_BYTES = 16 * 1024,
	/** Above SMOOTH_RATE, the most that passes in a turn is what the line sends in this
	 * time. */
	FAST_TURN_NS = NS_PER_MS,
	/** As many bytes may be in flight as the line sends in this time, which is longer than
	 * LATE_NS; but at least ROOM_MIN, and at most ROOM_MAX bytes. */
	ROOM_NS = 12 * NS_PER_MS,
	ROOM_MIN = CHAIN_ROOM,
	ROOM_MAX = 4 * 1024 * 1024,
	BYTES_PER_KB = 1000,
};

/** The bytes that were sent in the last WINDOW_NS. */
struct window {
	uint64_t slot; /**< the current slot, counted from the zero of the clock */
	uint64_t sum;  /**< of all slots and `open` */
	/** Bytes that passed in the last turn. They are in no slot yet, because the chain's owner
	 * sends them later in that turn. */
	uint64_t open;
	uint64_t open_ns;      /**< the time of that turn */
	bool is_early;         /**< woke up early, and nothing has passed since */
	uint32_t n[SLOTS + 1]; /**< the current slot, and all that began in the WINDOW_NS before */
};

/** A higher rate counts as this one. */
#define KB_MAX ((int64_t)1000 * 1000 * 1000)

static uint64_t rate_of(const struct toxic *toxic)
{
	int64_t kb = toxic->values[RATE];

	if (kb <= 0) {
		return 0;
	}
	return (uint64_t)(kb < KB_MAX ? kb : KB_MAX) * BYTES_PER_KB;
}

/** The time that the line needs for `n` bytes, rounded up. */
static uint64_t time_of(uint64_t n, uint64_t rate)
{
	return (n * NS_PER_S + rate - 1) / rate;
}

/** How many bytes the line sends in this time, rounded down. */
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

/** Makes the slot of this time the current one, and clears those that the window leaves behind. */
static void window_advance(struct window *window, uint64_t now_ns)
{
	uint64_t slot = now_ns / SLOT_NS;

	while (window->slot < slot && window->sum > window->open) {
		window->slot++;
		window->sum -= *slot_at(window, window->slot);
		*slot_at(window, window->slot) = 0;
	}
	window->slot = most(window->slot, slot);
}

/** Whether nothing passes while the receiver has not taken what passed before. If there is a stage
 * after this one, that stage may hold the bytes, too; and an end that closes does not wait for a
 * receiver. */
static bool waits_for_receiver(const struct stage *stage)
{
	const struct chain *chain = stage->chain;

	return stage->paces && stage->link.next == &chain->stages && !chain->is_closing;
}

/** Moves the window on to now. What passed in an earlier turn, and has left, gets into a slot. */
static void window_book(struct stage *stage, uint64_t now_ns)
{
	struct window *window = stage->own;
	struct chain *chain = stage->chain;

	if (window->open > 0 && window->open_ns != now_ns) {
		bool can_be_held = waits_for_receiver(stage) && chain->calls->held != NULL;
		uint64_t held = can_be_held ? chain->calls->held(chain) : 0;

		held = least(held, window->open);
		/* It is not known when bytes that were held have left: now at the latest. */
		window_advance(
			window, stage->is_held ? now_ns : most(window->open_ns, chain->sent_ns));
		*slot_at(window, window->slot) += (uint32_t)(window->open - held);
		window->open = held;
		window->open_ns = now_ns;
		stage->is_held = held > 0;
	}
	window_advance(window, now_ns);
}

/** The time from which the window no longer counts the oldest `n` bytes. */
static uint64_t window_without(struct window *window, uint64_t n)
{
	uint64_t slot = window->slot < SLOTS ? 0 : window->slot - SLOTS;
	uint64_t gone = *slot_at(window, slot);

	while (gone < n && slot < window->slot) {
		gone += *slot_at(window, ++slot);
	}
	return (slot + SLOTS + 1) * SLOT_NS;
}

/** The time at which to look again, if the window allows a piece from `free_ns` on. */
static uint64_t window_look(struct window *window, uint64_t free_ns, uint64_t now_ns)
{
	if (free_ns > now_ns + EARLY_NS) {
		window->is_early = true;
		return free_ns - EARLY_NS;
	}
	return window->is_early ? clock_earlier(free_ns, now_ns + LOOK_NS) : free_ns;
}

/** How many bytes the window allows now. 0: less than a piece; call it again at `*ret_ns`. */
static uint64_t window_room(
	struct stage *stage, uint64_t rate, uint64_t piece, uint64_t now_ns, uint64_t *ret_ns)
{
	uint64_t spare = rate > SMOOTH_RATE ? bytes_in(FAST_SPARE_NS, rate) : SPARE_BYTES;
	uint64_t limit = bytes_in(WINDOW_NS, rate) + spare;
	struct window *window = stage->own;

	if (window == NULL) {
		return UINT64_MAX;
	}
	window_book(stage, now_ns);
	if (window->sum + piece <= limit) {
		return limit - window->sum;
	}
	*ret_ns = window_look(window, window_without(window, window->sum + piece - limit), now_ns);
	return 0;
}

/* ---- the line ---- */

/** The time from which the line is free, but not longer ago than it may catch up with. */
static uint64_t free_since(const struct stage *stage, uint64_t now_ns)
{
	if (!stage->is_busy || (stage->is_held && stage->own == NULL)) {
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

/** How many bytes may pass now. 0: none, and wake_ns is set to the time when some may. */
static uint64_t ready_bytes(
	struct stage *stage, const struct chunk *head, uint64_t rate, uint64_t now_ns)
{
	uint64_t piece = piece_of(head, rate);
	uint64_t turn = rate > SMOOTH_RATE ? bytes_in(FAST_TURN_NS, rate) : TURN_BYTES;
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
		window->is_early = false;
	}
	stage_pass_part(stage, n, now_ns);
}

static void bandwidth_begin(struct stage *stage, uint64_t now_ns)
{
	uint64_t rate = rate_of(stage->toxic);
	uint64_t room = bytes_in(ROOM_NS, rate);

	stage->is_busy = false;
	stage->is_held = false;
	stage->since_ns = now_ns;
	stage->paces = rate <= SMOOTH_RATE;
	stage->room = least(most(room, ROOM_MIN), ROOM_MAX);
}

/** Makes the window, if the rate needs one. False: no memory. */
static bool open_window(struct stage *stage, uint64_t rate)
{
	if (stage->own == NULL && bytes_in(UINT64_C(2) * LATE_NS, rate) > SPARE_BYTES) {
		stage->own = calloc(1, sizeof(struct window));
		stage->chain->failed = stage->own == NULL;
	}
	return !stage->chain->failed;
}

/** Whether something may pass, as far as it depends on the receiver. */
static bool can_send(struct stage *stage)
{
	struct chain *chain = stage->chain;

	if (!waits_for_receiver(stage)) {
		return true;
	}
	if (chain->calls->room(chain) == 0) {
		stage->is_held = true;
		return false;
	}
	return chunks_head(&chain->out) == NULL;
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
			return; /* with a rate of 0 no byte passes */
		}
		if (!can_send(stage)) {
			return; /* a run follows when the receiver takes some */
		}
		stage->since_ns = free_since(stage, now_ns);
		stage->is_busy = true;
		stage->is_held = stage->is_held && stage->own != NULL;
		ready = ready_bytes(stage, head, rate, now_ns);
		if (ready == 0) {
			return;
		}
		pass(stage, ready, rate, now_ns);
		if (stage->chain->failed) {
			return;
		}
	}
	/* Without bytes the line is idle. If only the reader has no room for them, it is late. */
	stage->is_busy = stage->is_busy && chunks_head(&stage->in) != NULL;
}

const struct toxic_type toxic_bandwidth = {
	.name = "bandwidth",
	.attributes = {[RATE] = {.name = "rate"}},
	.begin = bandwidth_begin,
	.move = bandwidth_move,
	.what = "bytes go on",
};
