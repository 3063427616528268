/* SPDX-License-Identifier: ISC */
/*
 * Tests of the contract of streams (docs/STREAM.md), first part: the emitter. The name of each test
 * begins with the word of the contract that it is about. Each test runs on every kind of wire on
 * which it makes sense.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "suite.h"

static struct scene scene;

static char calls[32];

static void note_call(struct recorder *recorder, const struct event *event)
{
	(void)event;
	strcat(calls, recorder->data);
}

START_TEST(on_appends_a_handler)
{
	struct recorder first;
	struct recorder second;

	if (!wire_reads(TEST_KIND)) {
		return;
	}
	calls[0] = '\0';
	scene_open(&scene, TEST_KIND, 0);
	recorder_on(&first, scene.stream, STREAM_READ);
	recorder_on(&second, scene.stream, STREAM_READ | STREAM_CLOSE);
	first.act = note_call;
	first.data = "1";
	second.act = note_call;
	second.data = "2";
	scene.rec.act = note_call;
	scene.rec.data = "0";
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "x");
	loop_until(second.n_read == 1);
	ck_assert_str_eq(calls, "012");
	stream_close(scene.stream);
	loop_settle();
	ck_assert_str_eq(calls, "01202");
	scene_close(&scene);
}
END_TEST

START_TEST(once_unsubscribes_before_the_call)
{
	struct recorder rec;

	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	recorder_on(&rec, scene.stream, STREAM_READ);
	stream_off(scene.stream, &rec.handler);
	stream_once(scene.stream, STREAM_READ, &rec.handler);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "a");
	loop_until(scene.rec.n_read == 1);
	peer_send(scene.far, "b");
	loop_until(scene.rec.n_read == 2);
	ck_assert_str_eq(rec.text, "a");
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_READ), 1);
	scene_close(&scene);
}
END_TEST

/* The first of two handlers does one of these while READ is emitted. The table says which events
 * both get then. */

static struct recorder late;

static void do_subscribe(struct recorder *recorder, const struct event *event)
{
	recorder->act = NULL;
	recorder_on(&late, event->stream, STREAM_ALL_EVENTS);
}

static void do_unsubscribe_self(struct recorder *recorder, const struct event *event)
{
	stream_off(event->stream, &recorder->handler);
}

static void do_unsubscribe_all(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	stream_off_events(event->stream, STREAM_ALL_EVENTS);
}

static void do_close(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	stream_close(event->stream);
}

static void do_steal(struct recorder *recorder, const struct event *event)
{
	recorder->act = NULL;
	close(stream_steal_handle(event->stream));
}

static void do_free(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	scene.stream = stream_free(event->stream);
}

static const struct {
	void (*act)(struct recorder *recorder, const struct event *event);
	const char *first;
	const char *second;
} emit_rows[] = {
	{NULL, "READ CLOSE", "READ CLOSE"},
	{do_subscribe, "READ CLOSE", "READ CLOSE"},
	{do_unsubscribe_self, "READ", "READ CLOSE"},
	{do_unsubscribe_all, "READ", ""},
	{do_close, "READ CLOSE", "READ CLOSE"},
	{do_steal, "READ", "READ"},
	{do_free, "READ", ""},
};

enum { EMIT_ROWS = sizeof(emit_rows) / sizeof(emit_rows[0]) };

START_TEST(emit_lets_handlers_do_anything)
{
	struct recorder second;

	if (!wire_reads(TEST_KIND)) {
		return;
	}
	for (size_t i = 0; i < EMIT_ROWS; i++) {
		memset(&late, 0, sizeof(late));
		scene_open(&scene, TEST_KIND, 0);
		recorder_on(&second, scene.stream, STREAM_ALL_EVENTS);
		scene.rec.act = emit_rows[i].act;
		ck_assert_int_eq(stream_start(scene.stream), 0);
		peer_send(scene.far, "x");
		loop_until(scene.rec.n_read == 1);
		if (scene.stream != NULL) {
			stream_close(scene.stream);
		}
		loop_settle();
		scene_heard(&scene, emit_rows[i].first);
		ck_assert_str_eq(second.events, emit_rows[i].second);
		ck_assert_str_eq(late.events, emit_rows[i].act == do_subscribe ? "CLOSE" : "");
		scene_close(&scene);
	}
}
END_TEST

static struct event heard_event;

static void keep_event(struct handler *handler, const struct event *event)
{
	(void)handler;
	heard_event = *event;
}

START_TEST(emit_calls_the_handlers_now)
{
	struct handler own = {.call = keep_event};
	struct event event = {.type = STREAM_READ, .data = "made up", .len = 7};

	scene_open(&scene, TEST_KIND, 0);
	event.stream = scene.stream;
	stream_emit(scene.stream, &event);
	ck_assert_str_eq(scene.rec.text, "made up");
	ck_assert_uint_eq(stream_bytes_read(scene.stream), 0);
	/* Only handlers that have subscribed to an application's own event get it. */
	stream_on(scene.stream, STREAM_OWN_EVENT << 7, &own);
	event.type = STREAM_OWN_EVENT << 7;
	stream_emit(scene.stream, &event);
	ck_assert_uint_eq(heard_event.type, STREAM_OWN_EVENT << 7);
	ck_assert_ptr_eq(heard_event.data, event.data);
	scene_heard(&scene, "READ");
	scene_close(&scene);
}
END_TEST

