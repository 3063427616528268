/* SPDX-License-Identifier: ISC */
/*
 * Tests of the rates of a pair, in virtual time: how many bytes pass when, and what a rate changes
 * for all else.
 */
#include "proxy/throttle.h"

#include "proxy/pair.h"
#include "stream/pipe.h"
#include "strike.h"
#include "vtime.h"

enum { MIB = 1024 * 1024, STEP_MS = 10 };

/**
 * Opens a pair that relays, with a rate for `from`. `i` is the _i of a test that has RIG_MIRRORED
 * variants.
 */
static void open_with_rate(int i, uint64_t bytes_a_second)
{
	rig_open(&rig, i / 2, RIG_WIDE);
	from = rig_side(&rig, i % 2);
	to = rig_other(&rig, from);
	rig.bytes_a_second[from == &rig.client ? SIDE_CLIENT : SIDE_UPSTREAM] = bytes_a_second;
	rig_join(&rig);
	loop_settle();
	side_receive(from);
	side_receive(to);
}

static struct throttle *throttle_of_from(void)
{
	return &rig.throttles.from[from == &rig.client ? SIDE_CLIENT : SIDE_UPSTREAM];
}

static uint64_t n_moved(void)
{
	const struct tally *tally = &rig.tally;
	enum pair_side side = from == &rig.client ? SIDE_CLIENT : SIDE_UPSTREAM;

	return tally->n_bytes[side][TALLY_COPIED] + tally->n_bytes[side][TALLY_SPLICED];
}

/** Turns the loop until all bytes that may pass now have arrived. */
static void settle(void)
{
	uint64_t n;

	do {
		n = n_moved();
		loop_settle();
	} while (n_moved() != n || to->in.n_received != n);
}

static void pass(uint64_t ns)
{
	vtime_advance(ns);
	settle();
}

/**
 * Lets so much time pass, in small steps. After each, all bytes that may pass by then have arrived.
 */
static void pass_in_steps(uint64_t n_ms)
{
	for (uint64_t i = 0; i < n_ms; i += STEP_MS) {
		pass(ms(STEP_MS));
	}
}

/** Returns the most bytes that a rate lets pass in that time, with a burst of 100 ms. */
static uint64_t most(uint64_t bytes_a_second, uint64_t n_ms)
{
	return bytes_a_second * (n_ms + THROTTLE_BURST_MS) / 1000;
}

START_TEST(bulk_is_held_to_its_rate_without_bursts)
{
	static const uint64_t rates[] = {1000, MIB, (uint64_t)4 * MIB};
	uint64_t rate = rates[_i % 3];
	unsigned n_resumed = 0;
	uint64_t resumed_ns = 0;

	open_with_rate(_i / 3, rate);
	side_send(from, 2 * rate);
	settle();
	for (uint64_t t = 0; t < 1000; t += STEP_MS) {
		ck_assert_uint_le(to->in.n_received, most(rate, t));
		ck_assert_uint_ge(to->in.n_received + rate / 20, rate * t / 1000);
		pass(ms(STEP_MS));
		n_resumed += throttle_of_from()->resumed_ns != resumed_ns;
		resumed_ns = throttle_of_from()->resumed_ns;
	}
	ck_assert_uint_ge(n_resumed, 18);
	ck_assert_uint_le(n_resumed, 20);
	rig_close(&rig);
}
END_TEST

START_TEST(what_is_not_used_is_saved_up_for_a_tenth_of_a_second_only)
{
	const uint64_t saved = (uint64_t)MIB * THROTTLE_SAVED_MS / 1000;

	open_with_rate(_i, MIB);
	pass(ms(5000));
	side_send(from, MIB);
	settle();
	ck_assert_uint_eq(to->in.n_received, saved);
	pass(ms(THROTTLE_PAUSE_MS) - 1000); /* a byte takes 954 ns */
	ck_assert_uint_eq(to->in.n_received, saved);
	pass(1000);
	ck_assert_uint_le(to->in.n_received, saved + MIB / 20 + 1);
	ck_assert_uint_ge(to->in.n_received, saved + MIB / 20 - 1);
	rig_close(&rig);
}
END_TEST

