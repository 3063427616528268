/* SPDX-License-Identifier: ISC */
/*
 * A pair of which one side failed: PAIR_RESETTING (pair.h).
 *
 *	pair_reset ──▶ pair_reset_look ──▶ the survivor is reset, and the pair has ended
 *	                 │         ▲
 *	                 └─ timer ─┘  while something is left to deliver
 *
 * The pump of the failed side goes on delivering to the survivor what that side has sent. CLOSE of
 * the failed side's stream means that no more follows. No event reports that the kernel has
 * delivered everything.
 */
#include "proxy/pair.h"

#include "proxy/pair_private.h"
#include "stream/stream.h"

enum {
	LOOK_MIN_MS = 1,
	LOOK_MAX_MS = 50,
};

/** The interval after this one. There is none before the first look. */
static uint8_t longer(uint8_t ms)
{
	return ms == 0 ? LOOK_MIN_MS : ms * 2 < LOOK_MAX_MS ? (uint8_t)(ms * 2) : LOOK_MAX_MS;
}

/** The side that did not fail. */
static enum pair_side survivor_of(const struct pair *pair)
{
	return side_opposite(pair->failed);
}

uint64_t pair_reset_stalled_ns(const struct pair *pair)
{
	enum pair_side side = survivor_of(pair);

	return clock_later(
		pair->sides[side].progress_ns, stream_written_ns(pair_stream(pair, side)));
}

void pair_reset_finish(struct pair *pair)
{
	int err = stream_cause(pair_stream(pair, pair->failed));

	pair_finish(pair, true, end_by_failure(pair->failed, err));
}

/** Whether all that the failed side sent has reached the survivor, or the survivor has failed
 * too. */
static bool is_delivered(const struct pair *pair, uint32_t held)
{
	const struct stream *survivor = pair_stream(pair, survivor_of(pair));
	const struct stream *failed = pair_stream(pair, pair->failed);

	return stream_fd(survivor) < 0 ||
	       (stream_fd(failed) < 0 && !pair_keeps(pair, pair->failed) &&
		       stream_bytes_waiting(survivor) == 0 && held == 0);
}

void pair_reset_look(struct pair *pair)
{
	enum pair_side side = survivor_of(pair);
	struct stream *survivor = pair_stream(pair, side);
	uint32_t held = 0;

	/* A UNIX peer can still read what is in its queue after weir closes. But its kernel reports
	 * room only when three quarters of the queue are free, so weir tries to write. */
	if (stream_is_tcp(survivor)) {
		held = (uint32_t)stream_unsent(survivor);
	} else {
		stream_poke(survivor);
	}
	if (is_delivered(pair, held)) {
		pair_reset_finish(pair);
		return;
	}
	pair->looked_ns = clock_ns();
	if (held < pair->held[side]) {
		pair->sides[side].progress_ns = pair->looked_ns;
	}
	pair->held[side] = held;
	pair->look_ms = longer(pair->look_ms);
	pair_wind(pair);
}

uint64_t pair_reset_look_ns(const struct pair *pair)
{
	return pair->looked_ns + (uint64_t)pair->look_ms * NS_PER_MS;
}

void pair_reset(struct pair *pair, enum pair_side side)
{
	enum pair_side survivor = side_opposite(side);

	pair->state = PAIR_RESETTING;
	pair->failed = side;
	pair->look_ms = 0;
	pair_part_from(pair, side);
	pair->sides[survivor].progress_ns = clock_ns();
	pair->held[survivor] = UINT32_MAX;
	pump_stop(&pair->sides[survivor].pump);
	if (pair->throttles != NULL) {
		throttle_close(&pair->throttles->from[survivor]);
	}
	pair_reset_look(pair);
}
