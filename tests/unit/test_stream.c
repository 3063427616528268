/* SPDX-License-Identifier: ISC */
/*
 * Tests of streams beyond the contract: half-open, paused, reset, hung up, with urgent data, with
 * small pieces. test_stream_handlers.c tests what handlers may do.
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

/** Opens a stream that was started and stopped, and for which the loop has no more work. */
static void open_paused(enum wire_kind kind, unsigned flags)
{
	scene_open(&scene, kind, flags);
	stream_set_timeout(scene.stream, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_stop(scene.stream);
	loop_settle();
	scene_heard(&scene, "");
}

static void far_reset(void)
{
	peer_reset(scene.far);
	scene.far = -1;
}

/* ---- paused ---- */

static void far_fin(void)
{
	ck_assert_int_eq(shutdown(scene.far, SHUT_WR), 0);
}

static void far_close(void)
{
	scene_far_close(&scene);
}

static void far_urgent(void)
{
	peer_send_urgent(scene.far, '!');
}

/** A UNIX peer resets by closing with unread input. */
static void far_close_unread(void)
{
	stream_off(scene.stream, &scene.rec.handler);
	ck_assert_int_eq(stream_write(scene.stream, "unread", 6, NULL), 0);
	loop_settle(); /* its DRAIN has been emitted */
	recorder_on(&scene.rec, scene.stream, STREAM_ALL_EVENTS);
	scene_far_close(&scene);
}

static const struct paused_row {
	enum wire_kind kind;
	unsigned flags;
	void (*act)(void);
	const char *paused;  /**< the events while the stream is paused */
	const char *started; /**< all events, with those after stream_start() */
} paused_rows[] = {
	{WIRE_TCP, STREAM_HALF_OPEN, far_reset, "HANGUP:ECONNRESET",
		"HANGUP:ECONNRESET READ CLOSE:ECONNRESET"},
	{WIRE_TCP, STREAM_HALF_OPEN, far_fin, "", "READ END"},
	{WIRE_TCP, STREAM_HALF_OPEN, far_close, "", "READ END"},
	{WIRE_TCP, STREAM_HALF_OPEN, far_urgent, "", "READ"},
	{WIRE_TCP, 0, far_reset, "CLOSE:ECONNRESET", "CLOSE:ECONNRESET"},
	{WIRE_TCP, 0, far_fin, "", "READ CLOSE"},
	{WIRE_TCP, 0, far_close, "", "READ CLOSE"},
	{WIRE_TCP, 0, far_urgent, "", "READ"},
	{WIRE_UNIX, STREAM_HALF_OPEN, far_close_unread, "HANGUP:ECONNRESET",
		"HANGUP:ECONNRESET READ CLOSE:ECONNRESET"},
	{WIRE_UNIX, STREAM_HALF_OPEN, far_fin, "", "READ END"},
	{WIRE_UNIX, STREAM_HALF_OPEN, far_close, "HANGUP", "HANGUP READ END"},
	{WIRE_UNIX, 0, far_close_unread, "CLOSE:ECONNRESET", "CLOSE:ECONNRESET"},
	{WIRE_UNIX, 0, far_fin, "", "READ CLOSE"},
	{WIRE_UNIX, 0, far_close, "", "READ CLOSE"},
	{WIRE_SOCKETPAIR, STREAM_HALF_OPEN, far_close, "HANGUP", "HANGUP READ END"},
	{WIRE_PIPE_IN, STREAM_HALF_OPEN, far_close, "HANGUP", "HANGUP READ END"},
};

enum { PAUSED_ROWS = sizeof(paused_rows) / sizeof(paused_rows[0]) };

/* The loop makes at most 2 turns a second, whatever the peer did. A reset is known in a second. */
START_TEST(paused_stream_sleeps_and_knows)
{
	const struct paused_row *row = &paused_rows[_i];
	uint64_t began;

	open_paused(row->kind, row->flags);
	peer_send(scene.far, "unread");
	loop_settle();
	row->act();
	began = loop_turns(test_loop);
	loop_for_ms(1000);
	/* The timer of loop_for_ms() is one more. */
	ck_assert_uint_le(loop_turns(test_loop) - began, 2 + 1);
	scene_heard(&scene, row->paused);
	if (stream_fd(scene.stream) >= 0) {
		ck_assert_int_eq(stream_start(scene.stream), 0);
		loop_settle();
		ck_assert_uint_eq(scene.rec.n_read, row->act == far_urgent ? 7 : 6);
	}
	scene_heard(&scene, row->started);
	scene_close(&scene);
}
END_TEST

/* ---- resets ---- */

START_TEST(reset_after_a_fin_ends_a_half_open_stream)
{
	scene_open(&scene, WIRE_TCP, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	peer_send(scene.far, "x");
	far_fin();
	loop_until(heard(&scene.rec, "END"));
	far_reset();
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert(
		stream_cause(scene.stream) == -EPIPE || stream_cause(scene.stream) == -ECONNRESET);
	ck_assert(!heard(&scene.rec, "ERROR"));
	scene_close(&scene);
}
END_TEST

START_TEST(reset_after_a_fin_is_known_while_paused)
{
	open_paused(WIRE_TCP, STREAM_HALF_OPEN);
	peer_send(scene.far, "before");
	far_fin();
	loop_settle();
	scene_heard(&scene, "");
	far_reset();
	loop_until(heard(&scene.rec, "HANGUP"));
	ck_assert(stream_has_hung_up(scene.stream));
	ck_assert_int_ne(stream_cause(scene.stream), 0);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), -EPIPE);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_str_eq(scene.rec.text, "before");
	/* Input that a reset has cut off does not end with END. */
	ck_assert(!heard(&scene.rec, "END"));
	ck_assert(!stream_has_ended(scene.stream));
	scene_close(&scene);
}
END_TEST

