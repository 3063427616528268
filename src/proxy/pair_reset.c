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

/** The pause after a pause; none before the first look. */
static uint8_t longer(uint8_t ms)
{
	return ms == 0 ? LOOK_MIN_MS : ms * 2 < LOOK_MAX_MS ? (uint8_t)(ms * 2) : LOOK_MAX_MS;
}

/** The side that did not fail. */
static enum end_by survivor_of(const struct pair *pair)
{
	return pair->failed == END_BY_CLIENT ? END_BY_UPSTREAM : END_BY_CLIENT;
}

uint64_t pair_reset_stalled_ns(const struct pair *pair)
{
	enum end_by side = survivor_of(pair);

	return clock_later(pair->progress_ns[side], stream_written_ns(pair_side(pair, side)));
}

void pair_reset_look(struct pair *pair)
{
	enum end_by side = survivor_of(pair);
	struct stream *survivor = pair_side(pair, side);
	/* What a UNIX peer has not read stays its own when we close. */
	uint32_t held = stream_is_tcp(survivor) ? (uint32_t)stream_unsent(survivor) : 0;

	if (stream_fd(survivor) < 0) {
		pair_finish(pair, true);
		return;
	}
	if (stream_fd(pair_side(pair, pair->failed)) < 0 && stream_bytes_waiting(survivor) == 0 &&
		held == 0) {
		pair_finish(pair, true);
		return;
	}
	pair->looked_ns = clock_ns();
	if (held < pair->held[side]) {
		pair->progress_ns[side] = pair->looked_ns;
	}
	pair->held[side] = held;
	pair->look_ms = longer(pair->look_ms);
	pair_wind(pair);
}

uint64_t pair_reset_look_ns(const struct pair *pair)
{
	return pair->looked_ns + (uint64_t)pair->look_ms * NS_PER_MS;
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
	pair->look_ms = 0;
	pair->progress_ns[survivor_of(pair)] = clock_ns();
	pair->held[survivor_of(pair)] = UINT32_MAX;
	pump_stop(to_failed);
	pair_reset_look(pair);
}
