/* SPDX-License-Identifier: ISC */
/* Tests of a stream that splices its input to another stream, over each kind of socket. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "stream/stream_private.h"
#include "suite.h"
#include "way.h"

static void finish_sending(void)
{
	sender_stop(&way.sender);
	close(way.in);
	way.in = -1;
}

/* ---- moving ---- */

START_TEST(bulk_goes_past_us_in_order_and_is_counted)
{
	size_t total = 4 * 1000 * 1000 + 1;

	way_open(_i, false);
	way_receive();
	way_send(total);
	loop_until(way.out.n_received == total);
	loop_settle();
	ck_assert_uint_gt(way.source.n_spliced, 0);
	ck_assert_uint_eq(way.source.n_read, total);
	ck_assert_uint_eq(way.sink.n_write, total);
	ck_assert_uint_eq(stream_bytes_read(way.from), total);
	ck_assert_uint_eq(stream_bytes_written(way.to), total);
	ck_assert_uint_gt(stream_read_ns(way.from), 0);
	ck_assert_uint_ge(stream_written_ns(way.to), stream_read_ns(way.from));
	way_close();
}
END_TEST

START_TEST(a_stream_that_is_quiet_holds_no_pipe)
{
	way_open(_i, false);
	way_receive();
	way_send(300 * 1000);
	loop_until(way.out.n_received == 300 * 1000);
	loop_settle();
	ck_assert_uint_gt(way_pool()->n_made, 0);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made);
	ck_assert(stream_is_splicing(way.from));
	way_close();
}
END_TEST

START_TEST(the_end_of_input_is_told_after_the_bytes)
{
	way_open(_i, false);
	way_receive();
	way_send(100 * 1000);
	loop_until(sender_is_done(&way.sender));
	finish_sending();
	loop_until(heard(&way.source, "END"));
	ck_assert_uint_eq(way.source.n_read, 100 * 1000);
	stream_shutdown(way.to);
	loop_until(way.out.ended);
	ck_assert_uint_eq(way.out.n_received, 100 * 1000);
	way_close();
}
END_TEST

START_TEST(bytes_around_urgent_marks_keep_their_order)
{
	unsigned char bytes[40 * 1000];
	size_t sent = 0;

	way_open(_i * 2, false); /* from TCP */
	way_receive();
	for (unsigned i = 0; i < 20; i++) {
		ptrdiff_t n;

		pattern_fill(bytes, sent, sizeof(bytes));
		n = send(way.in, bytes, sizeof(bytes), 0);
		ck_assert_int_gt(n, 0);
		sent += (size_t)n;
		peer_send_urgent(way.in, (char)pattern_at(sent++));
		loop_until(way.out.n_received == sent);
	}
	ck_assert_uint_gt(way.source.n_spliced, 0);
	way_close();
}
END_TEST

START_TEST(a_splice_cut_short_is_no_full_socket)
{
	way_open(_i, false);
	way.cut = 1000;
	way_receive();
	way_send(50 * 1000);
	loop_until(way.out.n_received == 50 * 1000);
	ck_assert_uint_gt(way.source.n_spliced, 0);
	way_close();
}
END_TEST

START_TEST(switching_to_and_fro_keeps_the_order)
{
	size_t total = 3 * 1000 * 1000;

	way_open(_i, _i % 2 == 0);
	way.switches = true;
	way_receive();
	way_send(total);
	loop_until(way.out.n_received == total);
	ck_assert_uint_gt(way.source.n_spliced, 0);
	ck_assert_uint_lt(way.source.n_spliced, total);
	way_close();
}
END_TEST

/** The bound that stream_set_read_max() sets: no READ may have more bytes, copied or spliced. */
static size_t read_max;
static size_t largest_read;

static void measure(struct recorder *recorder, const struct event *event)
{
	recorder->events[0] = '\0'; /* there are too many events to record */
	way.sink.events[0] = '\0';
	if (event->type == STREAM_READ) {
		ck_assert_uint_le(event->len, read_max);
		largest_read = event->len > largest_read ? event->len : largest_read;
		if (event->data != NULL) {
			(void)stream_write(way.to, event->data, event->len, NULL);
		}
	}
}

