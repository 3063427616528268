/* SPDX-License-Identifier: ISC */
/*
 * Tests of a receiver that takes nothing, in virtual time: write_stall, and the time for which weir
 * waits for a survivor to take the bytes of the side that reset.
 */
#include "proxy/pair.h"

#include <sys/socket.h>
#include <unistd.h>

#include "strike.h"
#include "vtime.h"

/* ---- write_stall ---- */

START_TEST(write_stall_resets_both)
{
	strike_open(_i, RIG_TINY);
	rig.rules.timeouts.idle_ns = ms(100);
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(800));
	rig_stall(&rig, from);
	rig_assert_stall_strikes(&rig, ms(800), to);
	rig_assert_told(&rig);
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(write_stall_starts_anew_with_each_byte_taken)
{
	strike_open(_i, RIG_TINY);
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(800));
	rig_stall(&rig, from);
	for (int i = 0; i < 3; i++) {
		uint64_t n_taken;

		vtime_pass(ms(800) - 1);
		ck_assert_uint_eq(rig.n_ended, 0);
		/* Counted only now: the kernel may have taken a few bytes meanwhile. */
		n_taken = stream_bytes_written(rig_stream(&rig, to));
		side_receive(to);
		to->in.max = 500; /* so that it does not take all at once */
		loop_until(stream_bytes_written(rig_stream(&rig, to)) > n_taken);
		side_pause(to);
		loop_settle();
		ck_assert_uint_gt(stream_bytes_waiting(rig_stream(&rig, to)), 0);
	}
	rig_assert_stall_strikes(&rig, ms(800), to);
	rig_close(&rig);
}
END_TEST

START_TEST(write_stall_strikes_although_acknowledgements_come_for_nothing_new)
{
	uint64_t stalled_ns;

	strike_open(2 * RIG_TCP + _i, RIG_TINY);
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(800));
	vtime_set_delivered(true);
	rig_stall(&rig, from);
	do { /* the kernel may take a few bytes more, and they count */
		stalled_ns = stream_stalled_ns(rig_stream(&rig, to));
		vtime_pass(ms(800)); /* at the first look the kernel may have taken some */
		vtime_pass(ms(800) - 1);
	} while (rig.n_ended == 0 && stream_stalled_ns(rig_stream(&rig, to)) > stalled_ns);
	ck_assert_uint_eq(rig.n_ended, 0);
	vtime_pass(1);
	rig_assert_ended(&rig, END_BY_WEIR, END_WRITE_STALL);
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(write_stall_strikes_although_the_other_way_flows)
{
	strike_open(_i, RIG_TINY);
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(800));
	rig_stall(&rig, from);
	side_receive(from);
	for (size_t i = 1; i <= 7; i++) {
		vtime_pass(ms(100));
		side_send(to, 10);
		loop_until(from->in.n_received == i * 10);
	}
	rig_assert_stall_strikes(&rig, ms(800), to);
	rig_close(&rig);
}
END_TEST

START_TEST(the_looks_of_write_stall_go_on_although_the_other_way_flows)
{
	struct stream *receiver;
	uint64_t stalled_ns;

	strike_open(2 * RIG_TCP + _i, RIG_TINY);
	receiver = rig_stream(&rig, to);
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(800));
	vtime_set_delivered(true);
	rig_stall(&rig, from);
	side_receive(from);
	do { /* the kernel may take a few bytes more, and they count */
		size_t n_received = from->in.n_received;

		stalled_ns = stream_stalled_ns(receiver);
		vtime_pass(ms(800)); /* this look finds the bytes */
		side_send(to, 10);
		loop_until(from->in.n_received == n_received + 10);
		vtime_pass(ms(800) / 8);
		ck_assert_uint_eq(rig.n_ended, 0);
	} while (stream_stalled_ns(receiver) > stalled_ns);
	ck_assert_uint_eq(rig.pair.looked_ns, clock_ns());
	rig_close(&rig);
}
END_TEST

/** The side takes all that the kernels have for it, while the loop does not turn. */
static void take_all(struct side *side)
{
	char bytes[4096];

	while (stream_unsent(rig_stream(&rig, side)) > 0) {
		while (recv(side->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
		}
		(void)usleep(1000); /* the kernel's clock is not virtual */
	}
}

START_TEST(write_stall_spares_who_took_all_while_weir_was_stopped)
{
	strike_open(2 * RIG_TCP + _i, RIG_TINY);
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(800));
	rig_stall(&rig, from);
	take_all(to);
	vtime_advance(ms(800));
	pair_strike(&rig.pair); /* before the event: a turn has room for 256 events */
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_close(&rig);
}
END_TEST

/* ---- a reset that cannot be passed on ---- */

START_TEST(a_reset_waits_for_a_stuck_survivor_so_long_and_no_longer)
{
	uint64_t reset_ns;

	strike_open(2 * RIG_TCP + _i, RIG_TINY); /* no timeout is set */
	rig_stall(&rig, from);
	side_reset(from);
	loop_until(rig.pair.state == PAIR_RESETTING);
	reset_ns = clock_ns();
	vtime_pass(ms(PAIR_RESET_STALL_S * 1000) - 1);
	ck_assert_uint_eq(rig.n_ended, 0);
	while (rig.n_ended == 0) { /* the kernel may have taken a few bytes more */
		vtime_pass(ms(1000));
		ck_assert_uint_lt(clock_ns() - reset_ns, ms(3 * PAIR_RESET_STALL_S * 1000));
	}
	rig_assert_ended(&rig, rig_by(&rig, from), END_RESET);
	side_assert_saw_reset(to);
	rig_close(&rig);
}
END_TEST

/** The side takes one write of weir. The kernel does not report that before three quarters of the
 * queue are free. */
static void take_a_write(struct side *side)
{
	size_t held = stream_unsent(rig_stream(&rig, side));
	char bytes[4096];

	while (stream_unsent(rig_stream(&rig, side)) == held) {
		ck_assert_int_gt(recv(side->fd, bytes, sizeof(bytes), MSG_DONTWAIT), 0);
	}
}

START_TEST(a_reset_waits_for_a_unix_survivor_that_takes_some)
{
	uint64_t n_written;

	strike_open(2 * (RIG_UNIX - 1), RIG_TINY); /* the client is TCP */
	rig_stall(&rig, from);
	side_reset(from);
	loop_until(rig.pair.state == PAIR_RESETTING);
	for (int i = 0; i < 3; i++) {
		n_written = stream_bytes_written(rig_stream(&rig, to));
		take_a_write(to);
		vtime_pass(ms(PAIR_RESET_STALL_S * 1000) - 1);
		ck_assert_uint_eq(rig.n_ended, 0);
		ck_assert_uint_gt(stream_bytes_written(rig_stream(&rig, to)), n_written);
	}
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_stall");
	TCase *tc = strike_case();

	tcase_add_loop_test(tc, write_stall_resets_both, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, write_stall_starts_anew_with_each_byte_taken, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, write_stall_strikes_although_acknowledgements_come_for_nothing_new, 0, 2);
	tcase_add_loop_test(tc, write_stall_strikes_although_the_other_way_flows, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, the_looks_of_write_stall_go_on_although_the_other_way_flows, 0, 2);
	tcase_add_loop_test(tc, write_stall_spares_who_took_all_while_weir_was_stopped, 0, 2);
	tcase_add_loop_test(tc, a_reset_waits_for_a_stuck_survivor_so_long_and_no_longer, 0, 2);
	tcase_add_test(tc, a_reset_waits_for_a_unix_survivor_that_takes_some);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
