/* SPDX-License-Identifier: ISC */
/*
 * Tests of a pump between every two kinds of wire. The peers use plain system calls. The program
 * runs twice: as it is, and with WEIR_TEST_SPLICE set, which splices whatever can be spliced, from
 * the first byte on.
 */
#include "stream/pump.h"

#include <errno.h>

#include "line.h"
#include "suite.h"

enum { MARK = 16 * 1024 };

/** Reads all that the receiver's kernel holds, without a turn of the loop. */
static void receive_at_once(void)
{
	unsigned char buffer[65536];
	ptrdiff_t n;

	while ((n = peer_recv(line.out.fd, buffer, sizeof(buffer))) > 0) {
		pattern_expect(buffer, line.out.n_received, (size_t)n);
		line.out.n_received += (size_t)n;
	}
	ck_assert_int_eq(n, -EAGAIN);
}

/**
 * Turns the loop until the pump stops reading at the mark. More than the mark may be in a pipe, and
 * TCP may still take some bytes.
 */
static void loop_until_full(void)
{
	loop_until(stream_pauses(line.from) == STREAM_BACKPRESSURE);
	ck_assert(line.splices || line.most_waiting == line.mark);
}

START_TEST(moves_all_bytes_in_order_and_then_the_end)
{
	size_t total = 1000 * 1000 + 1;

	line_open(_i, false, MARK);
	line_receive(65536);
	sender_send(&line.sender, line.in, total);
	loop_until(sender_is_done(&line.sender));
	ck_assert(!pump_has_ended(&line.pump));
	line_finish();
	loop_until(line.n_done > 0);
	ck_assert(pump_has_ended(&line.pump));
	loop_until(line.out.n_received == total);
	ck_assert_uint_eq(line.n_done, 1);
	ck_assert_uint_eq(pump_bytes(&line.pump), total);
	ck_assert_uint_eq(line.n_moved[false] + line.n_moved[true], total);
	ck_assert_uint_eq(line.n_moved[true], line.watch.n_spliced);
	line_close();
}
END_TEST

START_TEST(an_end_without_bytes_is_done_at_once)
{
	line_open(_i, false, MARK);
	line_finish();
	loop_until(line.n_done > 0);
	ck_assert_uint_eq(line.n_told, 1);
	line_close();
}
END_TEST

START_TEST(stops_at_the_mark_and_resumes_at_drain)
{
	size_t total = 16 * 1024 * 1024;

	line_open(_i, true, MARK);
	sender_send(&line.sender, line.in, total);
	loop_until_full();
	loop_settle();
	loop_until_full();
	ck_assert(!sender_is_done(&line.sender));
	line_receive(65536);
	loop_until(stream_pauses(line.from) == 0);
	ck_assert_uint_lt(stream_bytes_waiting(line.to), MARK);
	loop_until(line.out.n_received >= 200 * 1000);
	line_close();
}
END_TEST

START_TEST(reads_no_further_than_the_room_that_is_left)
{
	size_t mark = 4096; /* less than one read of the loop's buffer */

	line_open(_i, true, mark);
	sender_send(&line.sender, line.in, 100 * 1000);
	loop_until_full();
	line_receive(1000);
	loop_until(sender_is_done(&line.sender));
	line_finish();
	loop_until(line.n_done > 0 && line.out.n_received == 100 * 1000);
	if (!line.splices) {
		/* look_at_waiting() saw no more than that. */
		ck_assert_uint_eq(line.most_waiting, mark);
	}
	line_close();
}
END_TEST

/** The largest number of bytes in one READ, copied or spliced. */
static size_t largest_read;

static void watch_reads(struct handler *handler, const struct event *event)
{
	(void)handler;
	largest_read = event->len > largest_read ? event->len : largest_read;
}

START_TEST(the_bound_of_the_owner_holds_whatever_room_is_left)
{
	struct handler reads = {.call = watch_reads};
	size_t bound = 1000;

	largest_read = 0;
	line_open(_i, true, MARK);
	stream_on(line.from, STREAM_READ, &reads);
	pump_set_max(&line.pump, bound);
	/* Now backpressure comes and goes, and the receiver's room is large or small. */
	line_fill();
	line_receive(65536);
	sender_send(&line.sender, line.in, 300 * 1000);
	loop_until(sender_is_done(&line.sender) && stream_unread(line.from) == 0);
	ck_assert_uint_eq(largest_read, bound);
	pump_set_max(&line.pump, SIZE_MAX);
	sender_send(&line.sender, line.in, 300 * 1000);
	loop_until(sender_is_done(&line.sender) && stream_unread(line.from) == 0);
	ck_assert_uint_gt(largest_read, bound);
	line_close();
}
END_TEST

START_TEST(an_end_with_bytes_waiting_is_passed_after_them)
{
	size_t sent;

	line_open(_i, true, MARK);
	line_fill();
	sent = line.sender.n_sent;
	line_finish();
	loop_until(line.outcome == PUMP_ENDED);
	loop_settle();
	ck_assert_int_eq(line.outcome, PUMP_ENDED);
	line_receive(65536);
	loop_until(line.n_done > 0);
	ck_assert_uint_eq(stream_bytes_waiting(line.to), 0);
	loop_until(line.out.n_received == sent);
	ck_assert_uint_eq(line.n_done, 1);
	line_close();
}
END_TEST