START_TEST(emit_lets_a_handler_free_a_stream_that_never_had_a_loop)
{
	struct wire wire = wire_open(TEST_KIND);
	struct event event = {.type = STREAM_READ, .data = "x", .len = 1};

	scene.stream = stream_new(wire.near);
	event.stream = scene.stream;
	recorder_on(&scene.rec, scene.stream, STREAM_READ);
	scene.rec.act = do_free;
	stream_emit(scene.stream, &event);
	ck_assert_ptr_null(scene.stream);
	close(wire.far);
}
END_TEST

START_TEST(has_subscribers_and_subscribers)
{
	struct recorder rec;

	scene_open(&scene, TEST_KIND, 0);
	stream_off(scene.stream, &scene.rec.handler);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_ALL_EVENTS), 0);
	recorder_on(&rec, scene.stream, STREAM_READ | STREAM_CLOSE);
	recorder_on(&scene.rec, scene.stream, STREAM_CLOSE);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_READ), 1);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_CLOSE), 2);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_DRAIN), 0);
	ck_assert(stream_has_subscribers(scene.stream, STREAM_READ));
	ck_assert(stream_has_subscribers(scene.stream, STREAM_DRAIN | STREAM_CLOSE));
	ck_assert(!stream_has_subscribers(scene.stream, STREAM_DRAIN));
	scene_close(&scene);
}
END_TEST

START_TEST(unsubscribe_one_or_all_of_an_event_or_all)
{
	struct recorder rec;

	scene_open(&scene, TEST_KIND, 0);
	recorder_on(&rec, scene.stream, STREAM_ALL_EVENTS);
	stream_off(scene.stream, &rec.handler);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_ALL_EVENTS), 1);
	recorder_on(&rec, scene.stream, STREAM_ALL_EVENTS);
	stream_off_events(scene.stream, STREAM_READ);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_READ), 0);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_CLOSE), 2);
	stream_off_events(scene.stream, STREAM_ALL_EVENTS);
	ck_assert_uint_eq(stream_subscribers(scene.stream, STREAM_ALL_EVENTS), 0);
	stream_close(scene.stream);
	loop_settle();
	scene_heard(&scene, "");
	ck_assert_str_eq(rec.events, "");
	scene_close(&scene);
}
END_TEST

START_TEST(catch_is_on_error)
{
	scene_open(&scene, TEST_KIND, 0);
	stream_off(scene.stream, &scene.rec.handler);
	recorder_on(&scene.rec, scene.stream, STREAM_ERROR);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	scene_break(&scene, ETIMEDOUT);
	loop_settle();
	scene_heard(&scene, "ERROR:ETIMEDOUT");
	scene_close(&scene);
}
END_TEST

/** Runs in a child: breaks a stream that has no handler for ERROR, which must abort the process. */
static void break_unheard(enum wire_kind kind, int stderr_fd, bool by_hand)
{
	struct event event = {.type = STREAM_ERROR, .error = -ETIMEDOUT};

	(void)dup2(stderr_fd, STDERR_FILENO);
	test_loop = loop_new();
	scene_open(&scene, kind, 0);
	stream_off_events(scene.stream, STREAM_ERROR);
	if (by_hand) {
		stream_emit(scene.stream, &event);
	} else if (stream_start(scene.stream) == 0) {
		scene_break(&scene, ETIMEDOUT);
		loop_settle();
	}
	_exit(0);
}

static void expect_abort(enum wire_kind kind, bool by_hand)
{
	char text[512] = "";
	size_t len = 0;
	int status = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		break_unheard(kind, fds[1], by_hand);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0) {
		len += (size_t)n;
	}
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
	ck_assert_msg(strstr(text, "unhandled") != NULL, "%s", text);
	ck_assert_msg(strstr(text, strerror(ETIMEDOUT)) != NULL, "%s", text);
}

START_TEST(error_without_a_handler_is_fatal)
{
	expect_abort(TEST_KIND, false);
	expect_abort(TEST_KIND, true);
}
END_TEST

static void add_emitter_tests(TCase *tc)
{
	tcase_add_wire_test(tc, on_appends_a_handler);
	tcase_add_wire_test(tc, once_unsubscribes_before_the_call);
	tcase_add_wire_test(tc, emit_lets_handlers_do_anything);
	tcase_add_wire_test(tc, emit_calls_the_handlers_now);
	tcase_add_wire_test(tc, emit_lets_a_handler_free_a_stream_that_never_had_a_loop);
	tcase_add_wire_test(tc, has_subscribers_and_subscribers);
	tcase_add_wire_test(tc, unsubscribe_one_or_all_of_an_event_or_all);
	tcase_add_wire_test(tc, catch_is_on_error);
	tcase_add_wire_test(tc, error_without_a_handler_is_fatal);
}

int main(void)
{
	Suite *suite = suite_create("stream_contract_emitter");
	TCase *tc = tcase_create("emitter");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	add_emitter_tests(tc);
	return suite_run(suite);
}
