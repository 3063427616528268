/* SPDX-License-Identifier: ISC */
/* Toxics that delay: latency for bytes, and slow_close for ends. */
#include "base/clock.h"
#include "lab/chain.h"
#include "lab/chance.h"
#include "lab/toxic_types.h"

enum { LATENCY, JITTER };
enum { DELAY };

enum {
	/** The bytes in flight are the delay times the rate. So this bounds the rate, and not the
	 * delay. */
	LATENCY_ROOM = 16 * 1024 * 1024,
	PAUSE_NS = NS_PER_MS, /**< between bytes that were not sent together */
	BLOCK = 16 * 1024,    /**< bytes of the stream that have the same delay, at most */
};

/** Converts the time of an attribute; a negative one becomes 0. */
static uint64_t ms_to_ns(int64_t ms)
{
	if (ms <= 0) {
		return 0;
	}
	return (uint64_t)ms > NS_NEVER / NS_PER_MS ? NS_NEVER : (uint64_t)ms * NS_PER_MS;
}

/* ---- latency: for the last bytes that were passed on, n_turn is the offset that determines their
 * delay, turn_ns when they came, and since_ns when they were due ---- */

/**
 * The offset in the stream that determines the delay of a chunk: that of the first byte that was
 * sent together with it, or that of the first byte of its block if this is greater. So it does not
 * matter in how many reads the bytes came.
 */
static uint64_t place_of(const struct stage *stage, const struct chunk *chunk)
{
	bool follows = stage->is_busy && chunk->at_ns < stage->since_ns &&
		       chunk->at_ns < stage->turn_ns + PAUSE_NS;
	uint64_t block = chunk->offset - chunk->offset % BLOCK;

	if (!follows) {
		return chunk->offset;
	}
	return stage->n_turn > block ? stage->n_turn : block;
}

/** The delay for an offset: uniform over latency ± jitter. */
static uint64_t delay_of(const struct stage *stage, const struct chunk *chunk)
{
	uint64_t latency_ns = ms_to_ns(stage->toxic->values[LATENCY]);
	uint64_t jitter_ns = ms_to_ns(stage->toxic->values[JITTER]);
	uint64_t drawn_ns;

	if (jitter_ns == 0 || jitter_ns > NS_NEVER / 4 || latency_ns > NS_NEVER / 4) {
		return latency_ns;
	}
	drawn_ns = latency_ns +
		   chance_below(chance_of(stage->key, place_of(stage, chunk)), 2 * jitter_ns + 1);
	return drawn_ns > jitter_ns ? drawn_ns - jitter_ns : 0;
}

/** When a chunk is due. An end has no delay of its own: it follows the last byte. */
static uint64_t due_of(const struct stage *stage, const struct chunk *chunk, uint64_t now_ns)
{
	return chunk->kind == CHUNK_BYTES ? clock_after(chunk->at_ns, delay_of(stage, chunk))
					  : now_ns;
}

/** Whether bytes are due that the receiver does not take. They wait for the receiver, and are not
 * in flight any more. */
static bool is_held_up(const struct stage *stage, uint64_t now_ns)
{
	const struct chunk *head = chunks_head(&stage->in);

	return head != NULL && due_of(stage, head, now_ns) <= now_ns;
}

/** Passes on bytes that have the same delay. */
static void pass_block(
	struct stage *stage, const struct chunk *head, uint64_t due_ns, uint64_t now_ns)
{
	if (stage->toxic->values[JITTER] <= 0) {
		stage_pass(stage, now_ns);
		return;
	}
	stage->n_turn = place_of(stage, head);
	stage->turn_ns = head->at_ns;
	stage->since_ns = due_ns;
	stage->is_busy = true;
	stage_pass_part(stage, BLOCK - head->offset % BLOCK, now_ns);
}

static void latency_move(struct stage *stage, uint64_t now_ns)
{
	const struct chunk *head;

	while ((head = stage_head(stage)) != NULL && !stage->chain->failed) {
		uint64_t due_ns = due_of(stage, head, now_ns);

		if (due_ns > now_ns) {
			stage->wake_ns = due_ns;
			break;
		}
		if (head->kind == CHUNK_BYTES) {
			pass_block(stage, head, due_ns, now_ns);
		} else {
			stage_pass(stage, now_ns);
		}
	}
	stage->room = is_held_up(stage, now_ns) ? CHAIN_ROOM : LATENCY_ROOM;
}

const struct toxic_type toxic_latency = {
	.name = "latency",
	.attributes = {[LATENCY] = {.name = "latency"}, [JITTER] = {.name = "jitter"}},
	.move = latency_move,
	.what = "bytes go on",
	.room = LATENCY_ROOM,
};

static void slow_close_move(struct stage *stage, uint64_t now_ns)
{
	const struct chunk *head;

	while ((head = stage_head(stage)) != NULL) {
		uint64_t due_ns =
			head->kind == CHUNK_BYTES
				? now_ns
				: clock_after(head->at_ns, ms_to_ns(stage->toxic->values[DELAY]));

		if (due_ns > now_ns) {
			stage->wake_ns = due_ns;
			return;
		}
		stage_pass(stage, now_ns);
	}
}

const struct toxic_type toxic_slow_close = {
	.name = "slow_close",
	.attributes = {[DELAY] = {.name = "delay"}},
	.move = slow_close_move,
	.what = "the end goes on",
};