START_TEST(a_byte_that_takes_longer_than_a_pause_waits_as_long)
{
	open_with_rate(_i, 2);
	side_send(from, 10);
	settle();
	ck_assert_uint_eq(to->in.n_received, 1);
	for (size_t n = 1; n <= 5; n++) {
		pass(ms(500) - 1);
		ck_assert_uint_eq(to->in.n_received, n);
		pass(1);
		ck_assert_uint_eq(to->in.n_received, n + 1);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(what_is_given_without_a_read_is_charged_too)
{
	open_with_rate(_i, 100000);
	/* A look at the first bytes has taken as many as pass in 200 ms. 99 ms of them were
	 * saved up. */
	throttle_moved(throttle_of_from(), 20000);
	side_send(from, 1);
	loop_settle();
	pass(ms(101 + THROTTLE_PAUSE_MS) - 1);
	ck_assert_uint_eq(to->in.n_received, 0);
	pass(1);
	ck_assert_uint_eq(to->in.n_received, 1);
	rig_close(&rig);
}
END_TEST

/* ---- the first bytes, of a look at a UNIX client ---- */

enum { FIRST = 16 * 1024 };

/** Opens a pair whose client has a rate, and whose first bytes weir has already read. */
static void open_with_first_bytes(int variant, uint64_t bytes_a_second)
{
	static uint8_t first[FIRST];

	pattern_fill(first, 0, FIRST);
	rig_open(&rig, variant, RIG_WIDE);
	from = &rig.client;
	to = &rig.upstream;
	from->out.n_sent = FIRST;
	rig.bytes_a_second[SIDE_CLIENT] = bytes_a_second;
	rig.first = (struct span){first, FIRST};
	rig_join(&rig);
	side_receive(from);
	side_receive(to);
	settle();
}

START_TEST(first_bytes_are_held_to_the_rate_before_others_and_the_end)
{
	const uint64_t rate = 10000;

	open_with_first_bytes(_i, rate);
	ck_assert_uint_eq(to->in.n_received, rate * THROTTLE_SAVED_MS / 1000);
	side_send(from, 1000);
	side_finish(from);
	for (uint64_t t = 0; to->in.n_received < FIRST + 1000; t += STEP_MS) {
		ck_assert_uint_le(to->in.n_received, most(rate, t));
		ck_assert_uint_ge(to->in.n_received + rate / 20, rate * t / 1000);
		ck_assert(!to->in.ended);
		ck_assert(to->in.n_received >= FIRST || throttle_holds(throttle_of_from()));
		pass(ms(STEP_MS));
	}
	ck_assert_ptr_null(throttle_of_from()->buffer);
	pass(ms(THROTTLE_PAUSE_MS));
	ck_assert(to->in.ended);
	rig_close(&rig);
}
END_TEST

START_TEST(first_bytes_within_the_rate_hold_nobody_back)
{
	open_with_first_bytes(_i, MIB);
	ck_assert_uint_eq(to->in.n_received, FIRST);
	ck_assert(!throttle_holds(throttle_of_from()));
	ck_assert_ptr_null(throttle_of_from()->buffer);
	side_send(from, 1000);
	settle();
	ck_assert_uint_eq(to->in.n_received, FIRST + 1000);
	rig_close(&rig);
}
END_TEST

START_TEST(a_reset_passes_behind_first_bytes_that_are_held_back)
{
	open_with_first_bytes(RIG_TCP, 10000);
	side_reset(from);
	loop_until(rig.pair.state == PAIR_RESETTING);
	while (rig.n_ended == 0) {
		pass(ms(10));
		ck_assert_uint_eq(rig.n_ended, to->in.n_received == FIRST);
	}
	rig_assert_ended(&rig, END_BY_CLIENT, END_RESET);
	side_assert_saw_reset(to);
	rig_close(&rig);
}
END_TEST

START_TEST(first_bytes_that_are_held_back_are_gone_with_their_server)
{
	open_with_first_bytes(RIG_TCP, 10000);
	side_reset(to);
	loop_until(rig.n_ended == 1);
	rig_assert_ended(&rig, END_BY_UPSTREAM, END_RESET);
	ck_assert_ptr_null(throttle_of_from()->buffer);
	rig_close(&rig);
}
END_TEST

START_TEST(a_pair_whose_first_bytes_are_held_back_is_reset_by_its_lifetime)
{
	open_with_first_bytes(RIG_TCP, 10000);
	pass(ms(20)); /* now bytes wait only in the throttle's buffer */
	strike_set(&rig.rules.timeouts.lifetime_ns, 1);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_ended, 1);
	ck_assert_ptr_null(throttle_of_from()->buffer);
	side_assert_saw_reset(from);
	rig_close(&rig);
}
END_TEST

START_TEST(who_stays_below_the_rate_is_never_held_back)
{
	open_with_rate(_i, MIB);
	for (size_t n = 1; n <= 50; n++) {
		pass(ms(10));
		side_send(from, 10000); /* 1 MB a second */
		loop_until(to->in.n_received == n * 10000);
		ck_assert_uint_eq(throttle_of_from()->timer.deadline_ns, NS_NEVER);
		ck_assert(!throttle_holds(throttle_of_from()));
	}
	rig_close(&rig);
}
END_TEST

START_TEST(the_other_way_is_free)
{
	open_with_rate(_i, 1000);
	side_send(from, 10000);
	side_send(to, MIB);
	loop_until(from->in.n_received == (size_t)MIB);
	ck_assert_uint_eq(to->in.n_received, THROTTLE_SAVED_MS);
	rig_close(&rig);
}
END_TEST

START_TEST(an_end_passes_right_behind_the_last_byte)
{
	open_with_rate(_i, 100000);
	side_send(from, 50000);
	side_finish(from);
	while (to->in.n_received < 50000) {
		ck_assert(!to->in.ended);
		pass(ms(1));
	}
	settle();
	ck_assert(to->in.ended);
	rig_close(&rig);
}
END_TEST

START_TEST(a_reset_is_seen_at_once_and_passes_behind_the_last_byte)
{
	open_with_rate(2 * RIG_TCP + _i, 100000);
	side_send(from, 20000);
	settle();
	ck_assert(throttle_holds(throttle_of_from()));
	side_reset(from);
	loop_until(rig.pair.state == PAIR_RESETTING);
	while (rig.n_ended == 0) {
		pass(ms(10));
		ck_assert_uint_eq(rig.n_ended, to->in.n_received == 20000);
	}
	rig_assert_ended(&rig, rig_by(&rig, from), END_RESET);
	side_assert_saw_reset(to);
	rig_close(&rig);
}
END_TEST

START_TEST(timers_of_silence_stand_still_while_bytes_are_held_back)
{
	uint64_t *idle_of_from;

	open_with_rate(_i, 2); /* a byte each half second */
	idle_of_from = from == &rig.client ? &rig.rules.timeouts.idle_client_ns
					   : &rig.rules.timeouts.idle_upstream_ns;
	*idle_of_from = ms(300);
	rig.rules.timeouts.half_close_ns = ms(300);
	strike_set(&rig.rules.timeouts.idle_ns, ms(300));
	side_send(from, 10);
	if (_i % 4 < 2) {
		side_finish(to); /* half_close runs, else idle */
	}
	settle();
	pass_in_steps(4000);
	ck_assert_uint_eq(rig.n_ended, 0);
	ck_assert_uint_eq(to->in.n_received, 9);
	pass_in_steps(500);
	ck_assert_uint_eq(to->in.n_received, 10);
	pass(ms(300) - 1); /* nothing is held back any more */
	ck_assert_uint_eq(rig.n_ended, 0);
	pass(1);
	ck_assert_uint_eq(rig.n_ended, 1);
	ck_assert_uint_eq(rig.end.late_ns, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(timers_of_silence_start_anew_when_reading_goes_on)
{
	open_with_rate(_i, 2);
	side_send(from, 1);
	settle();
	side_send(from, 1); /* this byte is borrowed, and it takes a second to pay it back */
	settle();
	ck_assert_uint_eq(to->in.n_received, 2);
	ck_assert(throttle_holds(throttle_of_from()));
	if (_i % 4 < 2) {
		rig.rules.timeouts.idle_client_ns = ms(300);
		rig.rules.timeouts.idle_upstream_ns = ms(300);
		*(from == &rig.client ? &rig.rules.timeouts.idle_upstream_ns
				      : &rig.rules.timeouts.idle_client_ns) = NS_NEVER;
	} else {
		rig.rules.timeouts.idle_ns = ms(300);
	}
	rig_wind(&rig);
	pass(ms(1000));
	ck_assert(!throttle_holds(throttle_of_from()));
	rig_assert_strikes_in(&rig, ms(300),
		_i % 4 >= 2
			? DEADLINE_IDLE
			: (from == &rig.client ? DEADLINE_IDLE_CLIENT : DEADLINE_IDLE_UPSTREAM));
	rig_close(&rig);
}
END_TEST

START_TEST(write_stall_goes_on_although_bytes_are_held_back)
{
	rig_open(&rig, _i / 2, RIG_TINY);
	from = rig_side(&rig, _i % 2);
	to = rig_other(&rig, from);
	rig.bytes_a_second[SIDE_CLIENT] = (uint64_t)64 * MIB;
	rig.bytes_a_second[SIDE_UPSTREAM] = (uint64_t)64 * MIB;
	rig_join(&rig);
	side_send(from, (size_t)16 * MIB);
	while (stream_bytes_waiting(rig_stream(&rig, to)) < rig.mark) {
		vtime_pass(ms(STEP_MS));
	}
	strike_set(&rig.rules.timeouts.write_stall_ns, ms(500));
	rig_assert_stall_strikes(&rig, ms(500), to);
	rig_close(&rig);
}
END_TEST

START_TEST(bulk_is_spliced_where_the_rate_allows_it)
{
	static const uint64_t rates[] = {(uint64_t)10 * MIB, MIB + MIB / 3, (uint64_t)320 * 1024};
	uint64_t rate = rates[_i / 2];
	uint64_t n[2];

	pipe_pool_allow(test_loop, PIPES_MAX);
	open_with_rate(2 * (_i % 2 == 0 ? RIG_TCP : RIG_UNIX), rate);
	side_send(from, 4 * rate);
	pass_in_steps(2000);
	for (int spliced = 0; spliced < 2; spliced++) {
		n[spliced] = rig.tally.n_bytes[SIDE_CLIENT][spliced ? TALLY_SPLICED : TALLY_COPIED];
	}
	ck_assert_uint_gt(n[1], 3 * n[0]);
	ck_assert_uint_le(to->in.n_received, most(rate, 2000));
	ck_assert_uint_ge(to->in.n_received, 2 * rate - rate / 20);
	rig_close(&rig);
}
END_TEST

START_TEST(nothing_is_left_of_a_rate_when_its_pair_has_ended)
{
	open_with_rate(_i, 1000);
	side_send(from, 10000);
	settle();
	ck_assert(throttle_holds(throttle_of_from()));
	strike_set(&rig.rules.timeouts.lifetime_ns, 1);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_ended, 1);
	ck_assert_ptr_null(throttle_of_from()->timer.loop);
	pass(ms(1000));
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("throttle");
	TCase *tc = strike_case();

	tcase_add_loop_test(tc, bulk_is_held_to_its_rate_without_bursts, 0, 3 * RIG_MIRRORED);
	tcase_add_loop_test(
		tc, what_is_not_used_is_saved_up_for_a_tenth_of_a_second_only, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, a_byte_that_takes_longer_than_a_pause_waits_as_long, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, what_is_given_without_a_read_is_charged_too, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, first_bytes_are_held_to_the_rate_before_others_and_the_end, 0,
		RIG_MIRRORED / 2);
	tcase_add_loop_test(tc, first_bytes_within_the_rate_hold_nobody_back, 0, RIG_MIRRORED / 2);
	tcase_add_test(tc, a_reset_passes_behind_first_bytes_that_are_held_back);
	tcase_add_test(tc, first_bytes_that_are_held_back_are_gone_with_their_server);
	tcase_add_test(tc, a_pair_whose_first_bytes_are_held_back_is_reset_by_its_lifetime);
	tcase_add_loop_test(tc, who_stays_below_the_rate_is_never_held_back, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, the_other_way_is_free, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, an_end_passes_right_behind_the_last_byte, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_reset_is_seen_at_once_and_passes_behind_the_last_byte, 0, 2);
	tcase_add_loop_test(
		tc, timers_of_silence_stand_still_while_bytes_are_held_back, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, timers_of_silence_start_anew_when_reading_goes_on, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, write_stall_goes_on_although_bytes_are_held_back, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, bulk_is_spliced_where_the_rate_allows_it, 0, 6);
	tcase_add_loop_test(tc, nothing_is_left_of_a_rate_when_its_pair_has_ended, 0, RIG_MIRRORED);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
