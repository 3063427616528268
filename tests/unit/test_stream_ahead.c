/* SPDX-License-Identifier: ISC */
/*
 * Tests of stream_write_ahead(): a header goes out in one segment with the bytes that follow, or
 * alone, and waits for nobody; and of stream_write_last(): the last bytes go out in one segment
 * with the FIN.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "segments.h"
#include "suite.h"

static struct scene scene;

static void far_gets(const char *text)
{
	char buffer[64];
	size_t len = strlen(text);

	ck_assert_int_eq(peer_recv(scene.far, buffer, sizeof(buffer)), (ptrdiff_t)len);
	ck_assert_int_eq(memcmp(buffer, text, len), 0);
}

/** Opens a stream without handlers for WRITE and DRAIN, as the streams of a pair are. */
static void open_quiet(enum wire_kind kind)
{
	scene_open(&scene, kind, STREAM_HALF_OPEN);
	stream_off(scene.stream, &scene.rec.handler);
	stream_on(scene.stream, STREAM_CLOSE | STREAM_ERROR, &scene.rec.handler);
	stream_set_timeout(scene.stream, 0);
}

START_TEST(it_goes_out_by_itself_when_nobody_writes)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	open_quiet(TEST_KIND);
	ck_assert_int_eq(stream_write_ahead(scene.stream, "header", 6), 0);
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), 6);
	loop_settle();
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), 0);
	ck_assert_uint_eq(stream_bytes_written(scene.stream), 6);
	far_gets("header");
	scene_close(&scene);
}
END_TEST

START_TEST(what_is_written_next_goes_out_in_the_same_segment)
{
	open_quiet(WIRE_TCP);
	ck_assert_int_eq(stream_write_ahead(scene.stream, "head", 4), 0);
	ck_assert_int_eq(stream_write_ahead(scene.stream, "er ", 3), 0);
	ck_assert_int_eq(stream_write(scene.stream, "first", 5, NULL), 0);
	loop_settle();
	far_gets("header first");
	ck_assert_uint_eq(segments_of(scene.far), 1);
	ck_assert_int_eq(stream_write(scene.stream, "then", 4, NULL), 0);
	far_gets("then"); /* later bytes go out at once again */
	scene_close(&scene);
}
END_TEST

static struct stream *source;

static void on_source(struct handler *handler, const struct event *event)
{
	(void)handler;
	ck_assert_int_eq(stream_write(scene.stream, event->data, event->len, NULL), 0);
}

/* As when weir joins a pair: the other side's bytes are in the kernel, and its stream starts
 * after this one. */
START_TEST(who_is_about_to_read_comes_first)
{
	struct wire wire = wire_open(WIRE_TCP);
	struct handler reads = {.call = on_source};

	open_quiet(WIRE_TCP);
	/* The stream is watched, like one that has just connected. */
	ck_assert_int_eq(stream_start(scene.stream), 0);
	source = stream_open(test_loop, wire.near, STREAM_HALF_OPEN);
	ck_assert_ptr_nonnull(source);
	stream_set_timeout(source, 0);
	ck_assert_int_eq(stream_start(source), 0);
	stream_stop(source);
	stream_on(source, STREAM_READ, &reads);
	peer_send(wire.far, "first");
	loop_settle();
	ck_assert_int_eq(stream_write_ahead(scene.stream, "header ", 7), 0);
	ck_assert_int_eq(stream_start(source), 0);
	loop_settle();
	far_gets("header first");
	ck_assert_uint_eq(segments_of(scene.far), 1);
	source = stream_free(source);
	peer_reset(wire.far);
	scene_close(&scene);
}
END_TEST

