/* SPDX-License-Identifier: ISC */
/*
 * Tests of the timers of a pair, in virtual time: they are not a nanosecond early, and the peers
 * see what they should. The last test uses the real clock.
 */
#include "proxy/pair.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "strike.h"
#include "vtime.h"

/* ---- idle ---- */

START_TEST(idle_ends_with_fin_to_both)
{
	rig_open(&rig, _i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = ms(500);
	vtime_pass(ms(10000)); /* idle does not run while weir connects */
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_join(&rig);
	rig_assert_strikes_in(&rig, ms(500), DEADLINE_IDLE);
	rig_assert_ended(&rig, END_BY_WEIR, END_IDLE);
	rig_assert_told(&rig);
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(idle_resets_both_where_it_is_asked_for)
{
	rig_open(&rig, _i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = ms(500);
	rig.rules.idle_resets = true;
	rig_join(&rig);
	rig_assert_strikes_in(&rig, ms(500), DEADLINE_IDLE);
	rig_assert_ended(&rig, END_BY_WEIR, END_IDLE);
	rig_assert_told(&rig);
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(idle_starts_anew_with_each_byte_either_way)
{
	rig_open_relaying(&rig, _i, RIG_WIDE);
	strike_set(&rig.rules.timeouts.idle_ns, ms(500));
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	for (int i = 0; i < 6; i++) {
		struct side *sender = rig_side(&rig, i % 2);

		vtime_pass(ms(500) - 1);
		side_send(sender, 1);
		loop_until(rig_other(&rig, sender)->in.n_received == sender->out.n_sent);
		ck_assert_uint_eq(rig.n_ended, 0);
	}
	rig_assert_strikes_in(&rig, ms(500), DEADLINE_IDLE);
	rig_close(&rig);
}
END_TEST

START_TEST(idle_stands_still_while_bytes_wait_and_starts_anew_after_them)
{
	strike_open(_i, RIG_TINY);
	strike_set(&rig.rules.timeouts.idle_ns, ms(500));
	rig_stall(&rig, from);
	vtime_pass(ms(5000));
	ck_assert_uint_eq(rig.n_ended, 0);
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	loop_until(loop_waiting_bytes(test_loop) == 0 && to->in.n_received == from->out.n_sent);
	loop_settle();
	rig_assert_strikes_in(&rig, ms(500), DEADLINE_IDLE);
	rig_assert_told(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- events that weir has not seen yet ---- */

START_TEST(bytes_that_came_while_weir_was_late_count)
{
	strike_open(_i, RIG_WIDE);
	strike_set(&rig.rules.timeouts.idle_ns, ms(500));
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	for (int i = 1; i <= 3; i++) {
		/* The loop does not turn for ten timeouts; the peer sends just before it does. */
		vtime_advance(ms(5000));
		side_send(from, 1);
		loop_settle();
		ck_assert_uint_eq(rig.n_ended, 0);
		loop_until(to->in.n_received == (size_t)i);
	}
	rig_assert_strikes_in(&rig, ms(500), DEADLINE_IDLE);
	rig_close(&rig);
}
END_TEST

START_TEST(room_that_came_while_weir_was_late_counts)
{
	strike_open(2 * RIG_UNIX + _i, RIG_TINY); /* over UNIX a read makes room at once */
	rig_stall(&rig, from);
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(500));
	vtime_advance(ms(5000));
	side_receive(to);
	loop_until(to->in.n_received == from->out.n_sent);
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(a_fin_that_came_while_weir_was_late_counts)
{
	strike_open(_i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = ms(500);
	strike_set(&rig.rules.timeouts.half_close_ns, ms(700));
	vtime_advance(ms(5000));
	side_finish(from);
	loop_settle();
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_assert_strikes_in(&rig, ms(700), DEADLINE_HALF_CLOSE);
	rig_close(&rig);
}
END_TEST

START_TEST(a_reset_that_came_while_weir_was_late_is_the_reason)
{
	strike_open(_i, RIG_WIDE);
	strike_set(&rig.rules.timeouts.idle_ns, ms(500));
	side_send(to, 1); /* it stays unread, so that a UNIX peer resets, too */
	loop_settle();
	vtime_advance(ms(5000));
	side_reset(from);
	loop_until(rig.n_ended > 0 || rig.pair.state == PAIR_RESETTING);
	while (rig.n_ended == 0) {
		vtime_pass(ms(50));
	}
	rig_assert_ended(&rig, rig_by(&rig, from), END_RESET);
	side_assert_saw_reset(to);
	rig_close(&rig);
}
END_TEST

/* ---- half_close ---- */

/** The pair was cut after `from` had sent its FIN, which `to` has got: both see a reset. */
static void assert_cut(void)
{
	side_assert_saw_reset(from);
	side_receive(to);
	loop_until(side_saw_reset(to));
}

START_TEST(half_close_replaces_idle_and_ends_with_a_reset)
{
	strike_open(_i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = ms(500);
	strike_set(&rig.rules.timeouts.half_close_ns, ms(2000));
	vtime_pass(ms(400));
	side_finish(from);
	loop_settle();
	rig_assert_strikes_in(&rig, ms(2000), DEADLINE_HALF_CLOSE);
	rig_assert_ended(&rig, END_BY_WEIR, END_HALF_CLOSE);
	rig_assert_told(&rig);
	assert_cut();
	rig_close(&rig);
}
END_TEST

START_TEST(half_close_starts_anew_with_each_byte)
{
	strike_open(_i, RIG_WIDE);
	strike_set(&rig.rules.timeouts.half_close_ns, ms(300));
	side_receive(from);
	side_finish(from);
	loop_settle();
	for (size_t i = 1; i <= 4; i++) {
		vtime_pass(ms(300) - 1);
		side_send(to, 1);
		loop_until(from->in.n_received == i);
	}
	rig_assert_strikes_in(&rig, ms(300), DEADLINE_HALF_CLOSE);
	rig_close(&rig);
}
END_TEST

START_TEST(half_close_stands_still_while_bytes_wait)
{
	strike_open(_i, RIG_TINY);
	strike_set(&rig.rules.timeouts.half_close_ns, ms(300));
	side_finish(from);
	loop_settle();
	rig_stall(&rig, to);
	vtime_pass(ms(3000));
	ck_assert_uint_eq(rig.n_ended, 0);
	side_receive(from);
	loop_until(from->in.n_received == to->out.n_sent);
	loop_settle();
	rig_assert_strikes_in(&rig, ms(300), DEADLINE_HALF_CLOSE);
	rig_close(&rig);
}
END_TEST

START_TEST(half_close_max_ends_whatever_moves)
{
	strike_open(_i, RIG_WIDE);
	rig.rules.timeouts.half_close_ns = ms(300);
	strike_set(&rig.rules.timeouts.half_close_max_ns, ms(1000));
	side_receive(from);
	side_finish(from);
	loop_settle();
	for (size_t i = 1; i <= 4; i++) {
		vtime_pass(ms(200));
		side_send(to, 1);
		loop_until(from->in.n_received == i);
	}
	rig_assert_strikes_in(&rig, ms(200), DEADLINE_HALF_CLOSE_MAX);
	rig_assert_ended(&rig, END_BY_WEIR, END_HALF_CLOSE);
	rig_assert_told(&rig);
	assert_cut();
	rig_close(&rig);
}
END_TEST

START_TEST(half_close_max_resets_a_pair_with_bytes_waiting)
{
	strike_open(_i, RIG_TINY);
	strike_set(&rig.rules.timeouts.half_close_max_ns, ms(1000));
	side_finish(from);
	loop_settle();
	rig_stall(&rig, to);
	rig_assert_strikes_in(&rig, ms(1000), DEADLINE_HALF_CLOSE_MAX);
	side_assert_saw_reset(from);
	rig_close(&rig);
}
END_TEST

/* ---- lifetime and drain ---- */

/**
 * Sets one of two timers with the same effects: lifetime, from accept on, or drain, from the signal
 * on.
 */
static void set_end(int i, uint64_t ns)
{
	if (i % 2 == 0) {
		rig.rules.timeouts.lifetime_ns = ns;
		rig_wind(&rig);
	} else {
		rig_drain(&rig, clock_after(clock_ns(), ns));
	}
}

static void assert_end_strikes_in(int i, uint64_t ns)
{
	rig_assert_strikes_in(&rig, ns, i % 2 == 0 ? DEADLINE_LIFETIME : DEADLINE_DRAIN);
	rig_assert_ended(&rig, END_BY_WEIR, i % 2 == 0 ? END_LIFETIME : END_DRAIN);
}

START_TEST(the_end_of_a_quiet_pair_is_fin_to_both)
{
	strike_open(_i, RIG_WIDE);
	set_end(_i, ms(3000));
	assert_end_strikes_in(_i, ms(3000));
	rig_assert_told(&rig);
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(a_pair_is_quiet_from_one_second_after_its_last_byte_on)
{
	for (uint64_t short_of = 0; short_of <= 1; short_of++) {
		strike_open(_i, RIG_WIDE);
		set_end(_i, ms(3000));
		side_receive(&rig.upstream);
		vtime_pass(ms(2000) + short_of);
		side_send(&rig.client, 10);
		loop_until(rig.upstream.in.n_received == 10);
		assert_end_strikes_in(_i, ms(1000) - short_of);
		if (short_of == 0) {
			rig_assert_both_saw_fin(&rig);
		} else {
			rig_assert_both_saw_reset(&rig);
		}
		rig_close(&rig);
	}
}
END_TEST

START_TEST(the_end_of_a_pair_with_bytes_waiting_is_a_reset)
{
	strike_open(_i, RIG_TINY);
	rig_stall(&rig, &rig.client);
	set_end(_i, ms(3000));
	assert_end_strikes_in(_i, ms(3000));
	rig_assert_told(&rig);
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(the_end_of_a_half_closed_quiet_pair_is_a_fin)
{
	strike_open(_i, RIG_WIDE);
	set_end(_i, ms(3000));
	side_finish(&rig.client);
	loop_settle();
	assert_end_strikes_in(_i, ms(3000));
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- one against the other ---- */

START_TEST(of_several_due_the_earliest_is_the_reason)
{
	rig_open_relaying(&rig, _i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = ms(300);
	strike_set(&rig.rules.timeouts.lifetime_ns, ms(400));
	rig_drain(&rig, clock_ns() + ms(200));
	vtime_advance(ms(900)); /* all of them are due by now */
	loop_settle();
	rig_assert_ended(&rig, END_BY_WEIR, END_DRAIN);
	ck_assert_uint_eq(rig.end.late_ns, ms(700));
	rig_close(&rig);
}
END_TEST

START_TEST(of_equal_ones_idle_comes_before_lifetime_and_drain)
{
	rig_open(&rig, _i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = ms(300);
	rig.rules.timeouts.lifetime_ns = ms(300);
	rig_join(&rig);
	rig_drain(&rig, clock_ns() + ms(300));
	rig_assert_strikes_in(&rig, ms(300), DEADLINE_IDLE);
	rig_close(&rig);
}
END_TEST

START_TEST(lateness_is_measured)
{
	rig_open_relaying(&rig, _i, RIG_WIDE);
	strike_set(&rig.rules.timeouts.idle_ns, ms(300));
	vtime_advance(ms(300) + 12345);
	loop_settle();
	rig_assert_ended(&rig, END_BY_WEIR, END_IDLE);
	ck_assert_uint_eq(rig.end.late_ns, 12345);
	rig_close(&rig);
}
END_TEST

START_TEST(a_busy_pair_leaves_its_timer_alone)
{
	uint64_t deadline_ns;

	rig_open(&rig, _i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = ms(500);
	rig_join(&rig);
	loop_settle();
	deadline_ns = rig.clock.timer.deadline_ns;
	side_receive(&rig.upstream);
	for (size_t i = 1; i <= 4; i++) {
		vtime_pass(ms(100));
		side_send(&rig.client, 1);
		loop_until(rig.upstream.in.n_received == i);
		ck_assert_uint_eq(rig.clock.timer.deadline_ns, deadline_ns);
	}
	vtime_pass(ms(100)); /* the timer strikes, but idle is not due yet: it is armed anew */
	ck_assert_uint_eq(rig.n_ended, 0);
	ck_assert_uint_eq(rig.clock.timer.deadline_ns, deadline_ns + ms(400));
	rig_close(&rig);
}
END_TEST

/* ---- by the real clock ---- */

START_TEST(idle_is_not_early_by_the_peers_clock)
{
	uint64_t sent_ns = clock_ns();

	rig_open_relaying(&rig, _i, RIG_WIDE);
	strike_set(&rig.rules.timeouts.idle_ns, ms(20));
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	for (int i = 0; i < 3; i++) {
		loop_for_ms(5);
		if (rig.n_ended > 0) {
			break; /* on a busy machine 5 ms may take more than 20 */
		}
		sent_ns = clock_ns();
		side_send(&rig.client, 1);
	}
	loop_until(side_saw_fin(&rig.client));
	ck_assert_uint_ge(clock_ns() - sent_ns, ms(20));
	rig_assert_ended(&rig, END_BY_WEIR, END_IDLE);
	rig_close(&rig);
}
END_TEST

static TCase *virtual_case(void)
{
	TCase *tc = strike_case();

	tcase_add_loop_test(tc, idle_ends_with_fin_to_both, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, idle_resets_both_where_it_is_asked_for, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, idle_starts_anew_with_each_byte_either_way, 0, RIG_VARIANTS);
	tcase_add_loop_test(
		tc, idle_stands_still_while_bytes_wait_and_starts_anew_after_them, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, bytes_that_came_while_weir_was_late_count, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, room_that_came_while_weir_was_late_counts, 0, 2);
	tcase_add_loop_test(tc, a_fin_that_came_while_weir_was_late_counts, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, a_reset_that_came_while_weir_was_late_is_the_reason, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, half_close_replaces_idle_and_ends_with_a_reset, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, half_close_starts_anew_with_each_byte, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, half_close_stands_still_while_bytes_wait, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, half_close_max_ends_whatever_moves, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, half_close_max_resets_a_pair_with_bytes_waiting, 0, RIG_MIRRORED);
	/* These run once with lifetime and once with drain. */
	tcase_add_loop_test(tc, the_end_of_a_quiet_pair_is_fin_to_both, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, a_pair_is_quiet_from_one_second_after_its_last_byte_on, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, the_end_of_a_pair_with_bytes_waiting_is_a_reset, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, the_end_of_a_half_closed_quiet_pair_is_a_fin, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, of_several_due_the_earliest_is_the_reason, 0, RIG_VARIANTS);
	tcase_add_loop_test(
		tc, of_equal_ones_idle_comes_before_lifetime_and_drain, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, lateness_is_measured, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, a_busy_pair_leaves_its_timer_alone, 0, RIG_VARIANTS);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("pair_timers");
	TCase *tc = invariant_case("no timer strikes early", "docs/TIMEOUTS.md", "The timers");

	suite_add_tcase(suite, virtual_case());
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, idle_is_not_early_by_the_peers_clock, 0, RIG_VARIANTS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
