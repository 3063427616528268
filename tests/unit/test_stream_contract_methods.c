/* SPDX-License-Identifier: ISC */
/*
 * Tests of the contract of streams (docs/STREAM.md), third part: the methods. The name of each test
 * begins with the word of the contract that it is about. Each test runs on every kind of wire on
 * which it makes sense.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "stream/loop_private.h"
#include "stream/timer_private.h"
#include "suite.h"

static struct scene scene;

/* ---- new ---- */

START_TEST(new_takes_the_fd_and_makes_it_non_blocking)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s;

	ck_assert_int_eq(fcntl(wire.near, F_GETFL) & O_NONBLOCK, 0);
	s = stream_new(wire.near);
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(stream_fd(s), wire.near);
	ck_assert_int_ne(fcntl(wire.near, F_GETFL) & O_NONBLOCK, 0);
	ck_assert(!stream_is_started(s));
	ck_assert_ptr_null(stream_free(s));
	ck_assert_int_eq(fcntl(wire.near, F_GETFL), -1);
	ck_assert_int_eq(errno, EBADF);
	close(wire.far);
}
END_TEST

START_TEST(new_watches_nothing_yet)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	peer_send(scene.far, "x");
	loop_settle();
	scene_far_close(&scene);
	loop_settle();
	scene_heard(&scene, "");
	scene_close(&scene);
}
END_TEST

START_TEST(new_fails_and_leaves_the_fd_to_the_caller)
{
	struct wire wire = wire_open(TEST_KIND);

	errno = 0;
	ck_assert_ptr_null(stream_new(-1));
	ck_assert_int_eq(errno, EBADF);
	for (unsigned n = 1;; n++) {
		struct stream *s;

		fault_arm(n);
		s = stream_new(wire.near);
		if (!fault_disarm()) {
			ck_assert_uint_gt(n, 3);
			ck_assert_ptr_nonnull(s);
			stream_free(s);
			break;
		}
		ck_assert_msg(s == NULL, "%s failed", fault_met());
		ck_assert_int_ne(fcntl(wire.near, F_GETFD), -1);
	}
	close(wire.far);
}
END_TEST

/* ---- start, stop ---- */

START_TEST(start_reads_and_stop_does_not)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert(stream_is_started(scene.stream));
	peer_send(scene.far, "a");
	loop_until(scene.rec.n_read == 1);
	stream_stop(scene.stream);
	stream_stop(scene.stream);
	ck_assert(!stream_is_started(scene.stream));
	peer_send(scene.far, "b");
	loop_settle();
	ck_assert_uint_eq(scene.rec.n_read, 1);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 2);
	ck_assert_str_eq(scene.rec.text, "ab");
	scene_close(&scene);
}
END_TEST

START_TEST(start_finds_what_came_before_it)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	peer_send(scene.far, "early");
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 5);
	scene_close(&scene);
}
END_TEST

/** The default timeout is 15 s. While it runs, the loop does not end. */
START_TEST(start_first_arms_the_timeout_that_was_never_set)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_new(wire.near);
	struct loop *own = stream_loop(s);

	ck_assert_uint_eq(loop_timers(own)->n_armed, 0);
	ck_assert_int_eq(stream_start(s), 0);
	ck_assert_uint_eq(loop_timers(own)->n_armed, 1);
	stream_free(s);
	ck_assert_uint_eq(loop_timers(own)->n_armed, 0);
	loop_free(own);
	close(wire.far);
}
END_TEST

START_TEST(start_says_what_cannot_be)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stream *s = stream_open(test_loop, fd, 0);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(stream_start(s), -EPERM);
	ck_assert(!stream_is_started(s));
	stream_close(s);
	ck_assert_int_eq(stream_start(s), -EBADF);
	stream_free(s);
}
END_TEST

static void stop_at_once(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	stream_stop(event->stream);
}

START_TEST(stop_in_the_handler_is_heeded_at_once)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	scene.rec.act = stop_at_once;
	stream_set_read_max(scene.stream, 1);
	peer_send(scene.far, "abc");
	for (size_t n = 1; n <= 3; n++) {
		ck_assert_int_eq(stream_start(scene.stream), 0);
		loop_until(scene.rec.n_read == n);
		loop_settle();
		ck_assert_uint_eq(scene.rec.n_read, n);
	}
	ck_assert_str_eq(scene.rec.text, "abc");
	scene_close(&scene);
}
END_TEST

START_TEST(stop_lets_writing_go_on)
{
	enum { LEN = 60 * 1000 };
	char *data = calloc(1, LEN);
	struct peer peer;

	if (wire_writes(TEST_KIND)) {
		scene_open_tiny(&scene, TEST_KIND, 0);
		ck_assert_int_eq(stream_start(scene.stream), 0);
		stream_stop(scene.stream);
		ck_assert_int_eq(stream_write(scene.stream, data, LEN, NULL), 0);
		ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
		peer_open(&peer, scene.far);
		loop_until(peer.n_received == LEN);
		scene.far = peer_release(&peer);
		scene_close(&scene);
	}
	free(data);
}
END_TEST

