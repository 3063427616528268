/* SPDX-License-Identifier: ISC */
/*
 * Tests of the contract of streams (docs/STREAM.md), fourth part: the methods that end a stream.
 * The name of each test begins with the word of the contract that it is about. Each test runs on
 * every kind of wire on which it makes sense.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "suite.h"

static struct scene scene;

static struct recorder drain;

static void drain_init(void)
{
	recorder_on(&drain, scene.stream, STREAM_DRAIN);
	stream_off(scene.stream, &drain.handler);
}

static void write_again(struct recorder *recorder, const struct event *event)
{
	if (recorder->n_events < 3) {
		ck_assert_int_eq(stream_write(event->stream, "x", 1, &recorder->handler), 0);
	}
}

/* ---- close, close_gracefully ---- */

START_TEST(close_drops_what_waits_at_once)
{
	char data[60 * 1000] = "";

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
	stream_close(scene.stream);
	ck_assert_int_eq(stream_fd(scene.stream), -1);
	ck_assert_uint_eq(stream_bytes_waiting(scene.stream), 0);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	stream_close(scene.stream);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert(!heard(&scene.rec, "DRAIN"));
	scene_close(&scene);
}
END_TEST

START_TEST(close_gracefully_at_once_when_nothing_waits)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_close_gracefully(scene.stream);
	ck_assert_int_eq(stream_fd(scene.stream), -1);
	stream_close_gracefully(scene.stream);
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "CLOSE");
	scene_close(&scene);
}
END_TEST

START_TEST(close_gracefully_after_the_last_byte)
{
	enum { LEN = 60 * 1000 };
	unsigned char *data = malloc(LEN);
	struct peer peer;

	if (wire_writes(TEST_KIND) && TEST_KIND != WIRE_TTY && TEST_KIND != WIRE_PTY) {
		pattern_fill(data, 0, LEN);
		scene_open_tiny(&scene, TEST_KIND, 0);
		peer_open(&peer, scene.far);
		peer.is_pattern = true;
		ck_assert_int_eq(stream_write(scene.stream, data, LEN, NULL), 0);
		stream_close_gracefully(scene.stream);
		ck_assert_int_ge(stream_fd(scene.stream), 0);
		loop_until(peer.ended);
		ck_assert_uint_eq(peer.n_received, LEN);
		scene_heard(&scene, "WRITE DRAIN CLOSE");
		peer_close(&peer);
		scene.far = -1;
		scene_close(&scene);
	}
	free(data);
}
END_TEST

START_TEST(close_gracefully_after_the_last_drain_handler)
{
	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	drain_init();
	drain.act = write_again;
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, &drain.handler), 0);
	stream_close_gracefully(scene.stream);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_uint_eq(drain.n_events, 3);
	ck_assert_uint_eq(stream_bytes_written(scene.stream), 3);
	scene_close(&scene);
}
END_TEST

/* ---- the context manager, free ---- */

START_TEST(context_manager_frees_at_the_end_of_the_scope)
{
	struct wire wire = wire_open(TEST_KIND);
	struct recorder rec;

	{
		STREAM_AUTO struct stream *s = stream_open(test_loop, wire.near, 0);

		recorder_on(&rec, s, STREAM_ALL_EVENTS);
		ck_assert_int_eq(stream_start(s), 0);
	}
	ck_assert_int_eq(fcntl(wire.near, F_GETFD), -1);
	/* CLOSE is the one event that is emitted from inside a call. */
	ck_assert_str_eq(rec.events, "CLOSE");
	loop_settle();
	ck_assert_str_eq(rec.events, "CLOSE");
	close(wire.far);
}
END_TEST

static void free_it(struct recorder *recorder, const struct event *event)
{
	ck_assert_int_eq(stream_fd(event->stream), -1);
	stream_free(event->stream);
	recorder->act = NULL;
}

/**
 * At the end of a scope: the state of the stream, whether it has a loop, and all events that its
 * recorder got.
 */
