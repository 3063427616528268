/* SPDX-License-Identifier: ISC */
/*
 * Tests of the contract of streams (docs/STREAM.md), second part: the events except WRITE and
 * DRAIN. The name of each test begins with the word of the contract that it is about. Each test
 * runs on every kind of wire on which it makes sense.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

static struct scene scene;

START_TEST(read_gives_the_bytes)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "hello, ");
	loop_until(scene.rec.n_read == 7);
	peer_send(scene.far, "world");
	loop_until(scene.rec.n_read == 12);
	ck_assert_str_eq(scene.rec.text, "hello, world");
	ck_assert_uint_ge(scene.rec.n_events, 2);
	scene_heard(&scene, "READ");
	scene_close(&scene);
}
END_TEST

START_TEST(timeout_is_followed_by_close)
{
	uint64_t began;

	scene_open(&scene, TEST_KIND, 0);
	began = clock_ns();
	stream_set_timeout(scene.stream, 0.03);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(heard(&scene.rec, "TIMEOUT"));
	ck_assert_uint_ge(clock_ns() - began, 30 * NS_PER_MS);
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "TIMEOUT CLOSE");
	ck_assert_int_eq(stream_cause(scene.stream), 0);
	ck_assert_int_eq(stream_fd(scene.stream), -1);
	loop_settle();
	scene_heard(&scene, "TIMEOUT CLOSE");
	scene_close(&scene);
}
END_TEST

/**
 * The recorder must have got these events, after a READ if the stream can read: before it reports
 * that it has failed, it reads its input to the end, which is here the byte of scene_break().
 */
static void heard_broken(const char *expected)
{
	const char *after = scene.rec.events;

	if (wire_reads(scene.kind)) {
		ck_assert(strncmp(after, "READ ", 5) == 0);
		after += 5;
	}
	ck_assert_str_eq(after, expected);
}

START_TEST(error_is_followed_by_close)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	scene_break(&scene, ETIMEDOUT);
	loop_until(heard(&scene.rec, "CLOSE"));
	heard_broken("ERROR:ETIMEDOUT CLOSE:ETIMEDOUT");
	ck_assert_int_eq(stream_cause(scene.stream), -ETIMEDOUT);
	loop_settle();
	heard_broken("ERROR:ETIMEDOUT CLOSE:ETIMEDOUT");
	scene_close(&scene);
}
END_TEST

START_TEST(error_is_not_told_for_a_reset)
{
	static const int plain[] = {ECONNRESET, EPIPE};

	for (int i = 0; i < 2; i++) {
		scene_open(&scene, TEST_KIND, 0);
		ck_assert_int_eq(stream_start(scene.stream), 0);
		scene_break(&scene, plain[i]);
		loop_until(heard(&scene.rec, "CLOSE"));
		heard_broken(i == 0 ? "CLOSE:ECONNRESET" : "CLOSE:EPIPE");
		ck_assert_int_eq(stream_cause(scene.stream), -plain[i]);
		scene_close(&scene);
	}
}
END_TEST

START_TEST(close_is_told_once_with_0_for_an_own_close)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_close(scene.stream);
	stream_close(scene.stream);
	loop_until(heard(&scene.rec, "CLOSE"));
	stream_close(scene.stream);
	loop_settle();
	scene_heard(&scene, "CLOSE");
	ck_assert_int_eq(scene.rec.error, 0);
	ck_assert_int_eq(stream_cause(scene.stream), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(close_is_told_with_0_for_the_end_of_input)
{
	/* A terminal that hangs up drops its unread input, so the words may be lost. */
	if (!wire_reads(TEST_KIND) || TEST_KIND == WIRE_TTY) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "last words");
	scene_far_close(&scene);
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "READ CLOSE");
	ck_assert_str_eq(scene.rec.text, "last words");
	ck_assert_int_eq(stream_cause(scene.stream), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(close_is_told_with_the_cause_of_a_reset)
{
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_settle();
	peer_reset(scene.far);
	scene.far = -1;
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "CLOSE:ECONNRESET");
	ck_assert_int_eq(stream_cause(scene.stream), -ECONNRESET);
	scene_close(&scene);
}
END_TEST

START_TEST(close_is_told_with_epipe_when_nobody_reads_any_more)
{
	if (TEST_KIND != WIRE_PIPE_OUT && TEST_KIND != WIRE_UNIX && TEST_KIND != WIRE_SOCKETPAIR) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	scene_far_close(&scene);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), -EPIPE);
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "CLOSE:EPIPE");
	scene_close(&scene);
}
END_TEST