/** Notes when the handler is called: later in the turn than the stream noticed the reset. */
static void note_time(struct recorder *recorder, const struct event *event)
{
	uint64_t *told_ns = recorder->data;

	(void)event;
	if (*told_ns == 0) {
		*told_ns = clock_ns();
	}
}

START_TEST(the_time_of_a_reset_is_when_it_was_noticed)
{
	uint64_t told_ns = 0;
	uint64_t before_ns;

	scene_open(&scene, WIRE_TCP, STREAM_HALF_OPEN);
	scene.rec.act = note_time;
	scene.rec.data = &told_ns;
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_settle();
	ck_assert_uint_eq(stream_cause_ns(scene.stream), 0);
	before_ns = clock_ns();
	far_reset();
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_uint_ge(stream_cause_ns(scene.stream), before_ns);
	ck_assert_uint_le(stream_cause_ns(scene.stream), told_ns);
	scene_close(&scene);
}
END_TEST

START_TEST(reset_while_bytes_wait_to_be_written)
{
	char data[200 * 1000] = "";

	scene_open_tiny(&scene, WIRE_TCP, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	loop_settle();
	far_reset();
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "WRITE HANGUP:ECONNRESET CLOSE:ECONNRESET");
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(events_of_one_turn_come_in_order)
{
	scene_open(&scene, WIRE_TCP, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	far_reset();
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "WRITE DRAIN HANGUP:ECONNRESET CLOSE:ECONNRESET");
	scene_close(&scene);
}
END_TEST

START_TEST(drain_is_not_told_when_bytes_were_lost)
{
	char data[200 * 1000] = "";
	int r = 0;

	scene_open_tiny(&scene, TEST_KIND, 0);
	if (wire_writes(TEST_KIND)) {
		/* One byte goes out, so a DRAIN is due. The waiting bytes are lost with the
		 * stream. */
		ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
		ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
		ck_assert_uint_gt(stream_bytes_waiting(scene.stream), 0);
		fault_only(FAULT_MEMORY);
		fault_arm(1);
		r = stream_write(scene.stream, data, sizeof(data), NULL);
		ck_assert(fault_disarm());
		ck_assert_int_eq(r, -ENOMEM);
		loop_until(heard(&scene.rec, "CLOSE"));
		ck_assert(!heard(&scene.rec, "DRAIN"));
	}
	scene_close(&scene);
}
END_TEST

START_TEST(graceful_close_of_a_paused_stream_ends_with_a_reset)
{
	char data[200 * 1000] = "";

	scene_open_tiny(&scene, WIRE_TCP, STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	stream_stop(scene.stream);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	stream_close_gracefully(scene.stream);
	loop_settle();
	far_reset();
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_int_eq(stream_cause(scene.stream), -ECONNRESET);
	scene_close(&scene);
}
END_TEST

START_TEST(graceful_close_tells_the_error)
{
	char data[200 * 1000] = "";

	scene_open_tiny(&scene, WIRE_UNIX, _i == 0 ? 0 : STREAM_HALF_OPEN);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	stream_close_gracefully(scene.stream);
	fault_only_call("send");
	fault_set_errno(ETIMEDOUT);
	fault_arm(1);
	(void)peer_recv(scene.far, data, sizeof(data));
	loop_until(fault_met() != NULL);
	ck_assert(fault_disarm());
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert(strstr(scene.rec.events, "ERROR:ETIMEDOUT CLOSE:ETIMEDOUT") != NULL);
	scene_close(&scene);
}
END_TEST

START_TEST(hangup_is_told_once_and_once_more_with_a_cause)
{
	if (TEST_KIND != WIRE_UNIX && TEST_KIND != WIRE_SOCKETPAIR) {
		return;
	}
	open_paused(TEST_KIND, STREAM_HALF_OPEN);
	far_close();
	loop_until(heard(&scene.rec, "HANGUP"));
	ck_assert(stream_has_hung_up(scene.stream));
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), -EPIPE);
	loop_settle();
	scene_heard(&scene, "HANGUP HANGUP:EPIPE");
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_until(heard(&scene.rec, "CLOSE"));
	scene_heard(&scene, "HANGUP HANGUP:EPIPE CLOSE:EPIPE");
	scene_close(&scene);
}
END_TEST