static const struct {
	int way;
	bool has_loop;
	const char *heard;
} scopes[] = {
	{'n', true, "CLOSE"},                        /* new */
	{'n', false, "CLOSE"}, {'c', true, "CLOSE"}, /* closed, before CLOSE was emitted */
	{'t', true, "CLOSE"},                        /* closed, after CLOSE was emitted */
	{'s', true, ""},                             /* stolen */
	{'s', false, ""}, {'f', true, "CLOSE"},      /* freed by the handler of CLOSE */
	{'f', false, "CLOSE"}, {'w', true, "CLOSE"}, /* written, with a DRAIN on its way */
};

enum { SCOPES = sizeof(scopes) / sizeof(scopes[0]) };

START_TEST(context_manager_tells_close_once_whatever_came_before)
{
	for (size_t i = 0; i < SCOPES; i++) {
		struct wire wire = wire_open(WIRE_SOCKETPAIR);
		struct recorder rec;
		int stolen = -1;

		{
			STREAM_AUTO struct stream *s =
				stream_open(scopes[i].has_loop ? test_loop : NULL, wire.near, 0);

			recorder_on(&rec, s, STREAM_ALL_EVENTS);
			if (scopes[i].way == 'c' || scopes[i].way == 't') {
				stream_close(s);
			} else if (scopes[i].way == 's') {
				stolen = stream_steal_handle(s);
			} else if (scopes[i].way == 'f') {
				rec.act = free_it;
			} else if (scopes[i].way == 'w') {
				ck_assert_int_eq(stream_write(s, "x", 1, NULL), 0);
			}
			if (scopes[i].way == 't') {
				loop_settle();
			}
		}
		ck_assert_str_eq(rec.events, scopes[i].heard);
		loop_settle();
		ck_assert_str_eq(rec.events, scopes[i].heard);
		if (stolen >= 0) {
			close(stolen);
		}
		close(wire.far);
	}
}
END_TEST

START_TEST(free_closes_and_silences)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	if (wire_writes(TEST_KIND)) {
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	}
	scene.stream = stream_free(scene.stream);
	ck_assert_ptr_null(scene.stream);
	ck_assert_ptr_null(stream_free(NULL));
	loop_settle();
	scene_heard(&scene, "");
	scene_close(&scene);
}
END_TEST

START_TEST(free_after_close_before_it_is_told)
{
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_close(scene.stream);
	scene.stream = stream_free(scene.stream);
	loop_settle();
	scene_heard(&scene, "");
	scene_close(&scene);
}
END_TEST

START_TEST(free_without_a_turn_of_the_loop)
{
	/* The teardown frees the loop. The leak checker sees whether that freed the stream. */
	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	scene_close(&scene);
}
END_TEST

/* ---- steal_handle ---- */

START_TEST(steal_handle_gives_the_fd_back_unwatched)
{
	int near;
	int fd;

	scene_open(&scene, TEST_KIND, 0);
	near = stream_fd(scene.stream);
	stream_set_timeout(scene.stream, 0.01);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	fd = stream_steal_handle(scene.stream);
	ck_assert_int_eq(fd, near);
	ck_assert_int_eq(stream_fd(scene.stream), -1);
	ck_assert_int_eq(stream_steal_handle(scene.stream), -EBADF);
	if (wire_reads(TEST_KIND)) {
		peer_send(scene.far, "x");
	}
	loop_for_ms(20); /* the timer does not run any more either */
	scene_heard(&scene, "");
	scene.stream = stream_free(scene.stream);
	ck_assert_int_ne(fcntl(fd, F_GETFD), -1);
	/* Another stream can take the fd, and reads all that came. */
	scene.stream = stream_open(test_loop, fd, 0);
	recorder_on(&scene.rec, scene.stream, STREAM_ALL_EVENTS);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	if (wire_reads(TEST_KIND)) {
		loop_until(scene.rec.n_read == 1);
	}
	scene_close(&scene);
}
END_TEST