START_TEST(no_read_exceeds_read_max)
{
	static const size_t maxima[] = {1, 2, 1447, 4096, 65535, 65537, 200 * 1000, SIZE_MAX};

	for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
		for (int splices = 0; splices < 2; splices++) {
			size_t total = maxima[i] < 1000 ? 1000 * maxima[i] : 1000 * 1000;

			read_max = maxima[i];
			largest_read = 0;
			way_open(_i, false);
			way.source.act = measure;
			stream_set_read_max(way.from, read_max);
			stream_splice_to(way.from, splices ? way.to : NULL);
			way_receive();
			way_send(total);
			loop_until(way.out.n_received == total);
			ck_assert((way.source.n_spliced > 0) == splices);
			ck_assert_uint_le(largest_read, splices ? 1024 * 1024 : 64 * 1024);
			if (read_max < 4096) {
				ck_assert_uint_eq(largest_read, read_max);
			}
			way_close();
		}
	}
}
END_TEST

START_TEST(a_copy_instead_of_a_splice_stays_below_the_mark)
{
	way_open(_i, true);
	pipe_pool_allow(test_loop, 0);
	stream_set_high_water_mark(way.to, 20 * 1000);
	way.stops = true;
	way_send(16 * 1024 * 1024);
	loop_until(!stream_is_started(way.from));
	while (stream_can_write(way.to)) {
		ck_assert_int_eq(stream_start(way.from), 0);
		loop_until(!stream_is_started(way.from));
	}
	ck_assert_uint_eq(way.source.n_spliced, 0);
	ck_assert_uint_eq(stream_bytes_waiting(way.to), 20 * 1000);
	way_close();
}
END_TEST

static bool has_connected;

static void on_connected(struct handler *handler, const struct event *event)
{
	(void)handler;
	(void)event;
	has_connected = true;
}

START_TEST(a_stream_that_connects_does_not_splice)
{
	struct handler handler = {.call = on_connected};
	struct wire from = wire_open(WIRE_TCP);
	struct wire to = wire_open(WIRE_TCP);
	struct stream *source = stream_open(test_loop, from.near, 0);
	struct stream *sink = stream_open(test_loop, to.near, 0);

	has_connected = false;
	ck_assert_int_eq(stream_await_connect(source, &handler), 0);
	ck_assert(!stream_is_splicing(source));
	ck_assert_int_eq(stream_splice_to(source, sink), -EINVAL);
	ck_assert(!stream_is_splicing(source));
	loop_until(has_connected);
	ck_assert_int_eq(stream_splice_to(source, sink), 0);
	ck_assert(stream_is_splicing(source));
	source = stream_free(source);
	sink = stream_free(sink);
	close(from.far);
	close(to.far);
}
END_TEST

START_TEST(what_splicing_needs_is_given_back_with_it)
{
	way_open(_i, false);
	way_receive();
	way_send(300 * 1000);
	loop_until(way.out.n_received == 300 * 1000);
	loop_settle();
	ck_assert_int_eq(stream_splice_to(way.from, NULL), 0);
	ck_assert_ptr_null(way.from->splice);
	ck_assert_ptr_null(way.to->splice);
	way_close();
}
END_TEST

/* ---- waiting ---- */

START_TEST(bytes_in_the_pipe_wait_but_not_in_our_memory)
{
	size_t waiting;

	way_open(_i, true);
	way_fill_pipe();
	waiting = stream_bytes_waiting(way.to);
	ck_assert_uint_eq(waiting, stream_bytes_read(way.from) - stream_bytes_written(way.to));
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), waiting);
	ck_assert_uint_eq(loop_queued_bytes(test_loop), 0);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made - 1);
	ck_assert_uint_ne(stream_stalled_ns(way.to), NS_NEVER);
	ck_assert(stream_is_writing(way.to));
	ck_assert_int_eq(stream_steal_handle(way.to), -EBUSY);
	recorder_clear(&way.sink);
	way_receive();
	loop_until(way_is_out());
	loop_until(heard(&way.sink, "DRAIN"));
	scene_heard(&(struct scene){.rec = way.sink}, "WRITE DRAIN");
	ck_assert_uint_eq(stream_stalled_ns(way.to), NS_NEVER);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made);
	way_close();
}
END_TEST

