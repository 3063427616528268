/* SPDX-License-Identifier: ISC */
/*
 * Tests of a stream that looks at its input before it reads: the input then stays, is thrown away,
 * or is taken by hand.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fault.h"
#include "fixture.h"
#include "suite.h"

static struct scene scene;
static struct handler input;
static unsigned n_input;
static unsigned n_recv;

ssize_t __wrap_recv(int fd, void *buffer, size_t len, int flags);
ssize_t __real_recv(int fd, void *buffer, size_t len, int flags);

ssize_t __wrap_recv(int fd, void *buffer, size_t len, int flags)
{
	n_recv++;
	if (fault_strikes("recv", FAULT_BYTES, EIO)) {
		return -1;
	}
	return __real_recv(fd, buffer, len, flags);
}

static void on_input(struct handler *handler, const struct event *event)
{
	(void)handler;
	ck_assert_uint_eq(event->type, STREAM_INPUT);
	n_input++;
}

/** Opens a stream that is watched but not read, as that of a client that waits for its server. */
static void look_at(enum wire_kind kind)
{
	scene_open(&scene, kind, STREAM_HALF_OPEN);
	stream_off(scene.stream, &scene.rec.handler);
	recorder_on(&scene.rec, scene.stream, STREAM_ALL_EVENTS);
	input = (struct handler){.call = on_input};
	n_input = 0;
	ck_assert_int_eq(stream_on(scene.stream, STREAM_INPUT, &input), 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_stop(scene.stream);
	n_recv = 0;
}

static void close_both(void)
{
	stream_off(scene.stream, &input);
	scene_close(&scene);
}

/** stream_peek() must show these bytes of the waiting input, at most `max`. */
static void assert_shows(size_t max, const char *expected)
{
	const void *bytes = NULL;
	ssize_t n = stream_peek(scene.stream, &bytes, max);

	ck_assert_int_eq(n, (ssize_t)strlen(expected));
	ck_assert(memcmp(bytes, expected, (size_t)n) == 0);
}

START_TEST(input_is_told_once_for_what_comes_and_not_read)
{
	if (!wire_is_socket(TEST_KIND)) {
		return;
	}
	look_at(TEST_KIND);
	loop_settle();
	ck_assert_uint_eq(n_input, 0); /* room to write is no INPUT */
	peer_send(scene.far, "he");
	loop_until(n_input == 1);
	assert_shows(64, "he");
	/* Input that was looked at does not wake the loop again. */
	for (unsigned i = 0; i < 5; i++) {
		loop_settle();
	}
	ck_assert_uint_eq(n_input, 1);
	ck_assert_uint_eq(n_recv, 1);
	peer_send(scene.far, "llo");
	loop_until(n_input == 2);
	assert_shows(64, "hello");
	assert_shows(4, "hell");
	ck_assert_uint_eq(stream_bytes_read(scene.stream), 0);
	ck_assert_uint_eq(stream_read_ns(scene.stream), 0);
	scene_heard(&scene, "");
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 5);
	ck_assert_str_eq(scene.rec.text, "hello");
	ck_assert_uint_eq(n_input, 2); /* a stream that reads emits READ instead */
	close_both();
}
END_TEST

START_TEST(what_is_thrown_away_was_never_there)
{
	look_at(WIRE_TCP);
	peer_send(scene.far, "headerdata");
	loop_until(n_input == 1);
	assert_shows(64, "headerdata");
	ck_assert_int_eq(stream_skip(scene.stream, 6, false), 0);
	assert_shows(64, "data");
	ck_assert_uint_eq(stream_bytes_read(scene.stream), 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 4);
	ck_assert_str_eq(scene.rec.text, "data");
	close_both();
}
END_TEST

START_TEST(when_all_was_thrown_away_nothing_is_asked_again)
{
	look_at(WIRE_TCP);
	peer_send(scene.far, "header");
	loop_until(n_input == 1);
	assert_shows(64, "header");
	ck_assert_int_eq(stream_skip(scene.stream, 6, true), 0);
	n_recv = 0;
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_settle();
	ck_assert_uint_eq(n_recv, 0);
	peer_send(scene.far, "data");
	loop_until(scene.rec.n_read == 4);
	ck_assert_uint_eq(n_recv, 1);
	close_both();
}
END_TEST

START_TEST(bytes_that_come_between_peek_and_skip_are_read)
{
	look_at(WIRE_TCP);
	peer_send(scene.far, "header");
	loop_until(n_input == 1);
	assert_shows(64, "header");
	peer_send(scene.far, "data");
	ck_assert_int_eq(stream_skip(scene.stream, 6, true), 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 4);
	ck_assert_str_eq(scene.rec.text, "data");
	close_both();
}
END_TEST