START_TEST(close_is_last_after_write_and_drain)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	stream_close_gracefully(scene.stream);
	loop_until(heard(&scene.rec, "CLOSE"));
	loop_settle();
	scene_heard(&scene, "WRITE DRAIN CLOSE");
	scene_close(&scene);
}
END_TEST

START_TEST(close_is_not_told_after_steal_handle)
{
	int fd;

	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	fd = stream_steal_handle(scene.stream);
	ck_assert_int_ge(fd, 0);
	stream_close(scene.stream);
	loop_settle();
	scene_heard(&scene, "");
	close(fd);
	scene_close(&scene);
}
END_TEST

START_TEST(close_comes_in_the_turn_of_the_call)
{
	uint64_t turn;

	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_settle();
	turn = loop_turns(test_loop);
	stream_close(scene.stream);
	ck_assert_int_eq(stream_fd(scene.stream), -1);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_uint_eq(loop_turns(test_loop), turn + 1);
	scene_close(&scene);
}
END_TEST

START_TEST(end_on_half_open_streams)
{
	if (!wire_reads(TEST_KIND) || TEST_KIND == WIRE_TTY) {
		return;
	}
	scene_open(&scene, TEST_KIND, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "last words");
	if (wire_is_socket(TEST_KIND)) {
		ck_assert_int_eq(shutdown(scene.far, SHUT_WR), 0);
	} else {
		scene_far_close(&scene);
	}
	ck_assert(!stream_has_ended(scene.stream));
	loop_until(heard(&scene.rec, "END"));
	ck_assert(stream_has_ended(scene.stream));
	ck_assert_str_eq(scene.rec.text, "last words");
	loop_settle();
	ck_assert(!heard(&scene.rec, "CLOSE"));
	ck_assert_int_ge(stream_fd(scene.stream), 0);
	if (wire_is_socket(TEST_KIND)) {
		char text[8] = "";

		scene_heard(&scene, "READ END");
		ck_assert_int_eq(stream_write(scene.stream, "answer", 6, NULL), 0);
		ck_assert_int_eq(peer_recv(scene.far, text, sizeof(text) - 1), 6);
		ck_assert_str_eq(text, "answer");
	}
	scene_close(&scene);
}
END_TEST

/* Each call here causes an event, which is emitted later. */
START_TEST(no_event_is_emitted_from_inside_a_call)
{
	scene_open(&scene, TEST_KIND, 0);
	if (wire_reads(TEST_KIND)) {
		peer_send(scene.far, "x");
	}
	ck_assert_int_eq(stream_start(scene.stream), 0);
	(void)stream_is_readable(scene.stream);
	stream_stop(scene.stream);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	if (wire_writes(TEST_KIND)) {
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	}
	stream_set_timeout(scene.stream, 1e-9);
	stream_shutdown(scene.stream);
	stream_close_gracefully(scene.stream);
	ck_assert_str_eq(scene.rec.events, "");
	stream_close(scene.stream);
	ck_assert_str_eq(scene.rec.events, "");
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_close(&scene);
}
END_TEST

static void add_event_tests(TCase *tc)
{
	tcase_add_wire_test(tc, read_gives_the_bytes);
	tcase_add_wire_test(tc, timeout_is_followed_by_close);
	tcase_add_wire_test(tc, error_is_followed_by_close);
	tcase_add_wire_test(tc, error_is_not_told_for_a_reset);
	tcase_add_wire_test(tc, close_is_told_once_with_0_for_an_own_close);
	tcase_add_wire_test(tc, close_is_told_with_0_for_the_end_of_input);
	tcase_add_test(tc, close_is_told_with_the_cause_of_a_reset);
	tcase_add_wire_test(tc, close_is_told_with_epipe_when_nobody_reads_any_more);
	tcase_add_wire_test(tc, close_is_last_after_write_and_drain);
	tcase_add_wire_test(tc, close_is_not_told_after_steal_handle);
	tcase_add_wire_test(tc, close_comes_in_the_turn_of_the_call);
	tcase_add_wire_test(tc, end_on_half_open_streams);
	tcase_add_wire_test(tc, no_event_is_emitted_from_inside_a_call);
}

int main(void)
{
	Suite *suite = suite_create("stream_contract_events");
	TCase *tc = tcase_create("events");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	add_event_tests(tc);
	return suite_run(suite);
}