START_TEST(an_end_in_the_turn_of_the_drain_is_done_once)
{
	line_open(_i, true, MARK);
	line_fill();
	/* Both events come in one turn: first the receiver has room, then the sender ends. */
	receive_at_once();
	line_finish();
	loop_until(line.n_done > 0);
	loop_settle();
	ck_assert_uint_eq(line.n_done, 1);
	line_close();
}
END_TEST

START_TEST(a_receiver_of_one_byte_at_a_time_gets_them_all)
{
	size_t total = 40 * 1000;

	line_open(_i, true, 4096);
	line_receive(1);
	sender_send(&line.sender, line.in, total);
	loop_until(sender_is_done(&line.sender));
	line_finish();
	loop_until(line.n_done > 0 && line.out.n_received == total);
	line_close();
}
END_TEST

START_TEST(a_sender_of_one_byte_at_a_time_is_passed_on_as_it_sends)
{
	line_open(_i, false, MARK);
	line_receive(65536);
	for (size_t i = 1; i <= 200; i++) {
		sender_send(&line.sender, line.in, 1);
		loop_until(line.out.n_received == i);
	}
	line_close();
}
END_TEST

/** The bytes that the pump had taken still go out: they belong to the stream. */
static void finish_without_the_pump(void)
{
	line_receive(65536);
	line_finish();
	loop_until(stream_bytes_waiting(line.to) == 0);
	loop_settle();
}

START_TEST(a_stopped_pump_reads_no_more_and_tells_but_that_its_source_is_gone)
{
	unsigned n_told;
	unsigned n_gone;

	line_open(_i, true, MARK);
	line_fill();
	n_told = line.n_told;
	pump_stop(&line.pump);
	pump_stop(&line.pump); /* idempotent */
	ck_assert_uint_eq(stream_pauses(line.from), STREAM_STOPPED);
	finish_without_the_pump();
	n_gone = line.n_gone;
	stream_close(line.from);
	loop_settle();
	ck_assert_uint_eq(line.n_gone, n_gone + 1);
	ck_assert_uint_eq(line.n_told, n_told);
	line_close();
}
END_TEST

START_TEST(a_closed_pump_reads_no_more_and_tells_nothing)
{
	unsigned n_told;

	line_open(_i, true, MARK);
	line_fill();
	n_told = line.n_told;
	if (_i % 2 == 0) {
		pump_stop(&line.pump);
	}
	pump_close(&line.pump);
	pump_close(&line.pump); /* idempotent */
	ck_assert_uint_eq(stream_pauses(line.from), STREAM_STOPPED);
	finish_without_the_pump();
	stream_close(line.from);
	loop_settle();
	ck_assert_uint_eq(line.n_told, n_told);
	ck_assert_uint_eq(line.n_gone, 0);
	line_close();
}
END_TEST

START_TEST(waiting_bytes_are_told_once_and_that_they_are_out)
{
	line_open(_i, true, MARK);
	line_fill();
	sender_send(&line.sender, line.in, 1); /* one more byte must wait */
	loop_until(sender_is_done(&line.sender));
	loop_settle();
	ck_assert_uint_eq(line.n_told, 1);
	ck_assert_int_eq(line.outcome, PUMP_WAITS);
	line_receive(65536);
	loop_until(line.n_told > 1);
	ck_assert_int_eq(line.outcome, PUMP_FLOWS);
	line_finish();
	loop_until(line.n_told > 2);
	ck_assert_int_eq(line.outcome, PUMP_DONE);
	line_close();
}
END_TEST

START_TEST(a_source_that_fails_is_gone_and_not_done)
{
	line_open(_i, false, MARK);
	line_receive(65536);
	sender_send(&line.sender, line.in, 1000);
	loop_until(sender_is_done(&line.sender) && line.out.n_received == 1000);
	sender_stop(&line.sender);
	peer_reset(line.in);
	line.in = -1;
	loop_until(line.n_gone > 0 && stream_fd(line.from) < 0);
	ck_assert_int_eq(stream_cause(line.from), -ECONNRESET);
	ck_assert_uint_eq(line.n_told, 0);
	line_close();
}
END_TEST

START_TEST(may_be_closed_in_its_callback)
{
	line_open(_i, true, MARK);
	line.close_when_done = true;
	line_fill();
	line_finish();
	line_receive(65536);
	loop_until(line.n_done > 0);
	loop_settle();
	ck_assert_uint_eq(line.n_done, 1);
	line_close();
}
END_TEST

/* ---- what is counted ---- */

