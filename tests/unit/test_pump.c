/* SPDX-License-Identifier: ISC */
/*
 * One direction between every two kinds of wire; the peers are plain system calls. Runs twice: as
 * it is, and with WEIR_TEST_SPLICE set: then whatever can be spliced is, from the first byte on.
 */
#include "proxy/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "sender.h"
#include "stream/pipe.h"
#include "suite.h"

enum { MARK = 16 * 1024, COMBINATIONS = 9 };

static struct line {
	struct pump pump;
	enum wire_kind from_kind;
	struct stream *from;
	struct stream *to;
	int in; /**< the peer that sends */
	struct sender sender;
	struct peer out; /**< the peer that receives */
	struct recorder watch;
	size_t mark;
	unsigned n_changed; /**< calls of changed() */
	unsigned n_done;    /**< with done */
	bool splices;       /**< and goes on splicing when the pump finds it too little */
	size_t most_waiting;
	bool stop_when_done;
} line;

static void on_changed(struct pump *pump)
{
	line.n_changed++;
	line.n_done += pump->done;
	if (pump->done && line.stop_when_done) {
		pump_stop(pump);
	}
}

/** After the pump's own handler: what waits now. */
static void look_at_waiting(struct recorder *recorder, const struct event *event)
{
	size_t waiting = stream_bytes_waiting(line.to);

	(void)recorder;
	if (event->data != NULL) {
		ck_assert_uint_le(waiting, line.mark);
	}
	if (line.splices) {
		stream_splice_to(line.from, line.to);
	}
	if (waiting > line.most_waiting) {
		line.most_waiting = waiting;
	}
}

/** _i is a number from 0 to 8: three kinds to read from, three to write to. */
static void line_open(int i, bool tiny, size_t mark)
{
	static const enum wire_kind froms[] = {WIRE_TCP, WIRE_UNIX, WIRE_PIPE_IN};
	static const enum wire_kind tos[] = {WIRE_TCP, WIRE_UNIX, WIRE_PIPE_OUT};
	enum wire_kind to_kind = tos[i % 3];
	struct wire from;
	struct wire to;

	memset(&line, 0, sizeof(line));
	line.from_kind = froms[i / 3];
	line.mark = mark;
	from = tiny ? wire_open_tiny(line.from_kind) : wire_open(line.from_kind);
	to = tiny ? wire_open_tiny(to_kind) : wire_open(to_kind);
	line.in = from.far;
	sender_init(&line.sender);
	line.from = stream_open(test_loop, from.near, STREAM_HALF_OPEN);
	line.to = stream_open(test_loop, to.near, STREAM_HALF_OPEN);
	ck_assert(line.from != NULL && line.to != NULL);
	stream_set_timeout(line.from, 0);
	stream_set_timeout(line.to, 0);
	stream_set_high_water_mark(line.to, mark);
	ck_assert_int_eq(pump_start(&line.pump, line.from, line.to, on_changed), 0);
	recorder_on(&line.watch, line.from, STREAM_READ);
	line.watch.act = look_at_waiting;
	line.splices = getenv("WEIR_TEST_SPLICE") != NULL;
	if (line.splices) {
		pipe_pool_allow(test_loop, PIPES_MAX);
		stream_splice_to(line.from, line.to);
	}
	peer_open(&line.out, to.far);
	line.out.is_pattern = true;
	line.out.fd = peer_release(&line.out); /* it reads when the test says so */
	line.out.fd = to.far;
}

static void receive(size_t max)
{
	struct peer before = line.out;

	peer_open(&line.out, before.fd);
	line.out.max = max;
	line.out.is_pattern = true;
	line.out.n_received = before.n_received;
}

static void finish_sending(void)
{
	sender_stop(&line.sender);
	if (line.in >= 0) {
		close(line.in);
		line.in = -1;
	}
}

static void line_close(void)
{
	pump_stop(&line.pump);
	line.from = stream_free(line.from);
	line.to = stream_free(line.to);
	finish_sending();
	peer_close(&line.out);
}

/** Sends so much that the receiver, who does not read, leaves bytes waiting in weir. */
static void fill_until_bytes_wait(void)
{
	while (stream_bytes_waiting(line.to) == 0) {
		sender_send(&line.sender, line.in, 2048);
		loop_until(sender_is_done(&line.sender));
		loop_settle();
	}
}

