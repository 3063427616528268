/* SPDX-License-Identifier: ISC */
/*
 * Tests of the contract of streams (docs/STREAM.md), fifth part: the attributes. The name of each
 * test begins with the word of the contract that it is about. Each test runs on every kind of wire
 * on which it makes sense.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

static struct scene scene;

/* ---- reactor ---- */

START_TEST(reactor_is_the_threads_own_by_default)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_new(wire.near);
	struct loop *own = stream_loop(s);

	ck_assert_ptr_nonnull(own);
	ck_assert_ptr_eq(own, loop_own());
	ck_assert_int_eq(stream_start(s), 0);
	ck_assert_ptr_eq(stream_loop(s), own);
	stream_free(s);
	loop_free(own);
	close(wire.far);
}
END_TEST

START_TEST(reactor_may_be_set_until_the_first_start)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_new(wire.near);
	struct recorder rec;

	ck_assert_int_eq(stream_set_loop(s, test_loop), 0);
	ck_assert_ptr_eq(stream_loop(s), test_loop);
	recorder_on(&rec, s, STREAM_ALL_EVENTS);
	ck_assert_int_eq(stream_start(s), 0);
	stream_stop(s);
	ck_assert_int_eq(stream_set_loop(s, test_loop), -EBUSY);
	stream_close(s);
	loop_until(heard(&rec, "CLOSE"));
	stream_free(s);
	close(wire.far);
}
END_TEST

START_TEST(reactor_may_be_set_after_a_write_too)
{
	enum { LEN = 60 * 1000 };
	struct loop *other = loop_new();
	char *data = malloc(LEN);
	struct peer peer;

	if (wire_writes(TEST_KIND)) {
		pattern_fill(data, 0, LEN);
		scene_open_tiny(&scene, TEST_KIND, 0);
		ck_assert_int_eq(stream_set_loop(scene.stream, other), 0);
		stream_set_timeout(scene.stream, 100);
		ck_assert_int_eq(stream_write(scene.stream, data, LEN, NULL), 0);
		ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
		ck_assert_int_eq(stream_set_loop(scene.stream, test_loop), 0);
		ck_assert_ptr_eq(stream_loop(scene.stream), test_loop);
		/* The stream took all with it: the clock, the bytes that wait, the events that
		 * are due, the watch. */
		ck_assert_ptr_null(loop_free(other));
		ck_assert_uint_eq(
			loop_waiting_bytes(test_loop), stream_bytes_waiting(scene.stream));
		peer_open(&peer, scene.far);
		peer.is_pattern = true;
		loop_until(peer.n_received == LEN && heard(&scene.rec, "DRAIN"));
		ck_assert_uint_eq(scene.rec.n_write, LEN);
		scene_heard(&scene, "WRITE DRAIN");
		stream_set_timeout(scene.stream, 0.01);
		loop_until(heard(&scene.rec, "TIMEOUT"));
		scene.far = peer_release(&peer);
		scene_close(&scene);
	} else {
		loop_free(other);
	}
	free(data);
}
END_TEST

START_TEST(reactor_null_is_the_threads_own)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_open(test_loop, wire.near, 0);
	struct loop *own = loop_own();

	stream_set_timeout(s, 100);
	ck_assert_int_eq(stream_set_loop(s, NULL), 0);
	ck_assert_ptr_eq(stream_loop(s), own);
	ck_assert_int_eq(stream_start(s), 0);
	ck_assert_int_eq(stream_set_loop(s, NULL), -EBUSY);
	stream_close(s);
	ck_assert_int_eq(stream_set_loop(s, NULL), -EBADF);
	stream_free(s);
	loop_free(own);
	close(wire.far);
}
END_TEST