START_TEST(steal_handle_is_refused_while_bytes_wait)
{
	char data[60 * 1000] = "";
	struct peer peer;
	int fd;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	ck_assert_int_eq(stream_steal_handle(scene.stream), -EBUSY);
	peer_open(&peer, scene.far);
	loop_until(peer.n_received == sizeof(data));
	loop_until(!stream_is_writing(scene.stream));
	fd = stream_steal_handle(scene.stream);
	ck_assert_int_ge(fd, 0);
	close(fd);
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

START_TEST(steal_handle_is_refused_when_the_stream_failed)
{
	scene_open(&scene, WIRE_TCP, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_stop(scene.stream);
	loop_settle();
	peer_reset(scene.far);
	scene.far = -1;
	loop_until(heard(&scene.rec, "HANGUP"));
	ck_assert_int_eq(stream_steal_handle(scene.stream), -EBUSY);
	scene_close(&scene);
}
END_TEST

/* ---- shutdown, abort ---- */

START_TEST(shutdown_sends_fin_after_what_is_buffered)
{
	enum { LEN = 60 * 1000 };
	unsigned char *data = malloc(LEN);
	struct peer peer;

	if (wire_is_socket(TEST_KIND)) {
		pattern_fill(data, 0, LEN);
		scene_open_tiny(&scene, TEST_KIND, 0);
		ck_assert_int_eq(stream_start(scene.stream), 0);
		ck_assert_int_eq(stream_write(scene.stream, data, LEN, NULL), 0);
		stream_shutdown(scene.stream);
		stream_shutdown(scene.stream);
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), -EPIPE);
		peer_open(&peer, scene.far);
		peer.is_pattern = true;
		loop_until(peer.ended);
		ck_assert_uint_eq(peer.n_received, LEN);
		/* The other direction goes on. */
		peer_send(scene.far, "answer");
		loop_until(scene.rec.n_read == 6);
		scene_heard(&scene, "WRITE DRAIN READ");
		scene.far = peer_release(&peer);
		scene_close(&scene);
	}
	free(data);
}
END_TEST

START_TEST(abort_resets)
{
	struct peer peer;

	scene_open(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_open(&peer, scene.far);
	stream_abort(scene.stream);
	ck_assert_int_eq(stream_fd(scene.stream), -1);
	stream_abort(scene.stream);
	if (TEST_KIND != WIRE_PIPE_IN) {
		loop_until(peer.ended || peer.error != 0);
		ck_assert(TEST_KIND != WIRE_TCP || peer.error == -ECONNRESET);
		ck_assert(!wire_is_socket(TEST_KIND) || TEST_KIND == WIRE_TCP || peer.ended);
	}
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "CLOSE");
	ck_assert_int_eq(stream_cause(scene.stream), 0);
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

static void add_ending_tests(TCase *tc)
{
	tcase_add_wire_test(tc, close_drops_what_waits_at_once);
	tcase_add_wire_test(tc, close_gracefully_at_once_when_nothing_waits);
	tcase_add_wire_test(tc, close_gracefully_after_the_last_byte);
	tcase_add_wire_test(tc, close_gracefully_after_the_last_drain_handler);
	tcase_add_wire_test(tc, context_manager_frees_at_the_end_of_the_scope);
	tcase_add_test(tc, context_manager_tells_close_once_whatever_came_before);
	tcase_add_wire_test(tc, free_closes_and_silences);
	tcase_add_wire_test(tc, free_after_close_before_it_is_told);
	tcase_add_wire_test(tc, free_without_a_turn_of_the_loop);
	tcase_add_wire_test(tc, steal_handle_gives_the_fd_back_unwatched);
	tcase_add_wire_test(tc, steal_handle_is_refused_while_bytes_wait);
	tcase_add_test(tc, steal_handle_is_refused_when_the_stream_failed);
	tcase_add_wire_test(tc, shutdown_sends_fin_after_what_is_buffered);
	tcase_add_wire_test(tc, abort_resets);
}

int main(void)
{
	Suite *suite = suite_create("stream_contract_endings");
	TCase *tc = tcase_create("endings");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	add_ending_tests(tc);
	return suite_run(suite);
}
