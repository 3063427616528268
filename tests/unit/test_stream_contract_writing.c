/* SPDX-License-Identifier: ISC */
/*
 * Tests of the contract of streams (docs/STREAM.md), sixth part: the events of written bytes, WRITE
 * and DRAIN. The name of each test begins with the word of the contract that it is about. Each test
 * runs on every kind of wire on which it makes sense.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "suite.h"

static struct scene scene;

START_TEST(write_tells_what_the_kernel_took)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, "hello", 5, NULL), 0);
	ck_assert_int_eq(stream_write(scene.stream, "", 0, NULL), 0);
	scene_heard(&scene, "");
	loop_until(scene.rec.n_write == 5);
	ck_assert(strncmp(scene.rec.events, "WRITE", 5) == 0);
	scene_close(&scene);
}
END_TEST

START_TEST(write_is_told_for_what_had_to_wait)
{
	enum { LEN = 100 * 1000 };
	struct peer peer;
	char *data = malloc(LEN);

	if (wire_writes(TEST_KIND)) {
		pattern_fill(data, 0, LEN);
		scene_open_tiny(&scene, TEST_KIND, 0);
		peer_open(&peer, scene.far);
		peer.is_pattern = true;
		ck_assert_int_eq(stream_write(scene.stream, data, LEN, NULL), 0);
		ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
		loop_until(peer.n_received == LEN && scene.rec.n_write == LEN);
		loop_until(heard(&scene.rec, "DRAIN"));
		scene_heard(&scene, "WRITE DRAIN");
		scene.far = peer_release(&peer);
		scene_close(&scene);
	}
	free(data);
}
END_TEST

START_TEST(write_tells_which_bytes)
{
	char first[] = "hello, ";

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, first, 7, NULL), 0);
	memset(first, 'x', sizeof(first)); /* the stream has a copy */
	ck_assert_int_eq(stream_write(scene.stream, "world", 5, NULL), 0);
	loop_until(scene.rec.n_write == 12);
	ck_assert_str_eq(scene.rec.written, "hello, world");
	ck_assert_uint_eq(scene.rec.n_unseen, 0);
	scene_close(&scene);
}
END_TEST

/** Writes small and large pieces, with and without waiting. WRITE has each byte once, in order. */
START_TEST(write_tells_all_bytes_in_order)
{
	enum { LEN = 300 * 1000 };
	unsigned char *piece = malloc(LEN);
	struct peer peer;
	size_t written = 0;

	if (wire_writes(TEST_KIND)) {
		scene_open_tiny(&scene, TEST_KIND, 0);
		scene.rec.is_pattern = true;
		peer_open(&peer, scene.far);
		peer.is_pattern = true;
		for (size_t len = 1; written < LEN; len = len * 3 % 20011) {
			pattern_fill(piece, written, len);
			ck_assert_int_eq(stream_write(scene.stream, piece, len, NULL), 0);
			written += len;
			if (written % 4 == 0) {
				fixture_turn(__FILE__, __LINE__, "a turn");
			}
		}
		loop_until(peer.n_received == written && scene.rec.n_write == written);
		ck_assert_uint_eq(scene.rec.n_unseen, 0);
		scene.far = peer_release(&peer);
		scene_close(&scene);
	}
	free(piece);
}
END_TEST

static void close_in_write(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	if (event->type == STREAM_WRITE) {
		stream_close(event->stream);
	}
}

static void free_in_write(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	if (event->type == STREAM_WRITE) {
		scene.stream = stream_free(event->stream);
	}
}

static void fail_in_write(struct recorder *recorder, const struct event *event)
{
	recorder->act = NULL;
	stream_shutdown(event->stream);
	if (wire_is_socket(scene.kind)) {
		peer_reset(scene.far);
		scene.far = -1;
	} else {
		scene_far_close(&scene);
	}
}

/** Whatever a handler does to the stream, except to free it, the handlers after it still get the
 * bytes. */