START_TEST(reactor_that_cannot_be_had_leaves_the_stream_where_it_was)
{
	struct loop *other = loop_new();
	char data[60 * 1000] = "";

	if (wire_writes(TEST_KIND)) {
		scene_open_tiny(&scene, TEST_KIND, 0);
		stream_set_timeout(scene.stream, 0.01);
		ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
		for (unsigned n = 1;; n++) {
			int r;

			fault_arm(n);
			r = stream_set_loop(scene.stream, other);
			if (!fault_disarm()) {
				ck_assert_int_eq(r, 0);
				/* The clock, its room in the heap and the watch failed. */
				ck_assert_uint_gt(n, 3);
				break;
			}
			ck_assert_int_lt(r, 0);
			ck_assert_ptr_eq(stream_loop(scene.stream), test_loop);
		}
		ck_assert_int_eq(stream_set_loop(scene.stream, test_loop), 0);
		loop_until(heard(&scene.rec, "TIMEOUT"));
		scene_close(&scene);
	}
	loop_free(other);
}
END_TEST

START_TEST(reactor_that_cannot_be_made_fails_the_start)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_new(wire.near);

	fault_only_call("calloc");
	fault_arm(1);
	ck_assert_int_eq(stream_start(s), -ENOMEM);
	ck_assert(fault_disarm());
	fault_only_call("calloc");
	fault_arm(1);
	ck_assert_int_eq(stream_write(s, "x", 1, NULL), -ENOMEM);
	ck_assert(fault_disarm());
	ck_assert_ptr_null(stream_free(s));
	close(wire.far);
}
END_TEST

static void stop_reactor(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	ck_assert(loop_is_running(stream_loop(event->stream)));
	ck_assert_int_eq(loop_stop(stream_loop(event->stream)), 0);
}

/* The documentation's synopsis ends so: start the reactor if necessary. */
START_TEST(reactor_is_running_and_start)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_new(wire.near);
	struct loop *own = stream_loop(s);
	struct recorder rec;

	recorder_on(&rec, s, STREAM_ALL_EVENTS);
	rec.act = stop_reactor;
	ck_assert_int_eq(stream_start(s), 0);
	stream_close_gracefully(s);
	if (!loop_is_running(own)) {
		ck_assert_int_eq(loop_run(own), 0);
	}
	ck_assert(!loop_is_running(own));
	ck_assert_str_eq(rec.events, "CLOSE");
	stream_free(s);
	loop_free(own);
	close(wire.far);
}
END_TEST

START_TEST(reactor_returns_when_the_last_stream_is_closed)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_new(wire.near);
	struct loop *own = stream_loop(s);
	struct recorder rec;

	recorder_on(&rec, s, STREAM_ALL_EVENTS);
	stream_set_timeout(s, 0.01);
	ck_assert_int_eq(stream_start(s), 0);
	ck_assert_int_eq(loop_run(own), 0);
	ck_assert_str_eq(rec.events, "TIMEOUT CLOSE");
	stream_free(s);
	loop_free(own);
	close(wire.far);
}
END_TEST

/* ---- handle, fd ---- */

START_TEST(fd_is_minus_1_once_closed_or_stolen)
{
	struct wire wire = wire_open(TEST_KIND);
	struct stream *s = stream_open(test_loop, wire.near, 0);
	int fd;

	ck_assert_int_eq(stream_fd(s), wire.near);
	fd = stream_steal_handle(s);
	ck_assert_int_eq(fd, wire.near);
	ck_assert_int_eq(stream_fd(s), -1);
	stream_free(s);
	s = stream_open(test_loop, fd, 0);
	stream_close(s);
	ck_assert_int_eq(stream_fd(s), -1);
	stream_free(s);
	close(wire.far);
}
END_TEST

/* ---- timeout ---- */

