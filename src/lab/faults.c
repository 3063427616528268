/* SPDX-License-Identifier: ISC */
/* Weirlab's own toxics of bytes and ends: freeze, cut, half_close, drip, corrupt. trigger.h says
 * when they are on. */
#include "base/clock.h"
#include "lab/chain.h"
#include "lab/chance.h"
#include "lab/toxic_types.h"
#include "lab/trigger.h"

/* ---- freeze ---- */

enum { FREEZE_HOW = TRIGGER_ATTRIBUTES };
enum freeze_how { FREEZE_STOP, FREEZE_DROP };

static const char *const freeze_hows[] = {[FREEZE_STOP] = "stop", [FREEZE_DROP] = "drop", NULL};

/** Keeps bytes, so that nothing more is read, or drops them. Ends are kept in both cases. */
static void freeze_move(struct stage *stage, uint64_t now_ns)
{
	bool stops = stage->toxic->values[FREEZE_HOW] == FREEZE_STOP;
	const struct chunk *head;

	if (!trigger_run(stage, now_ns)) {
		stage->room = CHAIN_ROOM;
		return;
	}
	stage->room = stops ? 0 : CHAIN_ROOM;
	while (!stops && (head = chunks_head(&stage->in)) != NULL && head->kind == CHUNK_BYTES) {
		stage_drop(stage);
	}
}

const struct toxic_type toxic_freeze = {
	.name = "freeze",
	.attributes = {TRIGGER_TABLE, [FREEZE_HOW] = {.name = "how", .choices = freeze_hows}},
	.is_own = true,
	.move = freeze_move,
	.left = trigger_left,
	.what = "bytes stop",
	.what_over = "bytes go on",
};

/* ---- cut ---- */

enum { CUT_HOW = TRIGGER_ATTRIBUTES };
enum cut_how { CUT_FIN, CUT_RST };

static const char *const cut_hows[] = {[CUT_FIN] = "fin", [CUT_RST] = "rst", NULL};

static void cut_move(struct stage *stage, uint64_t now_ns)
{
	if (trigger_run(stage, now_ns)) {
		stage_shut(stage,
			stage->toxic->values[CUT_HOW] == CUT_RST ? CHUNK_RESET : CHUNK_CUT, now_ns);
		stage->wake_ns = NS_NEVER;
	}
}

const struct toxic_type toxic_cut = {
	.name = "cut",
	.attributes = {TRIGGER_TABLE, [CUT_HOW] = {.name = "how", .choices = cut_hows}},
	.is_own = true,
	.move = cut_move,
	.left = trigger_left,
	.what = "the connection is cut",
};

/* ---- half_close ---- */

static void half_close_move(struct stage *stage, uint64_t now_ns)
{
	if (trigger_run(stage, now_ns)) {
		stage_shut(stage, CHUNK_END, now_ns);
		stage->wake_ns = NS_NEVER;
	}
}

const struct toxic_type toxic_half_close = {
	.name = "half_close",
	.attributes = {TRIGGER_TABLE},
	.is_own = true,
	.move = half_close_move,
	.left = trigger_left,
	.what = "this direction ends",
};

/* ---- drip: since_ns is when the next drop may begin, and n_turn what is still missing of the one
 * that was begun ---- */

enum { DRIP_EVERY_MS = TRIGGER_ATTRIBUTES, DRIP_BYTES };

/** Passes on what has arrived of a drop. The pause begins when all of it has passed, in however
 * many pieces it came. */
static void pass_drop(struct stage *stage, uint64_t now_ns)
{
	const int64_t *values = stage->toxic->values;
	uint64_t size = (uint64_t)values[DRIP_BYTES];
	uint64_t n_before = stage->n_passed;

	if (stage->n_turn == 0 || stage->n_turn > size) {
		stage->n_turn = size;
	}
	stage_pass_part(stage, stage->n_turn, now_ns);
	stage->n_turn -= stage->n_passed - n_before;
	if (stage->n_turn == 0) {
		stage->since_ns = now_ns + (uint64_t)values[DRIP_EVERY_MS] * NS_PER_MS;
	}
}

static void drip_move(struct stage *stage, uint64_t now_ns)
{
	const struct chunk *head;

	if (!trigger_run(stage, now_ns)) {
		return;
	}
	while ((head = stage_head(stage)) != NULL && !stage->chain->failed) {
		if (stage->since_ns > now_ns) {
			if (stage->since_ns < stage->wake_ns) {
				stage->wake_ns = stage->since_ns;
				stage->what = "the next bytes go on";
			}
			return;
		}
		if (head->kind != CHUNK_BYTES) {
			stage_pass(stage, now_ns);
			continue;
		}
		pass_drop(stage, now_ns);
	}
}

const struct toxic_type toxic_drip = {
	.name = "drip",
	.attributes = {TRIGGER_TABLE,
		[DRIP_EVERY_MS] =
			{.name = "every_ms", .value = 1000, .min = 1, .max = TRIGGER_MS_MAX},
		[DRIP_BYTES] = {.name = "bytes", .value = 1, .min = 1, .max = INT32_MAX}},
	.is_own = true,
	.move = drip_move,
	.left = trigger_left,
	.what = "bytes begin to drip",
	.what_over = "bytes drip no more",
};

/* ---- corrupt ---- */

enum { CORRUPT_EVERY_BYTES = TRIGGER_ATTRIBUTES };

/** Flips a bit in one of each `every` bytes of the stream; chance selects the byte and the bit. A
 * draw for each byte would take the loop's time from others. */
static void spoil(const struct stage *stage, struct chunk *chunk)
{
	uint64_t every = (uint64_t)stage->toxic->values[CORRUPT_EVERY_BYTES];
	uint64_t end = chunk->offset + chunk->n;
	enum { BITS = 8 };

	for (uint64_t i = chunk->offset / every; i * every < end; i++) {
		uint64_t lot = chance_of(stage->key, i);
		uint64_t at = i * every + chance_below(lot, every);

		if (at >= chunk->offset && at < end) {
			chunk_bytes(chunk)[at - chunk->offset] ^= (uint8_t)(1 << (lot % BITS));
		}
	}
}

static void corrupt_move(struct stage *stage, uint64_t now_ns)
{
	struct chunk *head;

	if (!trigger_run(stage, now_ns)) {
		return;
	}
	while ((head = stage_head(stage)) != NULL) {
		spoil(stage, head);
		stage_pass(stage, now_ns);
	}
}

const struct toxic_type toxic_corrupt = {
	.name = "corrupt",
	.attributes = {TRIGGER_TABLE, [CORRUPT_EVERY_BYTES] = {.name = "every_bytes",
					      .value = 1000,
					      .min = 1,
					      .max = INT64_MAX}},
	.is_own = true,
	.move = corrupt_move,
	.left = trigger_left,
	.what = "bits begin to be flipped",
	.what_over = "no more bits are flipped",
};
