/* SPDX-License-Identifier: ISC */
/*
 * Tests of what handlers may do: anything, in every event; and of stream_free() in every state.
 * Each event happens on a fresh stream, once for each deed. Afterwards the stream emits no event
 * that it must not, and leaves nothing behind.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "suite.h"

static struct scene scene;
static struct recorder extra;

/* ---- the deeds ---- */

enum deed {
	DEED_NOTHING,
	DEED_CLOSE,
	DEED_CLOSE_GRACEFULLY,
	DEED_ABORT,
	DEED_FREE,
	DEED_STEAL,
	DEED_STOP,
	DEED_WRITE,
	DEED_SHUTDOWN,
	DEED_SUBSCRIBE,
	DEED_UNSUBSCRIBE,
	DEED_SET_TIMEOUT,
	DEEDS,
};

static void deed_steal(struct stream *s)
{
	int fd = stream_steal_handle(s);

	ck_assert(fd >= 0 || fd == -EBUSY || fd == -EBADF);
	if (fd >= 0) {
		close(fd);
	}
}

static void deed_do(enum deed deed, struct stream *s)
{
	switch (deed) {
	case DEED_CLOSE:
		stream_close(s);
		break;
	case DEED_CLOSE_GRACEFULLY:
		stream_close_gracefully(s);
		break;
	case DEED_ABORT:
		stream_abort(s);
		break;
	case DEED_FREE:
		scene.stream = stream_free(s);
		break;
	case DEED_STEAL:
		deed_steal(s);
		break;
	case DEED_STOP:
		stream_stop(s);
		break;
	case DEED_WRITE:
		(void)stream_write(s, "more", 4, NULL);
		break;
	case DEED_SHUTDOWN:
		stream_shutdown(s);
		break;
	case DEED_SUBSCRIBE:
		recorder_on(&extra, s, STREAM_ALL_EVENTS);
		break;
	case DEED_UNSUBSCRIBE:
		stream_off(s, &scene.rec.handler);
		break;
	case DEED_SET_TIMEOUT:
		stream_set_timeout(s, 60);
		break;
	case DEED_NOTHING:
	case DEEDS:
		break;
	}
}

/* ---- the events ---- */

static void cause_read(void)
{
	peer_send(scene.far, "x");
}

static void cause_write(void)
{
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
}

static void cause_end(void)
{
	ck_assert_int_eq(shutdown(scene.far, SHUT_WR), 0);
}

static void cause_hangup(void)
{
	stream_stop(scene.stream);
	peer_reset(scene.far);
	scene.far = -1;
}

static void cause_timeout(void)
{
	stream_set_timeout(scene.stream, 1e-3);
}

static void cause_error(void)
{
	scene_break(&scene, ETIMEDOUT);
}

static void cause_close(void)
{
	stream_close(scene.stream);
}

static const struct event_row {
	unsigned event;
	void (*cause)(void);
} event_rows[] = {
	{STREAM_READ, cause_read},
	{STREAM_WRITE, cause_write},
	{STREAM_DRAIN, cause_write},
	{STREAM_END, cause_end},
	{STREAM_HANGUP, cause_hangup},
	{STREAM_TIMEOUT, cause_timeout},
	{STREAM_ERROR, cause_error},
	{STREAM_CLOSE, cause_close},
};

enum { EVENT_ROWS = sizeof(event_rows) / sizeof(event_rows[0]) };

static const struct event_row *row;
static enum deed the_deed;
static bool done;
static unsigned n_at_deed; /**< how many events the recorder had at the deed */

static void do_deed(struct recorder *recorder, const struct event *event)
{
	if (event->type == row->event && !done) {
		recorder->act = NULL;
		done = true;
		n_at_deed = recorder->n_events;
		deed_do(the_deed, event->stream);
	}
}

/** Checks what must hold whatever the handler did. */
static void check_afterwards(void)
{
	const char *at = strstr(scene.rec.events, "CLOSE");
	bool must_close = the_deed == DEED_CLOSE || the_deed == DEED_ABORT;

	ck_assert_msg(at == NULL || strchr(at, ' ') == NULL, "%s", scene.rec.events);
	ck_assert_msg(!must_close || at != NULL, "%s", scene.rec.events);
	if (the_deed == DEED_FREE && row->event != STREAM_CLOSE) {
		ck_assert_ptr_null(at);
	}
	if (scene.stream != NULL && at != NULL) {
		ck_assert_int_eq(stream_fd(scene.stream), -1);
	}
	if (the_deed == DEED_UNSUBSCRIBE || the_deed == DEED_FREE) {
		ck_assert_uint_eq(scene.rec.n_events, n_at_deed);
	}
}

