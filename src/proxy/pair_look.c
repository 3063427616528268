/* SPDX-License-Identifier: ISC */
/*
 * Looks at the bytes that the kernel holds for the peers of a pair: weir has handed them over, and
 * no event reports their progress. A pair is not idle while a peer takes them, however slowly.
 *
 * The kernel is looked at only when a timer is due, so an idle or busy pair costs nothing. Two
 * looks are compared only if weir has handed over nothing in between: then fewer bytes mean that
 * the peer took some. The age of the last acknowledgement cannot be used, because probes of a
 * closed window are acknowledged too.
 */
#include "proxy/pair.h"

#include "proxy/pair_private.h"
#include "stream/stream.h"

enum { LOOKS_A_TIMER = 8 };

uint64_t pair_relayed_ns(const struct pair *pair)
{
	return clock_later(
		pair->joined_ns, clock_later(pump_moved_ns(&pair->sides[SIDE_CLIENT].pump),
					 pump_moved_ns(&pair->sides[SIDE_UPSTREAM].pump)));
}

/** The later of `ns` and when the first FIN was passed on. A FIN is handed over like a byte, but
 * only to one of the sides. */
static uint64_t with_fin(const struct pair *pair, uint64_t ns)
{
	return pair->fin_ns == NS_NEVER ? ns : clock_later(ns, pair->fin_ns);
}

/** The first look after bytes were handed over; there is no earlier one to compare with. */
static uint64_t first_look(const struct stream *stream, uint64_t now_ns)
{
	if (stream_bytes_waiting(stream) == 0) {
		return now_ns; /* the timer begins anew */
	}
	/* write_stall already counts from when the kernel was full; beginning anew would double its
	 * time. */
	return stream_delivered_ns(stream);
}

static void side_look(struct pair *pair, enum pair_side side, uint64_t now_ns)
{
	const struct stream *stream = pair_stream(pair, side);
	uint32_t before = pair->held[side];
	uint32_t held = (uint32_t)stream_unsent(stream);

	if (pair->looked_ns > with_fin(pair, stream_written_ns(stream))) {
		if (held < before) {
			pair->sides[side].progress_ns = now_ns;
		}
	} else if (held > 0) {
		pair->sides[side].progress_ns = first_look(stream, now_ns);
	}
	pair->held[side] = held;
}

void pair_look(struct pair *pair)
{
	uint64_t now_ns = clock_ns();

	side_look(pair, SIDE_CLIENT, now_ns);
	side_look(pair, SIDE_UPSTREAM, now_ns);
	pair->looked_ns = now_ns;
}

static bool pair_is_held(const struct pair *pair)
{
	return pair->held[SIDE_CLIENT] > 0 || pair->held[SIDE_UPSTREAM] > 0;
}

uint64_t pair_held_ns(const struct pair *pair)
{
	return pair_is_held(pair) ? pair->looked_ns : 0;
}

/** Whether bytes wait for the side, and weir has handed over none since the last look. */
static bool side_is_stalled(const struct pair *pair, enum pair_side side)
{
	const struct stream *stream = pair_stream(pair, side);

	return pair->held[side] > 0 && stream_bytes_waiting(stream) > 0 &&
	       pair->looked_ns > with_fin(pair, stream_written_ns(stream));
}

/** Whether another look can be compared with the last one. For write_stall the other direction does
 * not matter: its bytes do not put that timer off. */
static bool pair_can_compare(const struct pair *pair, enum deadline_kind kind)
{
	if (kind == DEADLINE_WRITE_STALL) {
		return side_is_stalled(pair, SIDE_CLIENT) || side_is_stalled(pair, SIDE_UPSTREAM);
	}
	return pair_is_held(pair) && pair->looked_ns > with_fin(pair, pair_relayed_ns(pair));
}

uint64_t pair_look_ns(const struct pair *pair, const struct deadline *deadline)
{
	uint64_t pause_ns = deadline->silence_ns / LOOKS_A_TIMER;

	if (deadline->silence_ns == NS_NEVER || !pair_can_compare(pair, deadline->kind)) {
		return NS_NEVER;
	}
	return clock_after(pair->looked_ns, pause_ns > 0 ? pause_ns : 1);
}
