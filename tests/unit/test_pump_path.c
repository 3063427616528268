/* SPDX-License-Identifier: ISC */
/* Tests of how a pump chooses its path: after bulk it splices, after quiet it copies again. */
#include "line.h"
#include "stream/pipe.h"
#include "stream/pump.h"
#include "suite.h"

/** The sender sends `len` bytes, and the pump moves them in one read. */
static void move_at_once(size_t len)
{
	size_t expected = line.out.n_received + len;

	sender_send(&line.sender, line.in, len);
	loop_until(line.out.n_received == expected);
	loop_settle();
}

enum { LARGE = 20 * 1000, SMALL = 1000 };

/** Opens a line on which each send is one read. At first the pump copies. */
static void open_for_weighing(size_t mark)
{
	line_open(LINE_UNIX_TO_UNIX, false, mark);
	line.splices = false;
	stream_splice_to(line.from, NULL);
	pipe_pool_allow(test_loop, PIPES_MAX);
	line_receive(65536);
}

static void move_many(unsigned n, size_t len)
{
	for (unsigned i = 0; i < n; i++) {
		move_at_once(len);
	}
}

START_TEST(four_large_reads_in_a_row_earn_the_splice_path)
{
	open_for_weighing(64 * 1024);
	move_many(3, LARGE);
	move_many(1, SMALL);
	move_many(3, LARGE);
	ck_assert(!stream_is_splicing(line.from));
	move_many(1, LARGE);
	ck_assert(stream_is_splicing(line.from));
	ck_assert_uint_eq(line.watch.n_spliced, 0);
	move_many(5, LARGE);
	ck_assert_uint_eq(line.watch.n_spliced, 5 * LARGE);
	line_close();
}
END_TEST

START_TEST(four_small_reads_in_a_row_lose_the_splice_path)
{
	open_for_weighing(64 * 1024);
	move_many(4, LARGE);
	move_many(3, SMALL);
	move_many(1, LARGE);
	move_many(3, SMALL);
	ck_assert(stream_is_splicing(line.from));
	ck_assert_uint_eq(line.watch.n_spliced, 6 * SMALL + LARGE);
	move_many(1, SMALL);
	ck_assert(!stream_is_splicing(line.from));
	line.watch.n_spliced = 0;
	move_many(2, SMALL);
	ck_assert_uint_eq(line.watch.n_spliced, 0);
	line_close();
}
END_TEST

START_TEST(the_path_is_earned_again_and_again)
{
	open_for_weighing(64 * 1024);
	for (unsigned i = 0; i < 5; i++) {
		move_many(4, LARGE);
		ck_assert(stream_is_splicing(line.from));
		move_many(4, SMALL);
		ck_assert(!stream_is_splicing(line.from));
	}
	line_close();
}
END_TEST

START_TEST(a_mark_below_a_large_read_never_earns_it)
{
	open_for_weighing(8 * 1024);
	move_many(10, LARGE);
	ck_assert(!stream_is_splicing(line.from));
	line_close();
}
END_TEST

START_TEST(without_pipes_a_direction_on_the_path_is_copied_as_before)
{
	open_for_weighing(64 * 1024);
	pipe_pool_allow(test_loop, 0);
	move_many(10, LARGE);
	ck_assert_uint_eq(line.watch.n_spliced, 0);
	line_close();
}
END_TEST

START_TEST(a_stopped_pump_splices_no_more)
{
	open_for_weighing(64 * 1024);
	move_many(4, LARGE);
	pump_stop(&line.pump);
	ck_assert(!stream_is_splicing(line.from));
	line_close();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pump_path");
	TCase *tc = tcase_create("pump_path");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, four_large_reads_in_a_row_earn_the_splice_path);
	tcase_add_test(tc, four_small_reads_in_a_row_lose_the_splice_path);
	tcase_add_test(tc, the_path_is_earned_again_and_again);
	tcase_add_test(tc, a_mark_below_a_large_read_never_earns_it);
	tcase_add_test(tc, without_pipes_a_direction_on_the_path_is_copied_as_before);
	tcase_add_test(tc, a_stopped_pump_splices_no_more);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