/* ---- urgent data ---- */

START_TEST(urgent_data_stays_in_line)
{
	struct wire wire = wire_open(WIRE_TCP);
	struct stream *s = _i == 0 ? stream_new(wire.near) : stream_open(test_loop, wire.near, 0);
	struct recorder rec;

	ck_assert_int_eq(stream_set_loop(s, test_loop), 0);
	recorder_on(&rec, s, STREAM_ALL_EVENTS);
	peer_send(wire.far, "ab");
	peer_send_urgent(wire.far, 'C');
	peer_send(wire.far, "de");
	ck_assert_int_eq(stream_start(s), 0);
	loop_until(rec.n_read == 5);
	peer_send_urgent(wire.far, 'F');
	loop_until(rec.n_read == 6);
	peer_send(wire.far, "g");
	peer_send_urgent(wire.far, 'H');
	close(wire.far);
	loop_until(heard(&rec, "CLOSE"));
	ck_assert_str_eq(rec.text, "abCdeFgH");
	stream_free(s);
}
END_TEST

/* ---- small pieces ---- */

/** Sends one byte in each turn, if there is room. */
struct dripper {
	struct task task;
	size_t n_sent;
	size_t n_max;
};

static void drip(struct task *task)
{
	struct dripper *dripper = container_of(task, struct dripper, task);
	char byte = (char)pattern_at(dripper->n_sent);

	if (write(scene.far, &byte, 1) == 1) {
		dripper->n_sent++;
	}
	if (dripper->n_sent < dripper->n_max) {
		loop_next(test_loop, task);
	}
}

START_TEST(a_peer_that_sends_byte_by_byte)
{
	struct dripper dripper = {.n_max = 3000};

	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	scene.rec.is_pattern = true;
	ck_assert_int_eq(stream_start(scene.stream), 0);
	task_init(&dripper.task, drip);
	loop_next(test_loop, &dripper.task);
	loop_until(scene.rec.n_read == dripper.n_max);
	scene_heard(&scene, "READ");
	scene_close(&scene);
}
END_TEST

START_TEST(a_peer_that_accepts_byte_by_byte)
{
	enum { LEN = 70 * 1000 };
	unsigned char *data = malloc(LEN);
	struct peer peer;

	if (wire_writes(TEST_KIND)) {
		pattern_fill(data, 0, LEN);
		scene_open_tiny(&scene, TEST_KIND, 0);
		ck_assert_int_eq(stream_write(scene.stream, data, LEN, NULL), 0);
		peer_open(&peer, scene.far);
		peer.is_pattern = true;
		peer.max = 1;
		loop_until(peer.n_received == LEN);
		loop_until(heard(&scene.rec, "DRAIN"));
		scene_heard(&scene, "WRITE DRAIN");
		scene.far = peer_release(&peer);
		scene_close(&scene);
	}
	free(data);
}
END_TEST