START_TEST(a_fin_follows_it)
{
	char byte;

	open_quiet(_i == 0 ? WIRE_TCP : WIRE_UNIX);
	ck_assert_int_eq(stream_write_ahead(scene.stream, "header", 6), 0);
	stream_shutdown(scene.stream);
	loop_settle();
	far_gets("header");
	ck_assert_int_eq(peer_recv(scene.far, &byte, 1), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(what_the_kernel_does_not_take_waits_for_it)
{
	static char some[300 * 1000];
	struct peer peer;

	pattern_fill(some, 0, sizeof(some));
	scene_open_tiny(&scene, _i == 0 ? WIRE_TCP : WIRE_UNIX, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_write_ahead(scene.stream, some, sizeof(some)), 0);
	loop_settle();
	ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
	peer_open(&peer, scene.far);
	peer.is_pattern = true;
	loop_until(peer.n_received == sizeof(some));
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

START_TEST(without_memory_or_a_watch_the_stream_fails)
{
	static const struct {
		const char *call;
		int err;
	} shortages[] = {{"malloc", ENOMEM}, {"epoll_ctl", ENOSPC}};

	open_quiet(WIRE_UNIX);
	fault_only_call(shortages[_i].call);
	fault_arm(1);
	ck_assert_int_eq(stream_write_ahead(scene.stream, "header", 6), -shortages[_i].err);
	ck_assert(fault_disarm());
	loop_settle();
	ck_assert_int_eq(stream_cause(scene.stream), -shortages[_i].err);
	scene_close(&scene);
}
END_TEST

START_TEST(nothing_is_written_where_nothing_can_be)
{
	open_quiet(WIRE_TCP);
	ck_assert_int_eq(stream_write_ahead(NULL, "x", 1), -EINVAL);
	ck_assert_int_eq(stream_write_ahead(scene.stream, NULL, 1), -EINVAL);
	ck_assert_int_eq(stream_write_ahead(scene.stream, NULL, 0), 0);
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), 0);
	stream_shutdown(scene.stream);
	ck_assert_int_eq(stream_write_ahead(scene.stream, "x", 1), -EPIPE);
	stream_close(scene.stream);
	ck_assert_int_eq(stream_write_ahead(scene.stream, "x", 1), -EPIPE);
	scene_close(&scene);
}
END_TEST

/* ---- stream_write_last() ---- */

START_TEST(last_bytes_and_the_fin_are_one_segment)
{
	uint32_t n_before;
	char byte;

	open_quiet(WIRE_TCP);
	n_before = segments_of_all_kinds(scene.far);
	ck_assert_int_eq(stream_write_last(scene.stream, "bye", 3), 0);
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), 0);
	stream_shutdown(scene.stream);
	far_gets("bye");
	ck_assert_int_eq(peer_recv(scene.far, &byte, 1), 0);
	ck_assert_uint_eq(segments_of_all_kinds(scene.far) - n_before, 1);
	loop_settle();
	scene_close(&scene);
}
END_TEST

START_TEST(last_bytes_go_out_alone_where_no_fin_follows)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	open_quiet(TEST_KIND);
	ck_assert_int_eq(stream_write_last(scene.stream, "bye", 3), 0);
	loop_settle();
	far_gets("bye");
	ck_assert_uint_eq(stream_bytes_written(scene.stream), 3);
	/* From then on, bytes do not wait for more. */
	ck_assert_int_eq(stream_write(scene.stream, "again", 5, NULL), 0);
	far_gets("again");
	scene_close(&scene);
}
END_TEST

/* A write, a close or a steal that comes next sends the waiting bytes, too. */
START_TEST(last_bytes_go_out_with_what_is_done_next)
{
	int fd = -1;

	open_quiet(WIRE_TCP);
	ck_assert_int_eq(stream_write_last(scene.stream, "bye", 3), 0);
	if (_i == 0) {
		ck_assert_int_eq(stream_write(scene.stream, "!", 1, NULL), 0);
		far_gets("bye!");
	} else if (_i == 1) {
		stream_close(scene.stream);
		far_gets("bye");
	} else {
		fd = stream_steal_handle(scene.stream);
		far_gets("bye");
		ck_assert_int_eq(close(fd), 0);
	}
	scene_close(&scene);
}
END_TEST

START_TEST(last_bytes_are_written_like_others)
{
	static char some[300 * 1000];
	struct peer peer;

	pattern_fill(some, 0, sizeof(some));
	scene_open_tiny(&scene, _i == 0 ? WIRE_TCP : WIRE_UNIX, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_write_last(NULL, "x", 1), -EINVAL);
	ck_assert_int_eq(stream_write_last(scene.stream, NULL, 1), -EINVAL);
	ck_assert_int_eq(stream_write_last(scene.stream, some, sizeof(some)), 0);
	ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
	stream_shutdown(scene.stream);
	ck_assert_int_eq(stream_write_last(scene.stream, "x", 1), -EPIPE);
	peer_open(&peer, scene.far);
	peer.is_pattern = true;
	loop_until(peer.ended);
	ck_assert_uint_eq(peer.n_received, sizeof(some));
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_ahead");
	TCase *tc = tcase_create("ahead");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_wire_test(tc, it_goes_out_by_itself_when_nobody_writes);
	tcase_add_test(tc, what_is_written_next_goes_out_in_the_same_segment);
	tcase_add_test(tc, who_is_about_to_read_comes_first);
	tcase_add_loop_test(tc, a_fin_follows_it, 0, 2);
	tcase_add_loop_test(tc, what_the_kernel_does_not_take_waits_for_it, 0, 2);
	tcase_add_loop_test(tc, without_memory_or_a_watch_the_stream_fails, 0, 2);
	tcase_add_test(tc, nothing_is_written_where_nothing_can_be);
	tcase_add_test(tc, last_bytes_and_the_fin_are_one_segment);
	tcase_add_wire_test(tc, last_bytes_go_out_alone_where_no_fin_follows);
	tcase_add_loop_test(tc, last_bytes_go_out_with_what_is_done_next, 0, 3);
	tcase_add_loop_test(tc, last_bytes_are_written_like_others, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