/** Takes what the receiver's kernel holds, without a turn of the loop. */
static void receive_at_once(void)
{
	unsigned char buffer[65536];
	ptrdiff_t n;

	while ((n = peer_recv(line.out.fd, buffer, sizeof(buffer))) > 0) {
		for (ptrdiff_t i = 0; i < n; i++) {
			ck_assert_uint_eq(buffer[i], pattern_at(line.out.n_received));
			line.out.n_received++;
		}
	}
	ck_assert_int_eq(n, -EAGAIN);
}

/** Until the mark was reached (what is in a pipe may be more); TCP may take some even then. */
static void loop_until_full(void)
{
	loop_until(stream_pauses(line.from) == STREAM_BACKPRESSURE);
	ck_assert(line.splices || line.most_waiting == line.mark);
}

START_TEST(moves_all_bytes_in_order_and_then_the_end)
{
	size_t total = 1000 * 1000 + 1;

	line_open(_i, false, MARK);
	receive(65536);
	sender_send(&line.sender, line.in, total);
	loop_until(sender_is_done(&line.sender));
	ck_assert(!line.pump.ended);
	finish_sending();
	loop_until(line.pump.done);
	ck_assert(line.pump.ended);
	loop_until(line.out.n_received == total);
	ck_assert_uint_eq(line.n_done, 1);
	ck_assert_uint_eq(stream_bytes_written(line.to), total);
	line_close();
}
END_TEST

START_TEST(an_end_without_bytes_is_done_at_once)
{
	line_open(_i, false, MARK);
	finish_sending();
	loop_until(line.pump.done);
	ck_assert_uint_eq(line.n_changed, 1);
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
	receive(65536);
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
	receive(1000);
	loop_until(sender_is_done(&line.sender));
	finish_sending();
	loop_until(line.pump.done && line.out.n_received == 100 * 1000);
	if (!line.splices) {
		ck_assert_uint_eq(line.most_waiting, mark); /* and look_at_waiting() saw no more */
	}
	line_close();
}
END_TEST

START_TEST(an_end_with_bytes_waiting_is_passed_after_them)
{
	size_t sent;

	line_open(_i, true, MARK);
	fill_until_bytes_wait();
	sent = line.sender.n_sent;
	finish_sending();
	loop_until(line.pump.ended);
	loop_settle();
	ck_assert(!line.pump.done);
	ck_assert_uint_eq(line.n_done, 0);
	receive(65536);
	loop_until(line.pump.done);
	ck_assert_uint_eq(stream_bytes_waiting(line.to), 0);
	loop_until(line.out.n_received == sent);
	ck_assert_uint_eq(line.n_done, 1);
	line_close();
}
END_TEST

START_TEST(an_end_in_the_turn_of_the_drain_is_done_once)
{
	line_open(_i, true, MARK);
	fill_until_bytes_wait();
	/* Both events come in one turn: first the receiver has room, then the sender ends. */
	receive_at_once();
	finish_sending();
	loop_until(line.pump.done);
	loop_settle();
	ck_assert_uint_eq(line.n_done, 1);
	line_close();
}
END_TEST

START_TEST(a_receiver_of_one_byte_at_a_time_gets_them_all)
{
	size_t total = 40 * 1000;

	line_open(_i, true, 4096);
	receive(1);
	sender_send(&line.sender, line.in, total);
	loop_until(sender_is_done(&line.sender));
	finish_sending();
	loop_until(line.pump.done && line.out.n_received == total);
	line_close();
}
END_TEST

START_TEST(a_sender_of_one_byte_at_a_time_is_passed_on_as_it_sends)
{
	line_open(_i, false, MARK);
	receive(65536);
	for (size_t i = 1; i <= 200; i++) {
		sender_send(&line.sender, line.in, 1);
		loop_until(line.out.n_received == i);
	}
	line_close();
}
END_TEST