START_TEST(read_max_bounds_every_read_and_the_share_of_a_turn)
{
	unsigned most = 0;

	if (!wire_reads(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	scene.rec.is_pattern = false;
	stream_set_read_max(scene.stream, 1);
	peer_send(scene.far, "a long line of some forty characters, no ");
	ck_assert_int_eq(stream_start(scene.stream), 0);
	while (scene.rec.n_read < 41) {
		unsigned before = scene.rec.n_events;

		fixture_turn(__FILE__, __LINE__, "all is read");
		most = scene.rec.n_events - before > most ? scene.rec.n_events - before : most;
	}
	ck_assert_uint_eq(scene.rec.n_events, 41);
	/* In a turn the stream's event reads at most READS_A_TURN times, and so does its task. */
	ck_assert_uint_le(most, 4 + 4);
	stream_set_read_max(scene.stream, (size_t)LOOP_BUFFER_BYTES * 2);
	peer_send(scene.far, "at once");
	loop_until(scene.rec.n_read == 48);
	ck_assert_uint_eq(scene.rec.n_events, 42);
	scene_close(&scene);
}
END_TEST

/* ---- looking at the kernel ---- */

static void on_poke(struct task *task)
{
	(void)task;
	stream_poke(scene.stream);
}

START_TEST(poke_reads_and_writes_now)
{
	char buffer[65536];
	char data[200 * 1000] = "";
	struct task task;
	size_t waiting;

	if (!wire_is_socket(TEST_KIND)) {
		return;
	}
	scene_open_tiny(&scene, TEST_KIND, 0);
	ck_assert_int_eq(stream_start(scene.stream), 0);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	loop_settle();
	waiting = stream_bytes_waiting(scene.stream);
	ck_assert_uint_gt(waiting, 0);
	/* The task runs after polling, so the loop has no event yet for the bytes that come now. */
	task_init(&task, on_poke);
	peer_send(scene.far, "x");
	while (peer_recv(scene.far, buffer, sizeof(buffer)) > 0) {
	}
	loop_defer(test_loop, &task);
	loop_until(scene.rec.n_read == 1 && stream_bytes_waiting(scene.stream) < waiting);
	scene_close(&scene);
}
END_TEST

START_TEST(poke_leaves_a_stopped_and_a_closed_stream_alone)
{
	struct task task;

	open_paused(WIRE_TCP, 0);
	task_init(&task, on_poke);
	peer_send(scene.far, "x");
	loop_defer(test_loop, &task);
	loop_settle();
	scene_heard(&scene, "");
	stream_close(scene.stream);
	loop_defer(test_loop, &task);
	loop_settle();
	scene_heard(&scene, "CLOSE");
	scene_close(&scene);
}
END_TEST

static void on_expire(struct task *task)
{
	(void)task;
	stream_expire(scene.stream);
}

START_TEST(expire_tells_timeout_and_closes_nothing)
{
	struct task task;

	scene_open(&scene, WIRE_TCP, 0);
	task_init(&task, on_expire);
	loop_defer(test_loop, &task);
	loop_settle();
	scene_heard(&scene, "TIMEOUT");
	ck_assert_int_ge(stream_fd(scene.stream), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(unread_and_unsent_are_the_kernels_numbers)
{
	char data[200 * 1000] = "";

	open_paused(WIRE_TCP, 0);
	ck_assert(stream_is_tcp(scene.stream));
	ck_assert_uint_eq(stream_unread(scene.stream), 0);
	ck_assert_uint_eq(stream_unsent(scene.stream), 0);
	peer_send(scene.far, "12345");
	loop_until(stream_unread(scene.stream) == 5);
	scene_close(&scene);
	scene_open_tiny(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	loop_settle();
	ck_assert_uint_gt(stream_unsent(scene.stream), 0);
	stream_close(scene.stream);
	ck_assert_uint_eq(stream_unsent(scene.stream), 0);
	ck_assert_uint_eq(stream_unread(scene.stream), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(stalled_since_the_kernel_took_the_last_byte)
{
	char data[200 * 1000] = "";
	struct peer peer;
	uint64_t since;

	scene_open_tiny(&scene, WIRE_UNIX, 0);
	ck_assert(stream_stalled_ns(scene.stream) == NS_NEVER);
	ck_assert_int_eq(stream_write(scene.stream, data, sizeof(data), NULL), 0);
	since = stream_stalled_ns(scene.stream);
	ck_assert_uint_le(since, clock_ns());
	loop_settle();
	ck_assert_uint_eq(stream_stalled_ns(scene.stream), since);
	peer_open(&peer, scene.far);
	loop_until(stream_stalled_ns(scene.stream) > since);
	loop_until(stream_bytes_waiting(scene.stream) == 0);
	ck_assert(stream_stalled_ns(scene.stream) == NS_NEVER);
	loop_until(peer.n_received == sizeof(data));
	scene.far = peer_release(&peer);
	scene_close(&scene);
}
END_TEST

/* If another fd refers to the same socket, close(2) alone does not end epoll's watch. */
START_TEST(closed_stream_on_a_shared_fd_is_not_watched)
{
	int other;
	uint64_t began;

	scene_open(&scene, TEST_KIND, 0);
	other = dup(stream_fd(scene.stream));
	ck_assert_int_eq(stream_start(scene.stream), 0);
	loop_settle();
	scene.stream = stream_free(scene.stream);
	loop_settle();
	if (wire_reads(TEST_KIND)) {
		peer_send(scene.far, "x");
	} else {
		scene_far_close(&scene);
	}
	began = loop_turns(test_loop);
	loop_for_ms(20);
	ck_assert_uint_le(loop_turns(test_loop) - began, 1);
	close(other);
	scene_close(&scene);
}
END_TEST

static void add_reset_tests(TCase *tc)
{
	tcase_add_test(tc, reset_after_a_fin_ends_a_half_open_stream);
	tcase_add_test(tc, reset_after_a_fin_is_known_while_paused);
	tcase_add_test(tc, the_time_of_a_reset_is_when_it_was_noticed);
	tcase_add_test(tc, reset_while_bytes_wait_to_be_written);
	tcase_add_test(tc, events_of_one_turn_come_in_order);
	tcase_add_wire_test(tc, drain_is_not_told_when_bytes_were_lost);
	tcase_add_test(tc, graceful_close_of_a_paused_stream_ends_with_a_reset);
	tcase_add_loop_test(tc, graceful_close_tells_the_error, 0, 2);
	tcase_add_wire_test(tc, hangup_is_told_once_and_once_more_with_a_cause);
	tcase_add_loop_test(tc, urgent_data_stays_in_line, 0, 2);
}

static void add_other_tests(TCase *tc)
{
	tcase_add_wire_test(tc, a_peer_that_sends_byte_by_byte);
	tcase_add_wire_test(tc, a_peer_that_accepts_byte_by_byte);
	tcase_add_wire_test(tc, read_max_bounds_every_read_and_the_share_of_a_turn);
	tcase_add_wire_test(tc, poke_reads_and_writes_now);
	tcase_add_test(tc, expire_tells_timeout_and_closes_nothing);
	tcase_add_test(tc, poke_leaves_a_stopped_and_a_closed_stream_alone);
	tcase_add_test(tc, unread_and_unsent_are_the_kernels_numbers);
	tcase_add_test(tc, stalled_since_the_kernel_took_the_last_byte);
	tcase_add_wire_test(tc, closed_stream_on_a_shared_fd_is_not_watched);
}

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *paused = tcase_create("paused");
	TCase *resets = tcase_create("resets");
	TCase *other = tcase_create("other");

	suite_add_tcase(suite, paused);
	tcase_add_checked_fixture(paused, fixture_setup, fixture_teardown);
	tcase_add_loop_test(paused, paused_stream_sleeps_and_knows, 0, PAUSED_ROWS);
	suite_add_tcase(suite, resets);
	tcase_add_checked_fixture(resets, fixture_setup, fixture_teardown);
	add_reset_tests(resets);
	suite_add_tcase(suite, other);
	tcase_add_checked_fixture(other, fixture_setup, fixture_teardown);
	add_other_tests(other);
	return suite_run(suite);
}
