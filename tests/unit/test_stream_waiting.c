/* SPDX-License-Identifier: ISC */
/*
 * Tests of when the owner may free a handler that waits (stream.h, Ownership). Each handler here
 * has a block of its own, and is freed as early as the owner may: a sanitizer sees who touches it
 * afterwards. If the library called a freed handler, it would call freed memory.
 */
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "suite.h"

static struct scene scene;
static struct handler *waits[4];
static unsigned n_called;

static struct handler *handler_new(void (*call)(struct handler *handler, const struct event *event))
{
	struct handler *handler = calloc(1, sizeof(*handler));

	ck_assert_ptr_nonnull(handler);
	handler->call = call;
	return handler;
}

static void setup(void)
{
	fixture_setup();
	n_called = 0;
	scene_open_tiny(&scene, WIRE_UNIX, 0);
	stream_off(scene.stream, &scene.rec.handler);
}

static void teardown(void)
{
	scene_close(&scene);
	fixture_teardown();
}

static void never(struct handler *handler, const struct event *event)
{
	(void)handler;
	ck_abort_msg("called with %#x", event->type);
}

static void free_self(struct handler *handler, const struct event *event)
{
	(void)event;
	n_called++;
	free(handler);
}

static void off_and_free_self(struct handler *handler, const struct event *event)
{
	stream_off(event->stream, handler);
	free_self(handler, event);
}

static void free_the_others(struct handler *handler, const struct event *event)
{
	(void)handler;
	n_called++;
	for (unsigned i = 0; i < 4; i++) {
		stream_off(event->stream, waits[i]);
		free(waits[i]);
		waits[i] = NULL;
	}
}

static void free_stream_and_all(struct handler *handler, const struct event *event)
{
	(void)handler;
	(void)event;
	n_called++;
	scene.stream = stream_free(scene.stream);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(!handler_is_on(waits[i]));
		free(waits[i]);
		waits[i] = NULL;
	}
}

static void emit_own(void)
{
	ck_assert_int_eq(stream_emit(scene.stream,
				 &(struct event){.type = STREAM_OWN_EVENT, .stream = scene.stream}),
		0);
}

/** Writes so much that bytes wait, with a handler for their DRAIN. */
static void write_and_wait(struct handler *drain)
{
	static const char bytes[1024 * 1024];

	ck_assert_int_eq(stream_write(scene.stream, bytes, sizeof(bytes), drain), 0);
	ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
	ck_assert(drain == NULL || handler_is_on(drain));
}

/* ---- one at a time ---- */

START_TEST(a_handler_may_be_freed_after_off)
{
	struct handler *handler = handler_new(never);

	ck_assert_int_eq(stream_on(scene.stream, STREAM_OWN_EVENT, handler), 0);
	stream_off(scene.stream, handler);
	ck_assert(!handler_is_on(handler));
	free(handler);
	emit_own();
}
END_TEST

START_TEST(a_handler_may_be_freed_after_its_last_event_is_off)
{
	struct handler *handler = handler_new(never);

	ck_assert_int_eq(stream_on(scene.stream, STREAM_OWN_EVENT | STREAM_READ, handler), 0);
	stream_off_events(scene.stream, STREAM_READ);
	ck_assert(handler_is_on(handler));
	stream_off_events(scene.stream, STREAM_OWN_EVENT);
	ck_assert(!handler_is_on(handler));
	free(handler);
	emit_own();
}
END_TEST

START_TEST(a_handler_for_once_may_free_itself)
{
	ck_assert_int_eq(stream_once(scene.stream, STREAM_OWN_EVENT, handler_new(free_self)), 0);
	ck_assert_int_eq(stream_once(scene.stream, STREAM_OWN_EVENT, handler_new(free_self)), 0);
	emit_own();
	emit_own();
	ck_assert_uint_eq(n_called, 2);
}
END_TEST

START_TEST(a_handler_may_unsubscribe_and_free_itself)
{
	struct handler *handler = handler_new(off_and_free_self);

	ck_assert_int_eq(stream_on(scene.stream, STREAM_OWN_EVENT, handler), 0);
	handler = handler_new(off_and_free_self);
	ck_assert_int_eq(stream_on(scene.stream, STREAM_OWN_EVENT, handler), 0);
	emit_own();
	emit_own();
	ck_assert_uint_eq(n_called, 2);
}
END_TEST

/* ---- for a DRAIN ---- */

START_TEST(a_drain_handler_may_free_itself)
{
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, handler_new(free_self)), 0);
	loop_until(n_called == 1);
	loop_settle();
}
END_TEST

