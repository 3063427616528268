/* SPDX-License-Identifier: ISC */
/*
 * A pair of which one side failed: PAIR_RESETTING (pair.h).
 *
 *	pair_reset ──▶ pair_reset_look ──▶ the survivor is reset, and the pair has ended
 *	                 │         ▲
 *	                 └─ timer ─┘  while something is left to deliver
 *
 * What the failed side sent goes on to the survivor by its pump, which is untouched. That side's
 * CLOSE says that no more comes; that the survivor's kernel has delivered all is told by no event.
 */
#include "proxy/pair.h"

#include "proxy/pair_private.h"
#include "stream/stream.h"

enum {
	LOOK_MIN_MS = 1,
	LOOK_MAX_MS = 50,
};

/** The side that did not fail. */
static struct stream *pair_survivor(const struct pair *pair)
{
	return pair->failed == END_BY_CLIENT ? pair->upstream : pair->client;
}

uint64_t pair_reset_stalled_ns(const struct pair *pair)
{
	return clock_later(pair->progress_ns, stream_written_ns(pair_survivor(pair)));
}

void pair_reset_look(struct pair *pair)
{
	struct stream *failed = pair->failed == END_BY_CLIENT ? pair->client : pair->upstream;
	struct stream *survivor = pair_survivor(pair);
	uint32_t unsent = (uint32_t)stream_unsent(survivor);
	uint64_t now_ns = clock_ns();

	if (stream_fd(survivor) < 0) {
		pair_finish(pair, true);
		return;
	}
	if (stream_fd(failed) < 0 && stream_bytes_waiting(survivor) == 0 && unsent == 0) {
		pair_finish(pair, true);
		return;
	}
	if (unsent < pair->unsent) {
		pair->progress_ns = now_ns;
	}
	pair->unsent = unsent;
	pair->look_ns = now_ns + (uint64_t)pair->look_ms * NS_PER_MS;
	if (pair->look_ms < LOOK_MAX_MS) {
		pair->look_ms = (uint8_t)(pair->look_ms * 2 < LOOK_MAX_MS ? pair->look_ms * 2
									  : LOOK_MAX_MS);
	}
	pair_wind(pair);
}

void pair_reset(struct pair *pair, enum end_by side, int err)
{
	struct pump *to_failed = side == END_BY_CLIENT ? &pair->down : &pair->up;

	pair->end = end_by_failure(side, err);
	if (pair->state == PAIR_CONNECTING) {
		pair_finish(pair, true);
		return;
	}
	pair->state = PAIR_RESETTING;
	pair->failed = side;
	pair->look_ms = LOOK_MIN_MS;
	pair->progress_ns = clock_ns();
	pair->unsent = UINT32_MAX;
	pump_stop(to_failed);
	pair_reset_look(pair);
}
