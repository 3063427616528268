/* SPDX-License-Identifier: ISC */
/*
 * Tests of resets, from either side, in every state. A TCP survivor must get all bytes that came
 * before the reset, and then a reset, never an end that looks complete. A UNIX survivor sees a
 * close: UNIX sockets have no reset.
 */
#include "proxy/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "rig.h"
#include "suite.h"

static struct rig rig;
static struct side *failing; /* the side that resets: the client for even _i */
static struct side *survivor;

/** Opens the rig for the _i of a test that has RIG_MIRRORED variants. */
static void open_connecting(int i, enum rig_size size)
{
	rig_open(&rig, i / 2, size);
	failing = rig_side(&rig, i % 2);
	survivor = rig_other(&rig, failing);
}

static void open_relaying(int i, enum rig_size size)
{
	open_connecting(i, size);
	rig_join(&rig);
	loop_settle();
}

/**
 * Prepares a reset of the side. A UNIX peer resets when it closes with bytes of weir unread: weir
 * gets ECONNRESET. A TCP peer needs no preparation.
 */
static void leave_unread(struct side *side)
{
	if (side->kind != WIRE_TCP) {
		side_send(rig_other(&rig, side), 1);
		loop_until(stream_bytes_written(rig_stream(&rig, side)) > 0);
	}
}

/** Waits until all that the side has sent is in weir's kernel: a reset throws away the rest. */
static void until_delivered(struct side *side)
{
	loop_until(sender_is_done(&side->out));
	while (side->kind == WIRE_TCP && side_unsent(side) > 0) {
		loop_for_ms(1);
	}
}

static void until_survivor_saw_reset(void)
{
	side_receive(survivor);
	loop_until(side_saw_reset(survivor));
	if (survivor->kind == WIRE_TCP) {
		ck_assert(!side_saw_fin(survivor));
	}
}

/* ---- connecting ---- */

START_TEST(a_unix_client_that_closes_while_connecting_has_finished)
{
	size_t total = _i / 2 == 0 ? 0 : 100;

	rig_open(&rig, (_i % 2) * 2 + 1, RIG_WIDE);
	side_send(&rig.client, total);
	loop_settle();
	side_close(&rig.client);
	loop_settle();
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_join(&rig);
	side_receive(&rig.upstream);
	loop_until(side_saw_fin(&rig.upstream));
	ck_assert_uint_eq(rig.upstream.in.n_received, total);
	side_finish(&rig.upstream);
	rig_until_ended(&rig, END_BY_CLIENT, END_EOF);
	rig_close(&rig);
}
END_TEST

START_TEST(a_client_that_resets_in_the_turn_of_the_join_is_seen)
{
	open_connecting(_i * 4, RIG_WIDE); /* the client is TCP */
	side_receive(survivor);
	loop_settle();
	side_reset(failing);
	rig_join(&rig);
	rig_until_ended(&rig, END_BY_CLIENT, END_RESET);
	until_survivor_saw_reset();
	rig_close(&rig);
}
END_TEST

/* ---- relaying ---- */

START_TEST(a_reset_is_passed_on)
{
	open_relaying(_i, RIG_WIDE);
	side_receive(survivor);
	leave_unread(failing);
	side_reset(failing);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	ck_assert_int_eq(rig.end.err, -ECONNRESET);
	ck_assert_int_eq(rig.end.timer, DEADLINE_NONE);
	until_survivor_saw_reset();
	rig_close(&rig);
}
END_TEST

START_TEST(bytes_before_a_reset_arrive_before_it)
{
	size_t total = 100 * 1000;

	open_relaying(_i, RIG_WIDE);
	leave_unread(failing);
	side_send(failing, total);
	until_delivered(failing);
	side_reset(failing);
	side_receive(survivor);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	until_survivor_saw_reset();
	ck_assert_uint_eq(survivor->in.n_received, total);
	rig_close(&rig);
}
END_TEST

/** The side fills weir's queue until weir does not read from it any more. Then it resets. */
static void stall_and_reset(void)
{
	leave_unread(failing);
	rig_stall(&rig, failing);
	failing->out.total = failing->out.n_sent;
	/* What has not arrived by now is lost. Only the kernel knows how much that is. */
	loop_settle();
	side_reset(failing);
	loop_settle();
	ck_assert_int_eq(rig.pair.state, PAIR_RESETTING);
	ck_assert_uint_eq(rig.n_ended, 0);
}

/** Returns how many bytes of the failed side weir has read, or has unread in the kernel. */
static size_t bytes_held(void)
{
	return stream_bytes_read(rig_stream(&rig, failing)) +
	       stream_unread(rig_stream(&rig, failing));
}