START_TEST(a_drain_handler_that_waits_may_be_taken_off_and_freed)
{
	struct handler *handler = handler_new(never);
	struct peer peer;

	write_and_wait(handler);
	stream_off(scene.stream, handler);
	free(handler);
	peer_open(&peer, scene.far);
	loop_until(stream_bytes_waiting(scene.stream) == 0);
	loop_settle();
	scene.far = peer_release(&peer);
}
END_TEST

START_TEST(a_close_leaves_a_drain_handler_waiting)
{
	struct handler *handler = handler_new(never);

	write_and_wait(handler);
	stream_close(scene.stream);
	loop_settle();
	ck_assert(handler_is_on(handler));
	stream_off(scene.stream, handler);
	free(handler);
}
END_TEST

START_TEST(a_failure_leaves_a_drain_handler_waiting)
{
	struct handler *handler = handler_new(never);

	write_and_wait(handler);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	scene_far_close(&scene);
	loop_until(stream_fd(scene.stream) < 0);
	loop_settle();
	ck_assert(handler_is_on(handler));
	scene.stream = stream_free(scene.stream);
	ck_assert(!handler_is_on(handler));
	free(handler);
	loop_settle();
}
END_TEST

START_TEST(a_stream_that_is_freed_lets_go_of_all_who_wait)
{
	struct handler *drain = handler_new(never);
	struct handler *close_handler = handler_new(never);

	write_and_wait(drain);
	ck_assert_int_eq(stream_on(scene.stream, STREAM_CLOSE, close_handler), 0);
	scene.stream = stream_free(scene.stream);
	ck_assert(!handler_is_on(drain) && !handler_is_on(close_handler));
	free(drain);
	free(close_handler);
	loop_settle();
}
END_TEST

/* ---- while an event is being emitted ---- */

/** Subscribes two handlers before the one that acts, and two behind it. */
static void subscribe_around(
	struct handler *middle, void (*call)(struct handler *handler, const struct event *event))
{
	middle->call = call;
	for (unsigned i = 0; i < 2; i++) {
		waits[i] = handler_new(never);
		ck_assert_int_eq(stream_on(scene.stream, STREAM_READ, waits[i]), 0);
	}
	ck_assert_int_eq(stream_on(scene.stream, STREAM_OWN_EVENT, middle), 0);
	for (unsigned i = 2; i < 4; i++) {
		waits[i] = handler_new(never);
		ck_assert_int_eq(stream_on(scene.stream, STREAM_OWN_EVENT, waits[i]), 0);
	}
}

START_TEST(a_handler_may_free_others_while_an_event_is_emitted)
{
	struct handler middle = {.call = NULL};

	subscribe_around(&middle, free_the_others);
	emit_own();
	ck_assert_uint_eq(n_called, 1);
	stream_off(scene.stream, &middle);
}
END_TEST

START_TEST(a_handler_may_free_the_stream_and_all_while_an_event_is_emitted)
{
	struct handler middle = {.call = NULL};

	subscribe_around(&middle, free_stream_and_all);
	emit_own();
	ck_assert_uint_eq(n_called, 1);
	ck_assert(!handler_is_on(&middle));
	loop_settle();
}
END_TEST

static void emit_within(struct handler *handler, const struct event *event)
{
	if (n_called++ == 0) {
		ck_assert_int_eq(stream_emit(event->stream, event), 0);
		return;
	}
	free_the_others(handler, event);
}

START_TEST(a_handler_may_free_others_in_a_nested_emission)
{
	struct handler middle = {.call = NULL};

	subscribe_around(&middle, emit_within);
	emit_own();
	ck_assert_uint_eq(n_called, 3);
	stream_off(scene.stream, &middle);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_waiting");
	TCase *tc = tcase_create("waiting");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_handler_may_be_freed_after_off);
	tcase_add_test(tc, a_handler_may_be_freed_after_its_last_event_is_off);
	tcase_add_test(tc, a_handler_for_once_may_free_itself);
	tcase_add_test(tc, a_handler_may_unsubscribe_and_free_itself);
	tcase_add_test(tc, a_drain_handler_may_free_itself);
	tcase_add_test(tc, a_drain_handler_that_waits_may_be_taken_off_and_freed);
	tcase_add_test(tc, a_close_leaves_a_drain_handler_waiting);
	tcase_add_test(tc, a_failure_leaves_a_drain_handler_waiting);
	tcase_add_test(tc, a_stream_that_is_freed_lets_go_of_all_who_wait);
	tcase_add_test(tc, a_handler_may_free_others_while_an_event_is_emitted);
	tcase_add_test(tc, a_handler_may_free_the_stream_and_all_while_an_event_is_emitted);
	tcase_add_test(tc, a_handler_may_free_others_in_a_nested_emission);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