START_TEST(a_copy_does_not_overtake_the_pipe)
{
	unsigned char bytes[50 * 1000];

	way_open(_i, true);
	way_fill_pipe();
	for (unsigned i = 0; i < 2; i++) {
		pattern_fill(bytes, way.source.n_read, sizeof(bytes));
		ck_assert_int_eq(stream_write(way.to, bytes, sizeof(bytes), NULL), 0);
		way.source.n_read += sizeof(bytes);
		ck_assert_uint_eq(loop_queued_bytes(test_loop), (i + 1) * sizeof(bytes));
		ck_assert_uint_eq(loop_waiting_bytes(test_loop), stream_bytes_waiting(way.to));
	}
	way_receive();
	loop_until(way_is_out());
	ck_assert_uint_eq(stream_bytes_waiting(way.to), 0);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	way_close();
}
END_TEST

START_TEST(what_does_not_fit_into_the_pipe_is_copied_behind_it)
{
	way_open(_i, true);
	way_fill_pipe();
	stream_set_high_water_mark(way.to, 16 * 1024 * 1024);
	ck_assert_int_eq(stream_start(way.from), 0);
	loop_until(way.source.n_read > way.source.n_spliced);
	ck_assert_uint_eq(loop_queued_bytes(test_loop), way.source.n_read - way.source.n_spliced);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), stream_bytes_waiting(way.to));
	/* While copied chunks wait, nothing goes into the pipe. */
	recorder_clear(&way.source);
	loop_until(way.source.n_read > 0);
	ck_assert_uint_eq(way.source.n_spliced, 0);
	stream_stop(way.from);
	sender_stop(&way.sender);
	way_receive();
	loop_until(way.out.n_received == stream_bytes_read(way.from));
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	way_close();
}
END_TEST

START_TEST(a_fin_waits_for_the_bytes_in_the_pipe)
{
	way_open(_i, true);
	way_fill_pipe();
	stream_shutdown(way.to);
	way_receive();
	loop_until(way.out.ended);
	ck_assert(way_is_out());
	way_close();
}
END_TEST

START_TEST(a_graceful_close_waits_for_the_bytes_in_the_pipe)
{
	way_open(_i, true);
	way_fill_pipe();
	stream_close_gracefully(way.to);
	way_receive();
	loop_until(heard(&way.sink, "CLOSE"));
	loop_until(way_is_out());
	way_close();
}
END_TEST

START_TEST(a_look_before_judging_writes_what_the_pipe_holds)
{
	unsigned char bytes[65536];
	uint64_t written;

	way_open(WAY_UNIX, true); /* over UNIX a read makes room at once */
	way_fill_pipe();
	written = stream_bytes_written(way.to);
	while (peer_recv(way.out.fd, bytes, sizeof(bytes)) > 0) {
	}
	stream_poke(way.to);
	ck_assert_uint_gt(stream_bytes_written(way.to), written);
	way_close();
}
END_TEST

/* ---- ends with bytes in the pipe ---- */

START_TEST(bytes_in_the_pipe_go_out_after_the_sender_has_reset)
{
	way_open(_i * 2, true); /* from TCP */
	way_fill_pipe();
	sender_stop(&way.sender);
	peer_reset(way.in);
	way.in = -1;
	loop_until(heard(&way.source, "HANGUP"));
	way_receive();
	ck_assert_int_eq(stream_start(way.from), 0);
	loop_until(heard(&way.source, "CLOSE:ECONNRESET"));
	loop_until(way_is_out());
	way_close();
}
END_TEST