START_TEST(a_reset_under_backpressure_comes_after_all_that_was_sent)
{
	size_t total;

	open_relaying(_i, RIG_TINY);
	stall_and_reset();
	ck_assert_uint_gt(stream_unread(rig_stream(&rig, failing)), 0);
	total = bytes_held();
	side_receive(survivor);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	until_survivor_saw_reset();
	ck_assert_uint_eq(survivor->in.n_received, total);
	rig_close(&rig);
}
END_TEST

START_TEST(a_survivor_of_one_byte_at_a_time_gets_all_of_it)
{
	size_t total;

	open_relaying(_i, RIG_TINY);
	side_send(failing, 2000);
	until_delivered(failing);
	loop_settle();
	total = failing->out.n_sent;
	leave_unread(failing);
	side_reset(failing);
	side_receive(survivor);
	survivor->in.max = 1;
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	until_survivor_saw_reset();
	ck_assert_uint_eq(survivor->in.n_received, total);
	rig_close(&rig);
}
END_TEST

START_TEST(what_the_survivor_sends_meanwhile_is_not_read)
{
	uint64_t n_read;

	open_relaying(_i, RIG_TINY);
	stall_and_reset();
	n_read = stream_bytes_read(rig_stream(&rig, survivor));
	side_send(survivor, 100);
	loop_settle();
	ck_assert_uint_eq(stream_bytes_read(rig_stream(&rig, survivor)), n_read);
	rig_close(&rig);
}
END_TEST

/* ---- after a FIN ---- */

START_TEST(a_reset_after_its_own_fin_is_passed_on)
{
	open_relaying(_i, RIG_WIDE);
	side_receive(survivor);
	leave_unread(failing);
	side_finish(failing);
	loop_until(side_saw_fin(survivor));
	side_reset(failing);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	loop_until(side_saw_reset(survivor));
	rig_close(&rig);
}
END_TEST

START_TEST(a_reset_after_the_others_fin_is_passed_on)
{
	open_relaying(_i, RIG_WIDE);
	leave_unread(failing);
	side_finish(survivor);
	loop_until(rig.pair.fin_ns != NS_NEVER);
	ck_assert_uint_eq(rig.n_ended, 0);
	side_reset(failing);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	until_survivor_saw_reset();
	rig_close(&rig);
}
END_TEST

START_TEST(a_fin_behind_waiting_bytes_is_not_passed_on_after_a_reset)
{
	size_t total;

	open_relaying(_i, RIG_TINY);
	leave_unread(failing);
	rig_stall(&rig, failing);
	side_finish(failing);
	loop_settle();
	side_reset(failing);
	loop_settle();
	ck_assert_int_eq(rig.pair.state, PAIR_RESETTING);
	total = bytes_held();
	side_receive(survivor);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	until_survivor_saw_reset();
	ck_assert_uint_eq(survivor->in.n_received, total);
	ck_assert_uint_eq(rig.pair.fin_ns, NS_NEVER);
	rig_close(&rig);
}
END_TEST

/* ---- a write to a peer that has closed ---- */

START_TEST(a_write_to_a_closed_peer_is_its_reset)
{
	open_relaying(_i, RIG_WIDE);
	side_close(failing); /* weir passes its FIN on; later bytes for it get a reset */
	side_receive(survivor);
	loop_until(side_saw_fin(survivor));
	side_send(survivor, 1000);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	loop_until(side_saw_reset(survivor));
	rig_close(&rig);
}
END_TEST

/* ---- the end of the wait ---- */

START_TEST(a_survivor_that_resets_too_ends_the_wait)
{
	open_relaying(_i, RIG_TINY);
	stall_and_reset();
	side_reset(survivor);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	rig_close(&rig);
}
END_TEST

START_TEST(write_stall_bounds_the_wait_for_a_survivor_that_never_reads)
{
	uint64_t begin_ns;

	open_relaying(_i, RIG_TINY);
	leave_unread(failing);
	rig_stall(&rig, failing);
	/* The reset, which comes next, arms this timer. */
	rig.rules.timeouts.write_stall_ns = (uint64_t)100 * NS_PER_MS;
	begin_ns = clock_ns();
	side_reset(failing);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	ck_assert_uint_ge(clock_ns() - begin_ns, rig.rules.timeouts.write_stall_ns);
	until_survivor_saw_reset();
	rig_close(&rig);
}
END_TEST

START_TEST(drain_bounds_the_wait_for_a_survivor_that_never_reads)
{
	uint64_t until_ns;

	open_relaying(_i, RIG_TINY);
	stall_and_reset();
	until_ns = clock_ns() + (uint64_t)50 * NS_PER_MS;
	rig_drain(&rig, until_ns);
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	ck_assert_uint_ge(clock_ns(), until_ns);
	until_survivor_saw_reset();
	rig_close(&rig);
}
END_TEST

