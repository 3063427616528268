/* SPDX-License-Identifier: ISC */
/* The toxic slicer, which cuts bytes that were written together into pieces. */
#include "base/clock.h"
#include "lab/chain.h"
#include "lab/chance.h"
#include "lab/toxic_types.h"

enum { AVERAGE_SIZE, SIZE_VARIATION, DELAY };

/** The size of a slice: uniform over average ± variation, by the offset of the slice in the stream;
 * at least a byte. */
static size_t size_of(const struct stage *stage, const struct chunk *chunk)
{
	int64_t average = stage->toxic->values[AVERAGE_SIZE];
	int64_t variation = stage->toxic->values[SIZE_VARIATION];
	int64_t size = average;

	if (average > INT32_MAX) {
		return SIZE_MAX;
	}
	if (variation > 0) {
		variation = variation < INT32_MAX ? variation : INT32_MAX;
		size += (int64_t)chance_below(
				chance_of(stage->key, chunk->offset), 2 * (uint64_t)variation + 1) -
			variation;
	}
	return size < 1 ? 1 : (size_t)size;
}

/** Passes on what has arrived of a slice. Its end depends only on its offset, and not on how the
 * bytes arrived. */
static void pass_slice(struct stage *stage, const struct chunk *head, uint64_t now_ns)
{
	size_t n;

	if (stage->n_turn == 0) {
		stage->n_turn = size_of(stage, head);
	}
	n = head->n < stage->n_turn ? head->n : (size_t)stage->n_turn;
	stage->n_turn -= n;
	stage_pass_part(stage, n, now_ns);
}

/** since_ns: when the next slice may be passed on; n_turn: what is still missing of the one that
 * was begun. */
static void slicer_move(struct stage *stage, uint64_t now_ns)
{
	int64_t delay_us = stage->toxic->values[DELAY];
	const struct chunk *head;

	while ((head = stage_head(stage)) != NULL && !stage->chain->failed) {
		if (stage->since_ns > now_ns) {
			stage->wake_ns = stage->since_ns;
			return;
		}
		if (head->kind != CHUNK_BYTES) {
			stage_pass(stage, now_ns);
			continue;
		}
		pass_slice(stage, head, now_ns);
		if (delay_us > 0 && (uint64_t)delay_us < NS_NEVER / NS_PER_US) {
			stage->since_ns = clock_after(now_ns, (uint64_t)delay_us * NS_PER_US);
		}
	}
}

static void slicer_begin(struct stage *stage, uint64_t now_ns)
{
	stage->since_ns = now_ns;
	stage->n_turn = 0;
}

const struct toxic_type toxic_slicer = {
	.name = "slicer",
	.attributes = {[AVERAGE_SIZE] = {.name = "average_size"},
		[SIZE_VARIATION] = {.name = "size_variation"},
		[DELAY] = {.name = "delay"}},
	.begin = slicer_begin,
	.move = slicer_move,
	.what = "the next slice goes on",
};
