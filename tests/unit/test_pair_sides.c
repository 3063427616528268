/* SPDX-License-Identifier: ISC */
/*
 * Tests of the timers of a pair that look at one side alone, and of the grace of a lifetime, in
 * virtual time. test_pair_timers.c has the other timers.
 */
#include "proxy/pair.h"

#include "strike.h"
#include "vtime.h"

/* ---- the grace of a lifetime ---- */

/** The grace begins in 2 s, and is over 10 s later. */
static void set_grace(void)
{
	rig.rules.timeouts.lifetime_grace_ns = ms(10000);
	strike_set(&rig.rules.timeouts.lifetime_ns, ms(2000));
}

START_TEST(a_lifetime_with_a_grace_ends_with_fin_at_the_first_quiet_second)
{
	strike_open(_i, RIG_WIDE);
	set_grace();
	side_receive(to);
	for (size_t i = 1; i <= 9; i++) { /* until 4.5 s */
		vtime_pass(ms(500));
		side_send(from, 1);
		loop_until(to->in.n_received == i);
	}
	vtime_pass(ms(999));
	side_send(from, 1);
	loop_until(to->in.n_received == 10);
	rig_assert_strikes_in(&rig, ms(1000), DEADLINE_LIFETIME);
	rig_assert_ended(&rig, END_BY_WEIR, END_LIFETIME);
	rig_assert_told(&rig);
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(a_lifetime_with_a_grace_resets_what_is_busy_to_the_last)
{
	strike_open(_i, RIG_WIDE);
	set_grace();
	side_receive(to);
	for (size_t i = 1; i <= 23; i++) {
		vtime_pass(ms(500));
		side_send(from, 1);
		loop_until(to->in.n_received == i);
	}
	rig_assert_strikes_in(&rig, ms(500), DEADLINE_LIFETIME);
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(what_a_peer_has_yet_to_take_is_not_quiet)
{
	strike_open(_i, RIG_WIDE);
	set_grace();
	/* Nobody reads these. TCP acknowledges what is in the kernel of the peer. */
	side_send(from, 1000);
	loop_settle();
	if (to->kind == WIRE_TCP) {
		rig_assert_strikes_in(&rig, ms(2000), DEADLINE_LIFETIME);
		rig_close(&rig);
		return;
	}
	for (int i = 0; i < 8; i++) {
		vtime_pass(ms(1000));
		ck_assert_uint_eq(rig.n_ended, 0);
	}
	side_receive(to);
	loop_until(to->in.n_received == 1000);
	/* weir looks each eighth of a second. After the look that finds nothing held, a second
	 * must pass. */
	for (int i = 0; i < 10; i++) {
		vtime_pass(ms(125) - 1);
		ck_assert_uint_eq(rig.n_ended, 0);
	}
	while (rig.n_ended == 0) {
		vtime_pass(ms(125));
	}
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- one side alone ---- */

/** Returns the idle timeout of the side that acts. */
static uint64_t *idle_of_from(void)
{
	return from == &rig.client ? &rig.rules.timeouts.idle_client_ns
				   : &rig.rules.timeouts.idle_upstream_ns;
}

static enum deadline_kind kind_of_from(void)
{
	return from == &rig.client ? DEADLINE_IDLE_CLIENT : DEADLINE_IDLE_UPSTREAM;
}

static void assert_from_was_idle(void)
{
	rig_assert_ended(
		&rig, END_BY_WEIR, from == &rig.client ? END_IDLE_CLIENT : END_IDLE_UPSTREAM);
	rig_assert_told(&rig);
}

START_TEST(idle_of_a_side_is_put_off_by_its_own_bytes_alone)
{
	strike_open(_i, RIG_WIDE);
	strike_set(idle_of_from(), ms(500));
	side_receive(from);
	side_receive(to);
	for (size_t i = 1; i <= 3; i++) {
		vtime_pass(ms(500) - 1);
		side_send(from, 1);
		loop_until(to->in.n_received == i);
		ck_assert_uint_eq(rig.n_ended, 0);
	}
	vtime_pass(ms(400));
	side_send(to, 1);
	loop_until(from->in.n_received == 1);
	rig_assert_strikes_in(&rig, ms(100), kind_of_from());
	assert_from_was_idle();
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(idle_of_a_side_resets_where_idle_does)
{
	strike_open(_i, RIG_WIDE);
	rig.rules.idle_resets = true;
	strike_set(idle_of_from(), ms(500));
	rig_assert_strikes_in(&rig, ms(500), kind_of_from());
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(idle_of_a_side_ends_with_its_fin)
{
	strike_open(_i, RIG_WIDE);
	strike_set(idle_of_from(), ms(500));
	side_finish(from);
	vtime_pass(ms(5000));
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(idle_of_a_side_goes_on_after_the_others_fin)
{
	strike_open(_i, RIG_WIDE);
	strike_set(idle_of_from(), ms(500));
	vtime_pass(ms(400));
	side_finish(to);
	loop_settle();
	rig_assert_strikes_in(&rig, ms(100), kind_of_from());
	assert_from_was_idle();
	rig_close(&rig);
}
END_TEST

START_TEST(idle_of_a_side_stands_still_while_it_is_not_read)
{
	strike_open(_i, RIG_TINY);
	rig_stall(&rig, from);
	strike_set(idle_of_from(), ms(500));
	vtime_pass(ms(5000));
	ck_assert_uint_eq(rig.n_ended, 0);
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	loop_until(to->in.n_received == from->out.n_sent);
	loop_settle();
	rig_assert_strikes_in(&rig, ms(500), kind_of_from());
	rig_close(&rig);
}
END_TEST

/**
 * weir does not read from `from` any more, because of the mark; `from` has nothing left to send.
 */
static void hold_up(void)
{
	struct stream *target = rig_stream(&rig, to);

	while (stream_bytes_waiting(target) == 0) {
		side_send(from, 1000);
		loop_settle();
	}
	stream_set_high_water_mark(target, stream_bytes_waiting(target) + 1);
	side_send(from, 1);
	loop_until(stream_pauses(rig_stream(&rig, from)) != 0);
}

START_TEST(idle_of_a_side_starts_anew_when_what_held_it_up_is_out)
{
	strike_open(_i, RIG_TINY);
	hold_up();
	strike_set(idle_of_from(), ms(500));
	vtime_pass(ms(5000));
	ck_assert_uint_eq(rig.n_ended, 0);
	side_receive(to);
	loop_until(loop_waiting_bytes(test_loop) == 0 && to->in.n_received == from->out.n_sent);
	loop_settle();
	rig_assert_strikes_in(&rig, ms(500), kind_of_from());
	rig_close(&rig);
}
END_TEST

START_TEST(idle_of_a_side_counts_from_its_byte_and_not_from_when_that_was_taken)
{
	strike_open(_i, RIG_TINY);
	while (stream_bytes_waiting(rig_stream(&rig, to)) == 0) {
		side_send(from, 1000);
		loop_settle();
	}
	strike_set(idle_of_from(), ms(500));
	vtime_pass(ms(400));
	side_receive(to);
	loop_until(loop_waiting_bytes(test_loop) == 0 && to->in.n_received == from->out.n_sent);
	loop_settle();
	rig_assert_strikes_in(&rig, ms(100), kind_of_from());
	rig_close(&rig);
}
END_TEST

START_TEST(idle_of_a_side_goes_on_while_the_other_takes_nothing)
{
	strike_open(_i, RIG_TINY);
	rig_stall(&rig, to);
	vtime_pass(ms(100));
	strike_set(idle_of_from(), ms(500));
	rig_assert_strikes_in(&rig, ms(400), kind_of_from());
	rig_assert_both_saw_reset(&rig); /* the waiting bytes are lost */
	rig_close(&rig);
}
END_TEST

static void on_just_before(struct timer *timer)
{
	(void)timer;
	side_send(from, 1);
}

START_TEST(a_byte_just_before_the_timer_strikes_counts_although_the_side_takes_nothing)
{
	struct timer just_before;

	strike_open(_i, RIG_TINY);
	rig_stall(&rig, to);
	strike_set(idle_of_from(), ms(500));
	ck_assert_int_eq(timer_open(&just_before, test_loop, on_just_before), 0);
	timer_arm(&just_before, clock_ns() + 1);
	vtime_advance(ms(5000)); /* both timers strike in one turn */
	loop_settle();
	timer_close(&just_before);
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(first_byte_counts_from_the_join)
{
	rig_open(&rig, _i, RIG_WIDE);
	rig.rules.timeouts.first_byte_ns = ms(500);
	vtime_pass(ms(10000));
	rig_join(&rig);
	loop_settle();
	vtime_pass(ms(200));
	side_receive(&rig.client);
	side_send(&rig.upstream, 1); /* the server speaks first */
	loop_until(rig.client.in.n_received == 1);
	rig_assert_strikes_in(&rig, ms(300), DEADLINE_FIRST_BYTE);
	rig_assert_ended(&rig, END_BY_WEIR, END_FIRST_BYTE);
	rig_assert_told(&rig);
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(first_byte_ends_with_a_byte_or_the_fin_of_the_client)
{
	for (int is_fin = 0; is_fin <= 1; is_fin++) {
		rig_open_relaying(&rig, _i, RIG_WIDE);
		strike_set(&rig.rules.timeouts.first_byte_ns, ms(500));
		vtime_advance(ms(5000)); /* the byte or the FIN comes while weir is late */
		if (is_fin) {
			side_finish(&rig.client);
		} else {
			side_send(&rig.client, 1);
		}
		loop_settle();
		vtime_pass(ms(5000));
		ck_assert_uint_eq(rig.n_ended, 0);
		rig_close(&rig);
	}
}
END_TEST

START_TEST(a_reset_leaves_no_side_to_be_idle)
{
	strike_open(2 * RIG_TCP + _i, RIG_TINY);
	rig_stall(&rig, from);
	rig.rules.timeouts.first_byte_ns = ms(500);
	rig.rules.timeouts.idle_client_ns = ms(500);
	strike_set(&rig.rules.timeouts.idle_upstream_ns, ms(500));
	side_reset(from);
	loop_until(rig.pair.state == PAIR_RESETTING);
	vtime_pass(ms(5000));
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_sides");
	TCase *tc = strike_case();

	tcase_add_loop_test(tc, a_lifetime_with_a_grace_ends_with_fin_at_the_first_quiet_second, 0,
		RIG_MIRRORED);
	tcase_add_loop_test(
		tc, a_lifetime_with_a_grace_resets_what_is_busy_to_the_last, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, what_a_peer_has_yet_to_take_is_not_quiet, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, idle_of_a_side_is_put_off_by_its_own_bytes_alone, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, idle_of_a_side_resets_where_idle_does, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, idle_of_a_side_ends_with_its_fin, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, idle_of_a_side_goes_on_after_the_others_fin, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, idle_of_a_side_stands_still_while_it_is_not_read, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, idle_of_a_side_starts_anew_when_what_held_it_up_is_out, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc,
		idle_of_a_side_counts_from_its_byte_and_not_from_when_that_was_taken, 0,
		RIG_MIRRORED);
	tcase_add_loop_test(
		tc, idle_of_a_side_goes_on_while_the_other_takes_nothing, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc,
		a_byte_just_before_the_timer_strikes_counts_although_the_side_takes_nothing, 0,
		RIG_MIRRORED);
	tcase_add_loop_test(tc, first_byte_counts_from_the_join, 0, RIG_VARIANTS);
	tcase_add_loop_test(
		tc, first_byte_ends_with_a_byte_or_the_fin_of_the_client, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, a_reset_leaves_no_side_to_be_idle, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
