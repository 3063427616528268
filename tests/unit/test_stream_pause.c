/* SPDX-License-Identifier: ISC */
/* Tests of the reasons not to read: each owner has its own, and none undoes another owner's. */
#include <errno.h>

#include "fixture.h"
#include "suite.h"

enum { RATE = STREAM_OWN_PAUSE, PREFACE = STREAM_OWN_PAUSE << 1 };

static struct scene scene;

static void nothing_is_read(void)
{
	loop_settle();
	ck_assert_uint_eq(scene.rec.n_read, 0);
}

START_TEST(reading_goes_on_when_the_last_reason_is_gone)
{
	static const unsigned reasons[] = {
		STREAM_STOPPED, STREAM_BACKPRESSURE, RATE, PREFACE, 1 << 7};
	unsigned left = 0;

	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	for (unsigned i = 0; i < 5; i++) {
		left |= reasons[i];
		ck_assert_int_eq(stream_pause(scene.stream, reasons[i]), 0);
		ck_assert_int_eq(stream_pause(scene.stream, reasons[i]), 0); /* idempotent */
		ck_assert_uint_eq(stream_pauses(scene.stream), left);
	}
	peer_send(scene.far, "hello");
	for (unsigned i = 0; i < 5; i++) {
		nothing_is_read();
		left &= ~reasons[i];
		ck_assert_int_eq(stream_resume(scene.stream, reasons[i]), 0);
		ck_assert_int_eq(stream_resume(scene.stream, reasons[i]), 0);
		ck_assert_uint_eq(stream_pauses(scene.stream), left);
	}
	loop_until(scene.rec.n_read == 5);
	scene_close(&scene);
}
END_TEST

START_TEST(several_reasons_come_and_go_at_once)
{
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_pause(scene.stream, RATE | PREFACE), 0);
	peer_send(scene.far, "hello");
	ck_assert_int_eq(stream_resume(scene.stream, PREFACE), 0);
	nothing_is_read();
	ck_assert_int_eq(stream_resume(scene.stream, RATE | PREFACE), 0);
	loop_until(scene.rec.n_read == 5);
	scene_close(&scene);
}
END_TEST

START_TEST(start_and_stop_are_one_reason_of_many)
{
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_uint_eq(stream_pauses(scene.stream), STREAM_STOPPED);
	ck_assert_int_eq(stream_pause(scene.stream, STREAM_BACKPRESSURE), 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert(stream_is_started(scene.stream));
	ck_assert_uint_eq(stream_pauses(scene.stream), STREAM_BACKPRESSURE);
	peer_send(scene.far, "hello");
	nothing_is_read();
	stream_stop(scene.stream);
	ck_assert(!stream_is_started(scene.stream));
	ck_assert_int_eq(stream_resume(scene.stream, STREAM_BACKPRESSURE), 0);
	nothing_is_read();
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 5);
	scene_close(&scene);
}
END_TEST

START_TEST(a_resume_does_not_start)
{
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_resume(scene.stream, STREAM_BACKPRESSURE), 0);
	peer_send(scene.far, "hello");
	nothing_is_read();
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(scene.rec.n_read == 5);
	scene_close(&scene);
}
END_TEST

static void pause_self(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	if (event->type == STREAM_READ) {
		ck_assert_int_eq(stream_pause(event->stream, RATE), 0);
	}
}

START_TEST(a_pause_in_the_handler_is_heeded_at_once)
{
	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	scene.rec.act = pause_self;
	stream_set_read_max(scene.stream, 1);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "ab");
	loop_until(scene.rec.n_read == 1);
	loop_settle();
	ck_assert_uint_eq(scene.rec.n_read, 1);
	ck_assert_int_eq(stream_resume(scene.stream, RATE), 0);
	loop_until(scene.rec.n_read == 2);
	scene_close(&scene);
}
END_TEST

START_TEST(a_pause_lets_writing_go_on)
{
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_pause(scene.stream, RATE), 0);
	ck_assert_int_eq(stream_write(scene.stream, "hello", 5, NULL), 0);
	loop_until(heard(&scene.rec, "DRAIN"));
	scene_close(&scene);
}
END_TEST

START_TEST(a_stream_that_fails_while_paused_is_closed_at_once)
{
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_pause(scene.stream, RATE), 0);
	peer_send(scene.far, "unread");
	peer_reset(scene.far);
	scene.far = -1;
	loop_until(heard(&scene.rec, "CLOSE:ECONNRESET"));
	ck_assert_uint_eq(scene.rec.n_read, 0);
	scene_close(&scene);
}
END_TEST

START_TEST(a_half_open_stream_that_fails_while_paused_keeps_its_input)
{
	scene_open(&scene, WIRE_UNIX, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_pause(scene.stream, RATE | PREFACE), 0);
	peer_send(scene.far, "hello");
	scene_far_close(&scene);
	loop_until(heard(&scene.rec, "HANGUP"));
	ck_assert_int_eq(stream_resume(scene.stream, RATE), 0);
	nothing_is_read();
	ck_assert_int_eq(stream_resume(scene.stream, PREFACE), 0);
	loop_until(scene.rec.n_read == 5);
	scene_close(&scene);
}
END_TEST

START_TEST(what_is_no_reason_or_no_stream_is_refused)
{
	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_pause(scene.stream, 1 << 8), -EINVAL);
	ck_assert_int_eq(stream_resume(scene.stream, 1 << 8 | RATE), -EINVAL);
	ck_assert_uint_eq(stream_pauses(scene.stream), STREAM_STOPPED);
	stream_close(scene.stream);
	ck_assert_int_eq(stream_pause(scene.stream, RATE), -EBADF);
	ck_assert_int_eq(stream_resume(scene.stream, RATE), -EBADF);
	scene_close(&scene);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_pause");
	TCase *tc = tcase_create("reasons");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_wire_test(tc, reading_goes_on_when_the_last_reason_is_gone);
	tcase_add_test(tc, several_reasons_come_and_go_at_once);
	tcase_add_test(tc, start_and_stop_are_one_reason_of_many);
	tcase_add_test(tc, a_resume_does_not_start);
	tcase_add_wire_test(tc, a_pause_in_the_handler_is_heeded_at_once);
	tcase_add_test(tc, a_pause_lets_writing_go_on);
	tcase_add_test(tc, a_stream_that_fails_while_paused_is_closed_at_once);
	tcase_add_test(tc, a_half_open_stream_that_fails_while_paused_keeps_its_input);
	tcase_add_test(tc, what_is_no_reason_or_no_stream_is_refused);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