START_TEST(closing_drops_the_bytes_in_the_pipe_and_the_pipe)
{
	size_t n_made;

	way_open(_i, true);
	way_fill_pipe();
	n_made = way_pool()->n_made;
	stream_close(way.to);
	ck_assert_uint_eq(stream_bytes_waiting(way.to), 0);
	ck_assert_uint_eq(way_pool()->n_made, n_made - 1);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	/* The rest comes as READ with data: the stream does not splice any more. */
	recorder_clear(&way.source);
	ck_assert_int_eq(stream_start(way.from), 0);
	loop_until(way.source.n_read > 0);
	ck_assert_uint_eq(way.source.n_spliced, 0);
	way_close();
}
END_TEST

START_TEST(a_receiver_that_resets_loses_the_bytes_in_the_pipe)
{
	way_open(_i & 1, true); /* to TCP */
	way_fill_pipe();
	peer_reset(way.out.fd);
	way.out.fd = -1;
	loop_until(heard(&way.sink, "HANGUP"));
	ck_assert_uint_eq(stream_bytes_waiting(way.to), 0);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	way_close();
}
END_TEST

START_TEST(a_stream_may_be_freed_with_bytes_in_its_pipe)
{
	way_open(_i, true);
	way_fill_pipe();
	stream_splice_to(way.from, NULL);
	way.to = stream_free(way.to);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made);
	loop_settle();
	way_close();
}
END_TEST

START_TEST(after_a_shutdown_input_is_told_with_data)
{
	way_open(_i, false);
	stream_shutdown(way.to);
	way_send(100 * 1000);
	loop_until(way.source.n_read == 100 * 1000);
	ck_assert_uint_eq(way.source.n_spliced, 0);
	way_close();
}
END_TEST

static void add_waiting_tests(TCase *tc)
{
	tcase_add_loop_test(tc, bytes_in_the_pipe_wait_but_not_in_our_memory, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, a_copy_does_not_overtake_the_pipe, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(
		tc, what_does_not_fit_into_the_pipe_is_copied_behind_it, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, a_fin_waits_for_the_bytes_in_the_pipe, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(
		tc, a_graceful_close_waits_for_the_bytes_in_the_pipe, 0, WAY_COMBINATIONS);
	tcase_add_test(tc, a_look_before_judging_writes_what_the_pipe_holds);
	tcase_add_loop_test(tc, bytes_in_the_pipe_go_out_after_the_sender_has_reset, 0, 2);
	tcase_add_loop_test(
		tc, closing_drops_the_bytes_in_the_pipe_and_the_pipe, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, a_receiver_that_resets_loses_the_bytes_in_the_pipe, 0, 2);
	tcase_add_loop_test(tc, a_stream_may_be_freed_with_bytes_in_its_pipe, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, after_a_shutdown_input_is_told_with_data, 0, WAY_COMBINATIONS);
}

int main(void)
{
	Suite *suite = suite_create("splice");
	TCase *tc = tcase_create("splice");
	TCase *bulk = invariant_case("bulk bytes are spliced, not copied, where possible",
		"docs/ARCHITECTURE.md", "The way of a byte");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, a_stream_that_is_quiet_holds_no_pipe, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, the_end_of_input_is_told_after_the_bytes, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, bytes_around_urgent_marks_keep_their_order, 0, 2);
	tcase_add_loop_test(tc, a_splice_cut_short_is_no_full_socket, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, switching_to_and_fro_keeps_the_order, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, no_read_exceeds_read_max, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(
		tc, a_copy_instead_of_a_splice_stays_below_the_mark, 0, WAY_COMBINATIONS);
	tcase_add_test(tc, a_stream_that_connects_does_not_splice);
	tcase_add_loop_test(tc, what_splicing_needs_is_given_back_with_it, 0, WAY_COMBINATIONS);
	add_waiting_tests(tc);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(bulk, fixture_setup, fixture_teardown);
	tcase_add_loop_test(bulk, bulk_goes_past_us_in_order_and_is_counted, 0, WAY_COMBINATIONS);
	suite_add_tcase(suite, bulk);
	return suite_run(suite);
}