START_TEST(a_handler_may_do_anything_in_every_event)
{
	row = &event_rows[_i / DEEDS];
	the_deed = (enum deed)(_i % DEEDS);
	done = false;
	memset(&extra, 0, sizeof(extra));
	scene_open(&scene, WIRE_TCP, STREAM_HALF_OPEN);
	scene.rec.act = do_deed;
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_settle();
	row->cause();
	loop_until(done);
	loop_settle();
	check_afterwards();
	if (scene.stream != NULL) {
		stream_close(scene.stream);
	}
	loop_settle();
	check_afterwards();
	scene_close(&scene);
}
END_TEST

/* ---- free in every state ---- */

static void state_new(void)
{
}

static void state_started(void)
{
	ck_assert_int_eq(stream_start(scene.stream), 0);
}

static void state_stopped(void)
{
	state_started();
	loop_settle();
	stream_stop(scene.stream);
}

static void state_readable(void)
{
	peer_send(scene.far, "x");
	state_started();
}

static void state_in_line(void)
{
	stream_set_read_max(scene.stream, 1);
	peer_send(scene.far, "a line");
	state_started();
	loop_until(scene.rec.n_read > 0);
}

static void state_writing(void)
{
	static const char data[200 * 1000];

	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	ck_assert_int_eq(stream_bytes_waiting(scene.stream) > 0, 1);
}

static void state_draining(void)
{
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
}

static void state_closing_gracefully(void)
{
	state_writing();
	stream_close_gracefully(scene.stream);
}

static void state_shut(void)
{
	state_started();
	stream_shutdown(scene.stream);
}

static void state_ended(void)
{
	state_started();
	cause_end();
	loop_until(heard(&scene.rec, "END"));
}

static void state_hung_up(void)
{
	state_stopped();
	scene_far_close(&scene);
	loop_settle();
}

static void state_failed(void)
{
	state_started();
	fault_only_call("send");
	fault_set_errno(ECONNRESET);
	fault_arm(1);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), -ECONNRESET);
	ck_assert(fault_disarm());
}

static void state_timing_out(void)
{
	stream_set_timeout(scene.stream, 1e-9);
	state_started();
}

static void state_stolen(void)
{
	state_started();
	close(stream_steal_handle(scene.stream));
}

static void state_closing(void)
{
	state_started();
	stream_close(scene.stream);
}

static void state_closed(void)
{
	state_closing();
	loop_until(heard(&scene.rec, "CLOSE"));
}

static void (*const states[])(void) = {
	state_new,
	state_started,
	state_stopped,
	state_readable,
	state_in_line,
	state_writing,
	state_draining,
	state_closing_gracefully,
	state_shut,
	state_ended,
	state_hung_up,
	state_failed,
	state_timing_out,
	state_stolen,
	state_closing,
	state_closed,
};

enum { STATES = sizeof(states) / sizeof(states[0]) };

START_TEST(free_in_every_state)
{
	static const enum wire_kind kinds[] = {WIRE_TCP, WIRE_UNIX};

	for (unsigned flags = 0; flags < 4; flags++) {
		unsigned n_events;

		scene_open_tiny(&scene, kinds[flags & 1], flags < 2 ? STREAM_HALF_OPEN : 0);
		if (states[_i] == state_ended && flags >= 2) {
			scene_close(&scene);
			continue;
		}
		states[_i]();
		n_events = scene.rec.n_events;
		scene.stream = stream_free(scene.stream);
		loop_settle();
		ck_assert_uint_eq(scene.rec.n_events, n_events);
		ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
		scene_close(&scene);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_handlers");
	TCase *tc = tcase_create("stream_handlers");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, a_handler_may_do_anything_in_every_event, 0, EVENT_ROWS * DEEDS);
	tcase_add_loop_test(tc, free_in_every_state, 0, STATES);
	return suite_run(suite);
}