START_TEST(a_stopped_pump_reads_no_more_and_says_nothing)
{
	unsigned n_changed;

	line_open(_i, true, MARK);
	fill_until_bytes_wait();
	n_changed = line.n_changed;
	pump_stop(&line.pump);
	pump_stop(&line.pump); /* idempotent */
	ck_assert_uint_eq(stream_pauses(line.from), STREAM_STOPPED);
	receive(65536);
	finish_sending();
	/* What it had taken still goes out: that is the stream's. */
	loop_until(stream_bytes_waiting(line.to) == 0);
	loop_settle();
	ck_assert_uint_eq(line.n_changed, n_changed);
	ck_assert(!line.pump.ended);
	line_close();
}
END_TEST

START_TEST(may_be_stopped_in_its_callback)
{
	line_open(_i, true, MARK);
	line.stop_when_done = true;
	fill_until_bytes_wait();
	finish_sending();
	receive(65536);
	loop_until(line.n_done > 0);
	loop_settle();
	ck_assert_uint_eq(line.n_done, 1);
	ck_assert_ptr_null(line.pump.from);
	line_close();
}
END_TEST

START_TEST(a_zeroed_pump_may_be_stopped)
{
	struct pump pump = {0};

	pump_stop(&pump);
	ck_assert_ptr_null(pump.from);
}
END_TEST

START_TEST(starting_on_a_closed_stream_fails)
{
	struct pump pump;

	line_open(_i, false, MARK);
	pump_stop(&line.pump);
	stream_close(line.from);
	ck_assert_int_eq(pump_start(&pump, line.from, line.to, on_changed), -EBADF);
	pump_stop(&pump);
	line_close();
}
END_TEST

/* ---- the splice path ---- */

/** The sender sends `len` bytes, and the pump moves them in one read. */
static void move_at_once(size_t len)
{
	size_t expected = line.out.n_received + len;

	sender_send(&line.sender, line.in, len);
	loop_until(line.out.n_received == expected);
	loop_settle();
}

enum { LARGE = 20 * 1000, SMALL = 1000, UNIX_TO_UNIX = 4 };

/** A line on which each sending is one read; it copies at first. */
static void open_for_weighing(size_t mark)
{
	line_open(UNIX_TO_UNIX, false, mark);
	line.splices = false;
	stream_splice_to(line.from, NULL);
	pipe_pool_allow(test_loop, PIPES_MAX);
	receive(65536);
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
	Suite *suite = suite_create("pump");
	TCase *tc = tcase_create("pump");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, moves_all_bytes_in_order_and_then_the_end, 0, COMBINATIONS);
	tcase_add_loop_test(tc, an_end_without_bytes_is_done_at_once, 0, COMBINATIONS);
	tcase_add_loop_test(tc, stops_at_the_mark_and_resumes_at_drain, 0, COMBINATIONS);
	tcase_add_loop_test(tc, reads_no_further_than_the_room_that_is_left, 0, COMBINATIONS);
	tcase_add_loop_test(tc, an_end_with_bytes_waiting_is_passed_after_them, 0, COMBINATIONS);
	tcase_add_loop_test(tc, an_end_in_the_turn_of_the_drain_is_done_once, 0, COMBINATIONS);
	tcase_add_loop_test(tc, a_receiver_of_one_byte_at_a_time_gets_them_all, 0, COMBINATIONS);
	tcase_add_loop_test(
		tc, a_sender_of_one_byte_at_a_time_is_passed_on_as_it_sends, 0, COMBINATIONS);
	tcase_add_loop_test(tc, a_stopped_pump_reads_no_more_and_says_nothing, 0, COMBINATIONS);
	tcase_add_loop_test(tc, may_be_stopped_in_its_callback, 0, COMBINATIONS);
	tcase_add_test(tc, a_zeroed_pump_may_be_stopped);
	tcase_add_loop_test(tc, starting_on_a_closed_stream_fails, 0, COMBINATIONS);
	tcase_add_test(tc, four_large_reads_in_a_row_earn_the_splice_path);
	tcase_add_test(tc, four_small_reads_in_a_row_lose_the_splice_path);
	tcase_add_test(tc, the_path_is_earned_again_and_again);
	tcase_add_test(tc, a_mark_below_a_large_read_never_earns_it);
	tcase_add_test(tc, without_pipes_a_direction_on_the_path_is_copied_as_before);
	tcase_add_test(tc, a_stopped_pump_splices_no_more);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
