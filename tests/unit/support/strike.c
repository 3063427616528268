/* SPDX-License-Identifier: ISC */
#include "strike.h"

#include <unistd.h>

#include "vtime.h"

struct rig rig;
struct side *from;
struct side *to;

void strike_setup(void)
{
	fixture_setup();
	vtime_freeze();
}

TCase *strike_case(void)
{
	TCase *tc = tcase_create("virtual");

	tcase_add_checked_fixture(tc, strike_setup, fixture_teardown);
	return tc;
}

void strike_open(int i, enum rig_size size)
{
	rig_open_relaying(&rig, i / 2, size);
	from = rig_side(&rig, i % 2);
	to = rig_other(&rig, from);
}

void strike_set(uint64_t *timeout_ns, uint64_t ns)
{
	*timeout_ns = ns;
	rig_wind(&rig);
}

void rig_open_relaying(struct rig *self, int variant, enum rig_size size)
{
	rig_open(self, variant, size);
	rig_join(self);
	loop_settle();
}

void rig_wind(struct rig *self)
{
	pair_wind(&self->pair);
}

/** Waits for acknowledgements. For a few bytes or a FIN, TCP may send them up to 40 ms later. It
 * never sends them for bytes for which a stuck peer has no room. */
static void until_acknowledged(struct rig *self)
{
	for (int i = 0; i < 2; i++) {
		struct stream *stream = rig_stream(self, rig_side(self, i));

		while (stream != NULL && stream_is_tcp(stream) && stream_unsent(stream) > 0 &&
			stream_bytes_waiting(stream) == 0) {
			(void)usleep(1000); /* by the kernel's clock */
		}
	}
}

void rig_assert_strikes_in(struct rig *self, uint64_t ns, enum deadline_kind timer)
{
	until_acknowledged(self);
	vtime_pass(ns - 1);
	ck_assert_uint_eq(self->n_ended, 0);
	vtime_pass(1);
	ck_assert_uint_eq(self->n_ended, 1);
	ck_assert_int_eq(self->end.timer, timer);
	ck_assert_uint_eq(self->end.late_ns, 0);
}

void rig_assert_stall_strikes(struct rig *self, uint64_t ns, const struct side *stalled)
{
	while (self->n_ended == 0) {
		uint64_t stalled_ns = stream_stalled_ns(rig_stream(self, stalled));

		vtime_pass(stalled_ns + ns - clock_ns() - 1);
		ck_assert_uint_eq(self->n_ended, 0);
		if (stream_stalled_ns(rig_stream(self, stalled)) == stalled_ns) {
			vtime_pass(1);
			ck_assert(self->n_ended == 1 || stalled->kind == WIRE_TCP);
		}
	}
	rig_assert_ended(self, END_BY_WEIR, END_WRITE_STALL);
	ck_assert_uint_eq(self->end.late_ns, 0);
}

void rig_assert_told(struct rig *self)
{
	loop_settle();
	ck_assert_str_eq(self->client.heard.events, "TIMEOUT CLOSE");
	ck_assert_str_eq(self->upstream.heard.events, "TIMEOUT CLOSE");
}

void rig_assert_both_saw_fin(struct rig *self)
{
	side_receive(&self->client);
	side_receive(&self->upstream);
	loop_until(side_saw_fin(&self->client) && side_saw_fin(&self->upstream));
}

void side_assert_saw_reset(struct side *side)
{
	side_receive(side);
	loop_until(side_saw_reset(side));
	ck_assert(side->kind != WIRE_TCP || !side_saw_fin(side));
}

void rig_assert_both_saw_reset(struct rig *self)
{
	side_assert_saw_reset(&self->client);
	side_assert_saw_reset(&self->upstream);
}