START_TEST(timeout_is_15_s_by_default)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_double_eq(stream_timeout(scene.stream), 15);
	stream_set_timeout(scene.stream, 0.25);
	ck_assert_double_eq_tol(stream_timeout(scene.stream), 0.25, 1e-9);
	stream_set_timeout(scene.stream, 45);
	ck_assert_double_eq_tol(stream_timeout(scene.stream), 45, 1e-9);
	stream_set_timeout(scene.stream, 0);
	ck_assert_double_eq(stream_timeout(scene.stream), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_set_before_the_first_start_runs_from_then)
{
	uint64_t set_ns;

	scene_open(&scene, TEST_KIND, 0);
	set_ns = clock_ns();
	stream_set_timeout(scene.stream, 0.02);
	/* The start does not begin the timeout anew. */
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_uint_ge(clock_ns() - set_ns, 20 * NS_PER_MS);
	scene_heard(&scene, "TIMEOUT CLOSE");
	scene_close(&scene);
	/* The timeout also runs without a start. */
	scene_open(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.01);
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "TIMEOUT CLOSE");
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_of_a_stream_that_only_writes)
{
	char data[60 * 1000] = "";

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.01);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert(heard(&scene.rec, "TIMEOUT"));
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_0_is_never)
{
	scene_open(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.01);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_set_timeout(scene.stream, 0);
	loop_for_ms(30);
	scene_heard(&scene, "");
	stream_set_timeout(scene.stream, 0.01);
	loop_until(heard(&scene.rec, "TIMEOUT"));
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_set_anew_restarts_the_clock)
{
	uint64_t set_ns = 0;

	scene_open(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.03);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	for (int i = 0; i < 5 && !heard(&scene.rec, "TIMEOUT"); i++) {
		set_ns = clock_ns();
		stream_set_timeout(scene.stream, 0.03);
		loop_for_ms(5); /* on a busy machine this may take longer */
	}
	loop_until(heard(&scene.rec, "TIMEOUT"));
	ck_assert_uint_ge(clock_ns() - set_ns, 30 * NS_PER_MS);
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_is_restarted_by_bytes_read)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.03);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	for (size_t i = 1; i <= 5 && !heard(&scene.rec, "TIMEOUT"); i++) {
		peer_send(scene.far, "x");
		loop_until(scene.rec.n_read == i);
	}
	loop_until(heard(&scene.rec, "TIMEOUT"));
	ck_assert_uint_ge(clock_ns() - stream_read_ns(scene.stream), 30 * NS_PER_MS);
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_is_restarted_by_bytes_written)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.03);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_for_ms(5);
	if (!heard(&scene.rec, "TIMEOUT")) {
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	}
	loop_until(heard(&scene.rec, "TIMEOUT"));
	ck_assert_uint_ge(clock_ns() - stream_written_ns(scene.stream), 30 * NS_PER_MS);
	scene_close(&scene);
}
END_TEST

/** Blocks the loop until the stream's timeout has passed. */
static void starve(struct recorder *recorder, const struct event *event)
{
	uint64_t until = clock_ns() + 20 * NS_PER_MS;

	(void)event;
	recorder->act = NULL;
	if (recorder->data != NULL) {
		peer_send(*(int *)recorder->data, "y");
	}
	while (clock_ns() < until) {
		(void)usleep(1000);
	}
}

/* A peer that kept sending is not cut off, although the process stood still for longer than the
 * timeout. */
START_TEST(timeout_looks_at_what_the_kernel_holds_first)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	scene.rec.act = starve;
	scene.rec.data = &scene.far;
	stream_set_timeout(scene.stream, 0.01);
	peer_send(scene.far, "x");
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "READ TIMEOUT CLOSE");
	ck_assert_uint_eq(scene.rec.n_read, 2);
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_goes_on_while_stopped)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	stream_set_timeout(scene.stream, 0.02);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_stop(scene.stream);
	peer_send(scene.far, "x");
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "TIMEOUT CLOSE");
	scene_close(&scene);
}
END_TEST

/* ---- the marks and counters ---- */

START_TEST(high_water_mark_is_1_mib_by_default)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_uint_eq(stream_high_water_mark(scene.stream), 1024 * 1024);
	ck_assert(stream_can_write(scene.stream));
	scene_close(&scene);
}
END_TEST

START_TEST(can_write_is_false_from_the_mark_on)
{
	char data[200 * 1000] = "";
	struct peer peer;
	size_t waiting;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	waiting = stream_bytes_waiting(scene.stream);
	ck_assert_uint_gt(waiting, 0);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), waiting);
	stream_set_high_water_mark(scene.stream, waiting + 1);
	ck_assert(stream_can_write(scene.stream));
	stream_set_high_water_mark(scene.stream, waiting);
	ck_assert(!stream_can_write(scene.stream));
	/* The mark is advice: the stream still takes a write. */
	ck_assert_int_eq(stream_write(scene.stream, data, 1, NULL), 0);
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), waiting + 1);
	peer_open(&peer, scene.far);
	loop_until(heard(&scene.rec, "DRAIN"));
	ck_assert(stream_can_write(scene.stream));
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), 0);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	loop_until(peer.n_received == sizeof(data) + 1);
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