START_TEST(write_lends_its_bytes_for_the_whole_event)
{
	void (*const acts[])(struct recorder *, const struct event *) = {
		close_in_write, free_in_write, fail_in_write};
	char data[60 * 1000];
	struct recorder second;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	pattern_fill(data, 0, sizeof(data));
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		for (size_t len = 10; len <= sizeof(data); len += sizeof(data) - 10) {
			scene_open_tiny(&scene, TEST_KIND, 0);
			scene.rec.act = acts[i];
			recorder_on(&second, scene.stream, STREAM_WRITE);
			second.is_pattern = true;
			ck_assert_int_eq(stream_write(scene.stream, data, len, NULL), 0);
			loop_settle();
			ck_assert_uint_eq(
				second.n_write, acts[i] == free_in_write ? 0 : scene.rec.n_write);
			ck_assert_uint_gt(scene.rec.n_write, 0);
			scene_close(&scene);
		}
	}
}
END_TEST

START_TEST(write_is_told_before_the_end_of_a_stream_that_fails)
{
	char data[60 * 1000] = "";

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
	fault_only_call("malloc");
	fault_arm(1);
	while (stream_write(scene.stream, data, sizeof(data), NULL) == 0) {
	}
	ck_assert(fault_disarm());
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_uint_eq(scene.rec.n_write, stream_bytes_written(scene.stream));
	scene_heard(&scene, "WRITE ERROR:ENOMEM CLOSE:ENOMEM");
	scene_close(&scene);
}
END_TEST

START_TEST(write_may_miss_what_came_before_the_subscription)
{
	struct recorder rec;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	stream_off(scene.stream, &scene.rec.handler);
	ck_assert_int_eq(stream_write(scene.stream, "before", 6, NULL), 0);
	recorder_on(&rec, scene.stream, STREAM_WRITE);
	ck_assert_int_eq(stream_write(scene.stream, "after", 5, NULL), 0);
	loop_until(rec.n_write == 5);
	loop_settle();
	ck_assert_str_eq(rec.written, "after");
	scene_close(&scene);
}
END_TEST

START_TEST(drain_when_everything_is_out)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, "a", 1, NULL), 0);
	ck_assert_int_eq(stream_write(scene.stream, "b", 1, NULL), 0);
	scene_heard(&scene, "");
	loop_until(heard(&scene.rec, "DRAIN"));
	scene_heard(&scene, "WRITE DRAIN");
	loop_settle();
	scene_heard(&scene, "WRITE DRAIN");
	scene_close(&scene);
}
END_TEST

static struct recorder late;

/** Subscribes `late` to DRAIN, in the handler of the first event. */
static void subscribe_late(struct recorder *recorder, const struct event *event)
{
	recorder->act = NULL;
	if (late.handler.call == NULL) {
		recorder_on(&late, event->stream, STREAM_DRAIN);
	}
}

START_TEST(drain_is_heard_by_who_subscribes_after_the_write)
{
	for (int i = 0; i < 3; i++) {
		if (!wire_writes(TEST_KIND)) {
			return;
		}
		memset(&late, 0, sizeof(late));
		scene_open(&scene, TEST_KIND, 0);
		stream_off(scene.stream, &scene.rec.handler);
		if (i == 1) {
			/* A handler of another event subscribes `late` in the same turn. */
			recorder_on(&scene.rec, scene.stream, STREAM_WRITE);
			scene.rec.act = subscribe_late;
		}
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
		if (i == 0) {
			ck_assert(!stream_is_writing(scene.stream));
			recorder_on(&late, scene.stream, STREAM_DRAIN);
			ck_assert(stream_is_writing(scene.stream));
			ck_assert_uint_eq(late.n_events, 0);
		} else if (i == 2) {
			recorder_on(&late, scene.stream, STREAM_DRAIN);
			stream_off(scene.stream, &late.handler);
			stream_once(scene.stream, STREAM_DRAIN, &late.handler);
		}
		loop_until(late.n_events == 1);
		loop_settle();
		ck_assert_uint_eq(late.n_events, 1);
		scene_close(&scene);
	}
}
END_TEST

