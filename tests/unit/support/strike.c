/* SPDX-License-Identifier: ISC */
#include "strike.h"

#include <unistd.h>

#include "vtime.h"

void strike_setup(void)
{
	fixture_setup();
	vtime_freeze();
}

void rig_open_relaying(struct rig *rig, int variant, enum rig_size size)
{
	rig_open(rig, variant, size);
	rig_join(rig);
	loop_settle();
}

void vtime_pass(uint64_t ns)
{
	vtime_advance(ns);
	loop_settle();
}

void rig_wind(struct rig *rig)
{
	pair_drain(&rig->pair, rig->pair.drain);
}

/** TCP acknowledges a few bytes, or a FIN, up to 40 ms later; those that a stuck peer has no room
 * for never. */
static void until_acknowledged(struct rig *rig)
{
	for (int i = 0; i < 2; i++) {
		struct stream *stream = rig_stream(rig, rig_side(rig, i));

		while (stream != NULL && stream_is_tcp(stream) && stream_unsent(stream) > 0 &&
			stream_bytes_waiting(stream) == 0) {
			(void)usleep(1000); /* by the kernel's clock */
		}
	}
}

void rig_assert_strikes_in(struct rig *rig, uint64_t ns, enum deadline_kind timer)
{
	until_acknowledged(rig);
	vtime_pass(ns - 1);
	ck_assert_uint_eq(rig->n_ended, 0);
	vtime_pass(1);
	ck_assert_uint_eq(rig->n_ended, 1);
	ck_assert_int_eq(rig->pair.end.timer, timer);
	ck_assert_uint_eq(rig->pair.end.late_ns, 0);
}

void rig_assert_stall_strikes(struct rig *rig, uint64_t ns, const struct side *to)
{
	while (rig->n_ended == 0) {
		uint64_t stalled_ns = stream_stalled_ns(rig_stream(rig, to));

		vtime_pass(stalled_ns + ns - clock_ns() - 1);
		ck_assert_uint_eq(rig->n_ended, 0);
		if (stream_stalled_ns(rig_stream(rig, to)) == stalled_ns) {
			vtime_pass(1);
			ck_assert(rig->n_ended == 1 || to->kind == WIRE_TCP);
		}
	}
	rig_assert_ended(rig, END_BY_WEIR, END_WRITE_STALL);
	ck_assert_uint_eq(rig->pair.end.late_ns, 0);
}

void rig_assert_told(struct rig *rig)
{
	loop_settle();
	ck_assert_str_eq(rig->client.heard.events, "TIMEOUT CLOSE");
	ck_assert_str_eq(rig->upstream.heard.events, "TIMEOUT CLOSE");
}

void rig_assert_both_saw_fin(struct rig *rig)
{
	side_receive(&rig->client);
	side_receive(&rig->upstream);
	loop_until(side_saw_fin(&rig->client) && side_saw_fin(&rig->upstream));
}

void side_assert_saw_reset(struct side *side)
{
	side_receive(side);
	loop_until(side_saw_reset(side));
	ck_assert(side->kind != WIRE_TCP || !side_saw_fin(side));
}

void rig_assert_both_saw_reset(struct rig *rig)
{
	side_assert_saw_reset(&rig->client);
	side_assert_saw_reset(&rig->upstream);
}