START_TEST(an_end_behind_all_that_was_thrown_away_is_told)
{
	look_at(WIRE_TCP);
	peer_send(scene.far, "header");
	shutdown(scene.far, SHUT_WR);
	loop_until(stream_input_is_over(scene.stream));
	assert_shows(64, "header");
	ck_assert_int_eq(stream_skip(scene.stream, 6, true), 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(heard(&scene.rec, "END"));
	ck_assert_uint_eq(scene.rec.n_read, 0);
	close_both();
}
END_TEST

START_TEST(what_is_taken_by_hand_is_not_read)
{
	char text[8] = "";

	if (!wire_is_socket(TEST_KIND)) {
		return;
	}
	look_at(TEST_KIND);
	peer_send(scene.far, "ab");
	peer_send(scene.far, "cd");
	loop_until(stream_unread(scene.stream) == 4);
	ck_assert_int_eq(stream_take(scene.stream, text, 3), 3);
	ck_assert_str_eq(text, "abc");
	ck_assert_int_eq(stream_take(scene.stream, text, 8), 1);
	ck_assert_int_eq(stream_take(scene.stream, text, 8), -EAGAIN);
	loop_settle();
	n_input = 0;
	peer_send(scene.far, "e");
	loop_until(n_input == 1);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 1);
	ck_assert_str_eq(scene.rec.text, "e");
	close_both();
}
END_TEST

START_TEST(an_end_is_input_too)
{
	const void *bytes;

	if (!wire_is_socket(TEST_KIND)) {
		return;
	}
	look_at(TEST_KIND);
	peer_send(scene.far, "x");
	loop_until(n_input == 1);
	ck_assert(!stream_input_is_over(scene.stream));
	shutdown(scene.far, SHUT_WR);
	loop_until(n_input == 2);
	ck_assert(stream_input_is_over(scene.stream));
	assert_shows(64, "x");
	ck_assert_int_eq(stream_take(scene.stream, (char[8]){0}, 8), 1);
	ck_assert_int_eq(stream_peek(scene.stream, &bytes, 64), 0);
	ck_assert(!stream_has_ended(scene.stream)); /* the end of input has not been read */
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(heard(&scene.rec, "END"));
	close_both();
}
END_TEST

START_TEST(a_reset_is_told_as_ever_and_is_no_input)
{
	const void *bytes;

	look_at(WIRE_TCP);
	peer_send(scene.far, "x");
	loop_until(n_input == 1);
	peer_reset(scene.far);
	scene.far = -1;
	loop_until(heard(&scene.rec, "HANGUP:ECONNRESET"));
	ck_assert_uint_eq(n_input, 1);
	ck_assert_int_eq(stream_peek(scene.stream, &bytes, 64), -ECONNRESET);
	ck_assert_int_eq(stream_skip(scene.stream, 1, true), -ECONNRESET);
	close_both();
}
END_TEST

START_TEST(a_look_that_fails_is_the_streams_failure)
{
	const void *bytes;

	look_at(WIRE_TCP);
	peer_send(scene.far, "x");
	loop_until(n_input == 1);
	fault_only(FAULT_BYTES);
	fault_arm(1);
	ck_assert_int_eq(stream_peek(scene.stream, &bytes, 64), -EIO);
	ck_assert(fault_disarm());
	ck_assert_int_eq(stream_cause(scene.stream), -EIO);
	loop_until(heard(&scene.rec, "HANGUP:EIO"));
	close_both();
}
END_TEST

START_TEST(what_is_no_connected_socket_is_not_looked_at)
{
	const void *bytes;
	char text[1];

	scene_open(&scene, WIRE_PIPE_IN, 0);
	ck_assert_int_eq(stream_peek(scene.stream, &bytes, 1), -EINVAL);
	ck_assert_int_eq(stream_take(scene.stream, text, 1), -EINVAL);
	scene_close(&scene);
	scene_open(&scene, WIRE_UNIX, 0);
	peer_send(scene.far, "x");
	ck_assert_int_eq(stream_skip(scene.stream, 1, false), -EINVAL);
	ck_assert_int_eq(stream_take(scene.stream, text, 1), 1);
	scene_close(&scene);
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_skip(scene.stream, 1, false), -EAGAIN);
	scene_close(&scene);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_look");
	TCase *tc = tcase_create("look");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, input_is_told_once_for_what_comes_and_not_read, 0, WIRE_KINDS);
	tcase_add_test(tc, what_is_thrown_away_was_never_there);
	tcase_add_test(tc, when_all_was_thrown_away_nothing_is_asked_again);
	tcase_add_test(tc, bytes_that_come_between_peek_and_skip_are_read);
	tcase_add_test(tc, an_end_behind_all_that_was_thrown_away_is_told);
	tcase_add_loop_test(tc, what_is_taken_by_hand_is_not_read, 0, WIRE_KINDS);
	tcase_add_loop_test(tc, an_end_is_input_too, 0, WIRE_KINDS);
	tcase_add_test(tc, a_reset_is_told_as_ever_and_is_no_input);
	tcase_add_test(tc, a_look_that_fails_is_the_streams_failure);
	tcase_add_test(tc, what_is_no_connected_socket_is_not_looked_at);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