START_TEST(bytes_read_and_bytes_written_are_counted)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_uint_eq(stream_read_ns(scene.stream), 0);
	ck_assert_uint_eq(stream_written_ns(scene.stream), 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	if (wire_reads(TEST_KIND)) {
		peer_send(scene.far, "12345");
		loop_until(stream_bytes_read(scene.stream) == 5);
		ck_assert_uint_gt(stream_read_ns(scene.stream), 0);
		ck_assert_uint_le(stream_read_ns(scene.stream), clock_ns());
	}
	if (wire_writes(TEST_KIND)) {
		ck_assert_int_eq(stream_write(scene.stream, "123", 3, NULL), 0);
		ck_assert_uint_eq(stream_bytes_written(scene.stream), 3);
		ck_assert_uint_gt(stream_written_ns(scene.stream), 0);
	}
	/* The counters outlive the close. */
	stream_close(scene.stream);
	loop_settle();
	ck_assert_uint_eq(stream_bytes_read(scene.stream), wire_reads(TEST_KIND) ? 5 : 0);
	ck_assert_uint_eq(stream_bytes_written(scene.stream), wire_writes(TEST_KIND) ? 3 : 0);
	scene_close(&scene);
}
END_TEST

static void add_reactor_tests(TCase *tc)
{
	tcase_add_wire_test(tc, reactor_is_the_threads_own_by_default);
	tcase_add_wire_test(tc, reactor_may_be_set_until_the_first_start);
	tcase_add_wire_test(tc, reactor_may_be_set_after_a_write_too);
	tcase_add_wire_test(tc, reactor_null_is_the_threads_own);
	tcase_add_wire_test(tc, reactor_that_cannot_be_had_leaves_the_stream_where_it_was);
	tcase_add_wire_test(tc, reactor_that_cannot_be_made_fails_the_start);
	tcase_add_wire_test(tc, reactor_is_running_and_start);
	tcase_add_wire_test(tc, reactor_returns_when_the_last_stream_is_closed);
}

static void add_other_tests(TCase *tc)
{
	tcase_add_wire_test(tc, fd_is_minus_1_once_closed_or_stolen);
	tcase_add_wire_test(tc, timeout_is_15_s_by_default);
	tcase_add_wire_test(tc, timeout_set_before_the_first_start_runs_from_then);
	tcase_add_wire_test(tc, timeout_of_a_stream_that_only_writes);
	tcase_add_wire_test(tc, timeout_0_is_never);
	tcase_add_wire_test(tc, timeout_set_anew_restarts_the_clock);
	tcase_add_wire_test(tc, timeout_is_restarted_by_bytes_read);
	tcase_add_wire_test(tc, timeout_is_restarted_by_bytes_written);
	tcase_add_wire_test(tc, timeout_looks_at_what_the_kernel_holds_first);
	tcase_add_wire_test(tc, timeout_goes_on_while_stopped);
	tcase_add_wire_test(tc, high_water_mark_is_1_mib_by_default);
	tcase_add_wire_test(tc, can_write_is_false_from_the_mark_on);
	tcase_add_wire_test(tc, bytes_read_and_bytes_written_are_counted);
}

int main(void)
{
	Suite *suite = suite_create("stream_contract_attributes");
	TCase *reactor = tcase_create("reactor");
	TCase *other = tcase_create("other");

	suite_add_tcase(suite, reactor);
	tcase_add_checked_fixture(reactor, fixture_setup, fixture_teardown);
	add_reactor_tests(reactor);
	suite_add_tcase(suite, other);
	tcase_add_checked_fixture(other, fixture_setup, fixture_teardown);
	add_other_tests(other);
	return suite_run(suite);
}