/* ---- write ---- */

START_TEST(write_keeps_the_order)
{
	enum { LEN = 100 * 1000 };
	unsigned char piece[700];
	struct peer peer;
	size_t written = 0;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	peer_open(&peer, scene.far);
	peer.is_pattern = true;
	srandom(1);
	while (written < LEN) {
		size_t len = (size_t)random() % sizeof(piece);

		pattern_fill(piece, written, len);
		ck_assert_int_eq(stream_write(scene.stream, piece, len, NULL), 0);
		memset(piece, 0xff, len); /* the stream has copied it */
		written += len;
		if (random() % 8 == 0) {
			fixture_turn(__FILE__, __LINE__, "a turn");
		}
	}
	loop_until(peer.n_received == written);
	ck_assert_uint_eq(stream_bytes_written(scene.stream), written);
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

static struct recorder drain;

static void drain_init(void)
{
	recorder_on(&drain, scene.stream, STREAM_DRAIN);
	stream_off(scene.stream, &drain.handler);
}

START_TEST(write_calls_the_drain_callback_once)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	drain_init();
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, &drain.handler), 0);
	ck_assert_uint_eq(drain.n_events, 0);
	loop_until(drain.n_events == 1);
	ck_assert_int_eq(stream_write(scene.stream, "y", 1, NULL), 0);
	loop_settle();
	ck_assert_uint_eq(drain.n_events, 1);
	scene_close(&scene);
}
END_TEST

START_TEST(write_of_nothing_calls_the_drain_callback_too)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	drain_init();
	ck_assert_int_eq(stream_write(scene.stream, "", 0, &drain.handler), 0);
	ck_assert_uint_eq(drain.n_events, 0);
	loop_until(drain.n_events == 1);
	scene_heard(&scene, "DRAIN");
	scene_close(&scene);
}
END_TEST

START_TEST(write_of_nothing_drains_after_what_waits)
{
	char data[200 * 1000] = "";
	struct peer peer;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	drain_init();
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	ck_assert_int_eq(stream_write(scene.stream, "", 0, &drain.handler), 0);
	loop_settle();
	ck_assert_uint_eq(drain.n_events, 0);
	peer_open(&peer, scene.far);
	loop_until(drain.n_events == 1);
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), 0);
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

START_TEST(write_of_nothing_without_callback_does_nothing)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, NULL, 0, NULL), 0);
	ck_assert(!stream_is_writing(scene.stream));
	loop_settle();
	scene_heard(&scene, "");
	scene_close(&scene);
}
END_TEST

static void write_again(struct recorder *recorder, const struct event *event)
{
	if (recorder->n_events < 3) {
		ck_assert_int_eq(stream_write(event->stream, "x", 1, &recorder->handler), 0);
	}
}

START_TEST(write_in_the_drain_callback_drains_again)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	drain_init();
	drain.act = write_again;
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, &drain.handler), 0);
	loop_until(drain.n_events == 3);
	loop_settle();
	ck_assert_uint_eq(drain.n_events, 3);
	ck_assert_uint_eq(stream_bytes_written(scene.stream), 3);
	scene_close(&scene);
}
END_TEST

START_TEST(write_is_refused_after_close)
{
	scene_open(&scene, TEST_KIND, 0);
	drain_init();
	stream_close(scene.stream);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, &drain.handler), -EPIPE);
	loop_settle();
	ck_assert_uint_eq(drain.n_events, 0);
	scene_heard(&scene, "CLOSE");
	scene_close(&scene);
}
END_TEST

START_TEST(write_without_memory_fails_the_stream)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	drain_init();
	for (int r = 0; r == 0;) {
		char data[4096] = "";

		fault_only(FAULT_MEMORY);
		fault_arm(1);
		r = stream_write(scene.stream, data, sizeof(data), &drain.handler);
		if (!fault_disarm()) {
			stream_off(scene.stream, &drain.handler);
			continue;
		}
		ck_assert_int_eq(r, -ENOMEM);
	}
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), -EPIPE);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert(strstr(scene.rec.events, "ERROR:ENOMEM CLOSE:ENOMEM") != NULL);
	ck_assert_uint_eq(drain.n_events, 0);
	scene_close(&scene);
}
END_TEST

/* ---- is_writing, is_readable ---- */