START_TEST(lifetime_bounds_the_wait_for_a_survivor_that_never_reads)
{
	open_relaying(_i, RIG_TINY);
	stall_and_reset();
	rig.rules.timeouts.lifetime_ns = 1;
	rig_until_ended(&rig, rig_by(&rig, failing), END_RESET);
	until_survivor_saw_reset();
	rig_close(&rig);
}
END_TEST

START_TEST(without_a_bound_the_wait_lasts_but_costs_little)
{
	uint64_t turns;

	open_relaying(_i, RIG_TINY);
	stall_and_reset();
	/* weir looks after 1, 2, 4, ... 32 ms, which are 63 ms in all, and then every 50 ms. */
	loop_for_ms(130);
	turns = loop_turns(test_loop);
	loop_for_ms(100);
	ck_assert_uint_eq(rig.n_ended, 0);
	ck_assert_uint_le(loop_turns(test_loop) - turns, 12);
	rig_close(&rig);
}
END_TEST

/* ---- failures in weir ---- */

/** A send to the failing side fails with `err`: both sides must get a reset. */
static void assert_failure_resets_both(int err, enum end_by by, enum end_reason reason)
{
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	fault_only_call(rig.splices ? "splice" : "send");
	fault_set_errno(err);
	fault_arm(rig.splices ? 2 : 1); /* the first call reads from the survivor */
	side_send(survivor, 100);
	loop_until(rig.n_ended > 0);
	ck_assert(fault_disarm());
	rig_assert_ended(&rig, by, reason);
	ck_assert_int_eq(rig.end.err, -err);
	until_survivor_saw_reset();
	loop_until(side_saw_reset(failing));
	if (failing->kind == WIRE_TCP) {
		ck_assert(!side_saw_fin(failing));
	}
	rig_close(&rig);
}

START_TEST(an_error_resets_both_sides)
{
	open_relaying(_i, RIG_WIDE);
	assert_failure_resets_both(EIO, END_BY_WEIR, END_ERROR);
}
END_TEST

START_TEST(the_loss_of_a_side_resets_both_sides)
{
	open_relaying(_i, RIG_WIDE);
	assert_failure_resets_both(EHOSTUNREACH, rig_by(&rig, failing), END_LOST);
}
END_TEST

START_TEST(no_memory_resets_both_sides)
{
	open_relaying(_i, RIG_TINY);
	fault_only(FAULT_MEMORY);
	fault_arm(1);
	/* weir needs memory for the bytes that must wait. */
	sender_send(&survivor->out, survivor->fd, 1024 * 1024);
	loop_until(rig.n_ended > 0);
	ck_assert(fault_disarm());
	rig_assert_ended(&rig, END_BY_WEIR, END_LIMIT);
	ck_assert_int_eq(rig.end.err, -ENOMEM);
	until_survivor_saw_reset();
	side_receive(failing);
	loop_until(side_saw_reset(failing));
	if (failing->kind == WIRE_TCP) {
		ck_assert(!side_saw_fin(failing));
	}
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_reset");
	TCase *tc = invariant_case("a FIN arrives as a FIN, a reset as a reset",
		"docs/ARCHITECTURE.md", "The way of a pair");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, a_unix_client_that_closes_while_connecting_has_finished, 0, 4);
	tcase_add_loop_test(tc, a_client_that_resets_in_the_turn_of_the_join_is_seen, 0, 2);
	tcase_add_loop_test(tc, a_reset_is_passed_on, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, bytes_before_a_reset_arrive_before_it, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, a_reset_under_backpressure_comes_after_all_that_was_sent, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_survivor_of_one_byte_at_a_time_gets_all_of_it, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, what_the_survivor_sends_meanwhile_is_not_read, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_reset_after_its_own_fin_is_passed_on, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_reset_after_the_others_fin_is_passed_on, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, a_fin_behind_waiting_bytes_is_not_passed_on_after_a_reset, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_write_to_a_closed_peer_is_its_reset, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_survivor_that_resets_too_ends_the_wait, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, write_stall_bounds_the_wait_for_a_survivor_that_never_reads, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, drain_bounds_the_wait_for_a_survivor_that_never_reads, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, lifetime_bounds_the_wait_for_a_survivor_that_never_reads, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, without_a_bound_the_wait_lasts_but_costs_little, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, an_error_resets_both_sides, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, the_loss_of_a_side_resets_both_sides, 0, RIG_MIRRORED);
	if (getenv("WEIR_TEST_SPLICE") == NULL) { /* bytes that wait in a pipe need no memory */
		tcase_add_loop_test(tc, no_memory_resets_both_sides, 0, RIG_MIRRORED);
	}
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