START_TEST(bytes_that_were_written_before_are_not_counted)
{
	static unsigned char header[] = {0, 0, 0, 0, 0, 0, 0, 0};
	size_t total = 100 * 1000;

	line_prepare(_i, false, MARK);
	line.out.is_pattern = false;
	ck_assert_int_eq(stream_write(line.to, header, sizeof(header), NULL), 0);
	ck_assert_int_eq(pump_open(&line.pump, line.from, line.to, &line_calls), 0);
	line_receive(65536);
	line.out.is_pattern = false;
	loop_until(line.out.n_received == sizeof(header));
	ck_assert_uint_eq(pump_bytes(&line.pump), 0);
	ck_assert_uint_eq(pump_moved_ns(&line.pump), 0);
	sender_send(&line.sender, line.in, total);
	loop_until(line.out.n_received == total + sizeof(header));
	ck_assert_uint_eq(pump_bytes(&line.pump), total);
	ck_assert_uint_ge(pump_moved_ns(&line.pump), stream_read_ns(line.from));
	pump_close(&line.pump);
	ck_assert_uint_eq(pump_bytes(&line.pump), total);
	line_close();
}
END_TEST

START_TEST(bytes_that_wait_are_not_counted_yet_or_ever)
{
	line_prepare(_i, true, MARK);
	/* Bytes written before the pump was opened may wait, too. */
	while (stream_bytes_waiting(line.to) == 0) {
		unsigned char some[1024] = {0};

		ck_assert_int_eq(stream_write(line.to, some, sizeof(some), NULL), 0);
	}
	ck_assert_int_eq(pump_open(&line.pump, line.from, line.to, &line_calls), 0);
	sender_send(&line.sender, line.in, 100);
	loop_until(stream_bytes_read(line.from) == 100);
	ck_assert_uint_eq(pump_bytes(&line.pump), 0);
	stream_close(line.to); /* this drops the waiting bytes */
	ck_assert_uint_eq(pump_bytes(&line.pump), 0);
	line_close();
}
END_TEST

START_TEST(an_end_waits_for_what_was_written_before)
{
	unsigned char some[1024];
	size_t n = 0;

	line_prepare(_i, true, MARK);
	while (stream_bytes_waiting(line.to) < MARK) { /* more than the mark leaves no room */
		pattern_fill(some, n, sizeof(some));
		ck_assert_int_eq(stream_write(line.to, some, sizeof(some), NULL), 0);
		n += sizeof(some);
	}
	ck_assert_int_eq(pump_open(&line.pump, line.from, line.to, &line_calls), 0);
	ck_assert_uint_eq(stream_pauses(line.from), STREAM_BACKPRESSURE);
	line_finish();
	loop_settle();
	ck_assert_uint_eq(line.n_told, 0);
	line_receive(65536);
	loop_until(line.n_done > 0);
	/* The pump has reported that bytes flow, and then that it is done. */
	ck_assert_uint_eq(line.n_told, 2);
	ck_assert_uint_eq(stream_bytes_waiting(line.to), 0);
	loop_until(line.out.n_received == n);
	line_close();
}
END_TEST

START_TEST(a_zeroed_pump_may_be_closed)
{
	struct pump pump = {0};

	pump_close(&pump);
	ck_assert_ptr_null(pump.from);
}
END_TEST

START_TEST(starting_on_a_closed_stream_fails)
{
	struct pump pump;

	line_open(_i, false, MARK);
	pump_close(&line.pump);
	stream_close(line.from);
	ck_assert_int_eq(pump_open(&pump, line.from, line.to, &line_calls), -EBADF);
	pump_close(&pump);
	line_close();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pump");
	TCase *tc = tcase_create("pump");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, moves_all_bytes_in_order_and_then_the_end, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, an_end_without_bytes_is_done_at_once, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, stops_at_the_mark_and_resumes_at_drain, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, reads_no_further_than_the_room_that_is_left, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(
		tc, the_bound_of_the_owner_holds_whatever_room_is_left, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(
		tc, an_end_with_bytes_waiting_is_passed_after_them, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, an_end_in_the_turn_of_the_drain_is_done_once, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(
		tc, a_receiver_of_one_byte_at_a_time_gets_them_all, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(
		tc, a_sender_of_one_byte_at_a_time_is_passed_on_as_it_sends, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(
		tc, waiting_bytes_are_told_once_and_that_they_are_out, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, a_source_that_fails_is_gone_and_not_done, 0, LINE_FROM_TCP);
	tcase_add_loop_test(tc, a_stopped_pump_reads_no_more_and_tells_but_that_its_source_is_gone,
		0, LINE_COMBINATIONS);
	tcase_add_loop_test(
		tc, a_closed_pump_reads_no_more_and_tells_nothing, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, may_be_closed_in_its_callback, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(
		tc, bytes_that_were_written_before_are_not_counted, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, an_end_waits_for_what_was_written_before, 0, LINE_COMBINATIONS);
	tcase_add_loop_test(tc, bytes_that_wait_are_not_counted_yet_or_ever, 0, LINE_COMBINATIONS);
	tcase_add_test(tc, a_zeroed_pump_may_be_closed);
	tcase_add_loop_test(tc, starting_on_a_closed_stream_fails, 0, LINE_COMBINATIONS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