START_TEST(is_writing_while_bytes_or_a_drain_wait)
{
	char data[60 * 1000] = "";
	struct peer peer;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	ck_assert(!stream_is_writing(scene.stream));
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	ck_assert(stream_is_writing(scene.stream)); /* the recorder waits for DRAIN */
	loop_until(heard(&scene.rec, "DRAIN"));
	ck_assert(!stream_is_writing(scene.stream));
	stream_off(scene.stream, &scene.rec.handler);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	ck_assert(!stream_is_writing(scene.stream));
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	ck_assert(stream_is_writing(scene.stream));
	peer_open(&peer, scene.far);
	loop_until(!stream_is_writing(scene.stream));
	loop_until(peer.n_received == sizeof(data) + 2);
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

static void close_it(void)
{
	stream_close(scene.stream);
}

static void steal_it(void)
{
	close(stream_steal_handle(scene.stream));
}

static void let_it_fail(void)
{
	char data[4096] = "";

	fault_only_call("malloc");
	fault_arm(1);
	while (stream_write(scene.stream, data, sizeof(data), NULL) == 0) {
	}
	ck_assert(fault_disarm());
}

static void shut_it_down(void)
{
	stream_shutdown(scene.stream);
}

START_TEST(is_writing_and_can_write_are_false_when_nothing_can_be_written)
{
	void (*const ends[])(void) = {close_it, steal_it, let_it_fail, shut_it_down};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (!wire_writes(TEST_KIND)) {
			return;
		}
		scene_open_tiny(&scene, TEST_KIND, 0);
		ck_assert(stream_can_write(scene.stream));
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
		ck_assert(stream_is_writing(scene.stream)); /* the recorder waits for DRAIN */
		ends[i]();
		ck_assert(!stream_can_write(scene.stream));
		/* Bytes written before may still go out if the stream has its fd. */
		ck_assert(stream_fd(scene.stream) >= 0 || !stream_is_writing(scene.stream));
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), -EPIPE);
		loop_settle();
		ck_assert(!stream_is_writing(scene.stream));
		ck_assert(!stream_can_write(scene.stream));
		scene_close(&scene);
	}
}
END_TEST

START_TEST(is_readable_sees_input_without_reading_it)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert(!stream_is_readable(scene.stream));
	peer_send(scene.far, "x");
	loop_until(stream_is_readable(scene.stream));
	ck_assert(stream_is_readable(scene.stream));
	scene_heard(&scene, "");
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 1);
	ck_assert(!stream_is_readable(scene.stream));
	stream_close(scene.stream);
	ck_assert(!stream_is_readable(scene.stream));
	scene_close(&scene);
}
END_TEST

START_TEST(is_readable_sees_a_hang_up)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	scene_far_close(&scene);
	loop_settle();
	ck_assert(stream_is_readable(scene.stream));
	scene_close(&scene);
}
END_TEST

START_TEST(is_readable_restarts_the_clock)
{
	uint64_t asked_ns = 0;

	scene_open(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.03);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	for (int i = 0; i < 5 && !heard(&scene.rec, "TIMEOUT"); i++) {
		asked_ns = clock_ns();
		(void)stream_is_readable(scene.stream);
		loop_for_ms(5); /* on a busy machine this may take longer */
	}
	loop_until(heard(&scene.rec, "TIMEOUT"));
	ck_assert_uint_ge(clock_ns() - asked_ns, 30 * NS_PER_MS);
	scene_close(&scene);
}
END_TEST

static void add_reading_tests(TCase *tc)
{
	tcase_add_wire_test(tc, new_takes_the_fd_and_makes_it_non_blocking);
	tcase_add_wire_test(tc, new_watches_nothing_yet);
	tcase_add_wire_test(tc, new_fails_and_leaves_the_fd_to_the_caller);
	tcase_add_wire_test(tc, start_reads_and_stop_does_not);
	tcase_add_wire_test(tc, start_finds_what_came_before_it);
	tcase_add_wire_test(tc, start_first_arms_the_timeout_that_was_never_set);
	tcase_add_test(tc, start_says_what_cannot_be);
	tcase_add_wire_test(tc, stop_in_the_handler_is_heeded_at_once);
	tcase_add_wire_test(tc, stop_lets_writing_go_on);
	tcase_add_wire_test(tc, is_readable_sees_input_without_reading_it);
	tcase_add_wire_test(tc, is_readable_sees_a_hang_up);
	tcase_add_wire_test(tc, is_readable_restarts_the_clock);
}

static void add_writing_tests(TCase *tc)
{
	tcase_add_wire_test(tc, write_keeps_the_order);
	tcase_add_wire_test(tc, write_calls_the_drain_callback_once);
	tcase_add_wire_test(tc, write_of_nothing_calls_the_drain_callback_too);
	tcase_add_wire_test(tc, write_of_nothing_drains_after_what_waits);
	tcase_add_wire_test(tc, write_of_nothing_without_callback_does_nothing);
	tcase_add_wire_test(tc, write_in_the_drain_callback_drains_again);
	tcase_add_wire_test(tc, write_is_refused_after_close);
	tcase_add_wire_test(tc, write_without_memory_fails_the_stream);
	tcase_add_wire_test(tc, is_writing_while_bytes_or_a_drain_wait);
	tcase_add_wire_test(tc, is_writing_and_can_write_are_false_when_nothing_can_be_written);
}

int main(void)
{
	Suite *suite = suite_create("stream_contract_methods");
	TCase *reading = tcase_create("reading");
	TCase *writing = tcase_create("writing");

	suite_add_tcase(suite, reading);
	tcase_add_checked_fixture(reading, fixture_setup, fixture_teardown);
	add_reading_tests(reading);
	suite_add_tcase(suite, writing);
	tcase_add_checked_fixture(writing, fixture_setup, fixture_teardown);
	add_writing_tests(writing);
	return suite_run(suite);
}