static void write_and_subscribe(struct recorder *recorder, const struct event *event)
{
	recorder->act = NULL;
	ck_assert_int_eq(stream_write(event->stream, "x", 1, NULL), 0);
	recorder_on(&late, event->stream, STREAM_DRAIN);
}

START_TEST(drain_is_heard_by_who_writes_and_subscribes_in_a_handler)
{
	if (!wire_writes(TEST_KIND) || !wire_reads(TEST_KIND)) {
		return;
	}
	memset(&late, 0, sizeof(late));
	scene_open(&scene, TEST_KIND, 0);
	stream_off(scene.stream, &scene.rec.handler);
	recorder_on(&scene.rec, scene.stream, STREAM_READ);
	scene.rec.act = write_and_subscribe;
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "x");
	loop_until(late.n_events == 1);
	scene_close(&scene);
}
END_TEST

/** A handler that subscribes while DRAIN is emitted, or in a later turn, gets no DRAIN. */
START_TEST(drain_that_is_over_is_not_heard)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	for (int i = 0; i < 2; i++) {
		memset(&late, 0, sizeof(late));
		scene_open(&scene, TEST_KIND, 0);
		stream_off(scene.stream, &scene.rec.handler);
		if (i == 1) {
			recorder_on(&scene.rec, scene.stream, STREAM_DRAIN);
			scene.rec.act = subscribe_late;
		}
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
		loop_settle();
		if (i == 0) {
			recorder_on(&late, scene.stream, STREAM_DRAIN);
			ck_assert(!stream_is_writing(scene.stream));
			loop_settle();
		}
		ck_assert_uint_eq(late.n_events, 0);
		scene_close(&scene);
	}
}
END_TEST

static size_t waiting_at_drain;

static void note_waiting(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	waiting_at_drain = stream_bytes_waiting(event->stream);
}

START_TEST(drain_waits_for_the_last_byte)
{
	struct recorder drain;
	size_t written = 0;
	char data[4096] = "";
	struct peer peer;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	waiting_at_drain = 1;
	scene_open_tiny(&scene, TEST_KIND, 0);
	recorder_on(&drain, scene.stream, STREAM_DRAIN);
	drain.act = note_waiting;
	while (stream_bytes_waiting(scene.stream) < 50 * sizeof(data)) {
		ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
		written += sizeof(data);
	}
	loop_settle();
	ck_assert(!heard(&scene.rec, "DRAIN"));
	peer_open(&peer, scene.far);
	loop_until(drain.n_events == 1);
	ck_assert_uint_eq(waiting_at_drain, 0);
	loop_until(peer.n_received == written);
	ck_assert_uint_eq(drain.n_events, 1);
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

static void add_writing_tests(TCase *tc)
{
	tcase_add_wire_test(tc, write_tells_what_the_kernel_took);
	tcase_add_wire_test(tc, write_is_told_for_what_had_to_wait);
	tcase_add_wire_test(tc, write_tells_which_bytes);
	tcase_add_wire_test(tc, write_tells_all_bytes_in_order);
	tcase_add_wire_test(tc, write_lends_its_bytes_for_the_whole_event);
	tcase_add_wire_test(tc, write_is_told_before_the_end_of_a_stream_that_fails);
	tcase_add_wire_test(tc, write_may_miss_what_came_before_the_subscription);
	tcase_add_wire_test(tc, drain_when_everything_is_out);
	tcase_add_wire_test(tc, drain_is_heard_by_who_subscribes_after_the_write);
	tcase_add_wire_test(tc, drain_is_heard_by_who_writes_and_subscribes_in_a_handler);
	tcase_add_wire_test(tc, drain_that_is_over_is_not_heard);
	tcase_add_wire_test(tc, drain_waits_for_the_last_byte);
}

int main(void)
{
	Suite *suite = suite_create("stream_contract_writing");
	TCase *tc = tcase_create("writing");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	add_writing_tests(tc);
	return suite_run(suite);
}
