/* SPDX-License-Identifier: ISC */
/*
 * Each turn of the loop ends, whatever handlers and tasks do in it. Endless work goes on in the
 * next turn, after timers, other streams and a stop. All bounds are in turns, not in time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "job.h"
#include "stream/connector.h"
#include "stream/loop_private.h"
#include "stream/timer.h"
#include "suite.h"

enum {
	A_TURN_MOST = 64, /* how often endless work may run in a turn */
	TURNS = 20,
};

static struct scene scene;

/** How often something happened: in the last turn, at most in one turn, and in all. */
static struct {
	uint64_t turn;
	unsigned n;
	unsigned most;
	unsigned total;
} ticks;

/** Counts, and fails the test if the turn does not end. */
static void tick(void)
{
	if (ticks.turn != loop_turns(test_loop)) {
		ticks.turn = loop_turns(test_loop);
		ticks.n = 0;
	}
	ticks.n++;
	ticks.total++;
	ticks.most = ticks.n > ticks.most ? ticks.n : ticks.most;
	ck_assert_msg(ticks.n <= 10000, "this turn does not end");
}

static bool struck;

static void on_struck(struct timer *timer)
{
	(void)timer;
	struck = true;
}

static void stop(struct job *job)
{
	(void)job;
	fixture_stop();
}

/** Checks, while endless work goes on, that turns end, other work runs between, and a stop
 * works. */
static void assert_turns_end(unsigned most)
{
	struct timer timer = {0};
	struct scene other;
	struct job job;

	struck = false;
	ck_assert_int_eq(timer_open(&timer, test_loop, on_struck), 0);
	scene_open(&other, WIRE_SOCKETPAIR, 0);
	ck_assert_int_eq(stream_start(other.stream), 0);
	for (unsigned i = 0; i < TURNS; i++) {
		unsigned before = ticks.total;

		struck = false;
		timer_arm(&timer, clock_ns());
		recorder_clear(&other.rec);
		peer_send(other.far, "x");
		job_init(&job, 'x');
		loop_next(test_loop, &job.task);
		/* In one turn the timerfd may not have expired yet. */
		for (unsigned turns = 0; turns < 2 || !struck; turns++) {
			ck_assert_uint_lt(turns, 10);
			fixture_turn(__FILE__, __LINE__, "a turn");
		}
		ck_assert_uint_eq(other.rec.n_read, 1);
		ck_assert_uint_eq(job.runs, 1);
		ck_assert_uint_gt(ticks.total, before); /* the endless work goes on, too */
	}
	job.act = stop;
	loop_next(test_loop, &job.task);
	fixture_run();
	ck_assert_uint_eq(job.runs, 2);
	ck_assert_uint_le(ticks.most, most);
	timer_close(&timer);
	scene_close(&other);
}

static void setup(void)
{
	memset(&ticks, 0, sizeof(ticks));
	fixture_setup();
}

/* ---- streams ---- */

static void write_again(struct recorder *recorder, const struct event *event)
{
	char sink[8];

	recorder_clear(recorder);
	tick();
	while (peer_recv(scene.far, sink, sizeof(sink)) > 0) {
	}
	ck_assert_int_eq(stream_write(event->stream, "x", 1, NULL), 0);
}

static void write_with_callback_again(struct recorder *recorder, const struct event *event)
{
	char sink[8];

	recorder_clear(recorder);
	tick();
	while (peer_recv(scene.far, sink, sizeof(sink)) > 0) {
	}
	ck_assert_int_eq(stream_write(event->stream, "x", 1, &recorder->handler), 0);
}

static void write_nothing_again(struct recorder *recorder, const struct event *event)
{
	recorder_clear(recorder);
	tick();
	ck_assert_int_eq(stream_write(event->stream, "", 0, &recorder->handler), 0);
}

static const struct {
	unsigned event;
	void (*act)(struct recorder *recorder, const struct event *event);
	bool is_once;
} writers[] = {
	{STREAM_DRAIN, write_again, false},
	{STREAM_WRITE, write_again, false},
	/* Users of Mojo::IOLoop::Stream, the original of the contract (docs/STREAM.md), throttle in
	 * this way: the drain callback writes the next piece, again with a drain callback. */
	{STREAM_DRAIN, write_with_callback_again, true},
	{STREAM_DRAIN, write_nothing_again, true},
};

enum { WRITERS = sizeof(writers) / sizeof(writers[0]) };

START_TEST(a_handler_that_writes_again_hears_the_next_event_in_the_next_turn)
{
	for (unsigned i = 0; i < WRITERS; i++) {
		struct recorder rec;

		if (!wire_writes(TEST_KIND)) {
			return;
		}
		memset(&ticks, 0, sizeof(ticks));
		scene_open(&scene, TEST_KIND, 0);
		stream_off(scene.stream, &scene.rec.handler);
		recorder_on(&rec, scene.stream, writers[i].event);
		rec.act = writers[i].act;
		if (writers[i].is_once) {
			stream_off(scene.stream, &rec.handler);
		}
		ck_assert_int_eq(stream_write(scene.stream, "x", 1,
					 writers[i].is_once ? &rec.handler : NULL),
			0);
		assert_turns_end(1);
		stream_off(scene.stream, &rec.handler);
		scene_close(&scene);
	}
}
END_TEST

/** Two streams; when one has drained, the other is written to. */
static struct scene across[2];

static void write_across(struct recorder *recorder, const struct event *event)
{
	struct scene *to = recorder == &across[0].rec ? &across[1] : &across[0];
	char sink[8];

	(void)event;
	recorder_clear(recorder);
	tick();
	while (peer_recv(to->far, sink, sizeof(sink)) > 0) {
	}
	ck_assert_int_eq(stream_write(to->stream, "x", 1, NULL), 0);
}

START_TEST(drains_that_write_to_each_other_take_turns)
{
	for (size_t i = 0; i < 2; i++) {
		scene_open(&across[i], WIRE_SOCKETPAIR, 0);
		stream_off(across[i].stream, &across[i].rec.handler);
		recorder_on(&across[i].rec, across[i].stream, STREAM_DRAIN);
		across[i].rec.act = write_across;
	}
	ck_assert_int_eq(stream_write(across[0].stream, "x", 1, NULL), 0);
	assert_turns_end(2);
	scene_close(&across[0]);
	scene_close(&across[1]);
}
END_TEST

static struct stream *latest;
static struct handler reopener;
static bool is_over;

static void open_and_close(void)
{
	struct wire wire = wire_open(WIRE_SOCKETPAIR);

	close(wire.far);
	latest = stream_open(test_loop, wire.near, 0);
	stream_on(latest, STREAM_CLOSE, &reopener);
	stream_close(latest);
}

static void on_reopen(struct handler *handler, const struct event *event)
{
	tick();
	(void)handler;
	stream_free(event->stream);
	latest = NULL;
	if (!is_over) {
		open_and_close();
	}
}

START_TEST(a_close_handler_that_opens_and_closes_another_stream)
{
	reopener = (struct handler){.call = on_reopen};
	is_over = false;
	open_and_close();
	assert_turns_end(A_TURN_MOST);
	is_over = true;
	loop_until(latest == NULL);
}
END_TEST

enum { PIECE = 16 * 1024 };

/** The peer is as fast as the reader: after each read there are more bytes. */
static void send_again(struct recorder *recorder, const struct event *event)
{
	static const char bytes[PIECE];

	tick();
	recorder_clear(recorder);
	(void)event;
	fault_suspend();
	ck_assert_int_gt(write(scene.far, bytes, sizeof(bytes)), 0);
	fault_resume();
}

static void send_and_start_again(struct recorder *recorder, const struct event *event)
{
	send_again(recorder, event);
	stream_stop(event->stream);
	ck_assert_int_eq(stream_start(event->stream), 0);
}

START_TEST(a_reader_with_a_fast_peer_has_its_share_of_a_turn)
{
	for (unsigned i = 0; i < 2; i++) {
		if (!wire_reads(TEST_KIND) || TEST_KIND == WIRE_TTY || TEST_KIND == WIRE_PTY) {
			return; /* a terminal returns one buffer of its line discipline at a time */
		}
		memset(&ticks, 0, sizeof(ticks));
		scene_open(&scene, TEST_KIND, 0);
		stream_off(scene.stream, &scene.rec.handler);
		recorder_on(&scene.rec, scene.stream, STREAM_READ);
		scene.rec.act = i == 0 ? send_again : send_and_start_again;
		ck_assert_int_eq(stream_start(scene.stream), 0);
		peer_send(scene.far, "x");
		assert_turns_end(2 * 4);
		scene_close(&scene);
	}
}
END_TEST

static bool takes_all;
static size_t taken_in_a_turn;
static uint64_t taken_turn;

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

/** If `takes_all` is set, the peer takes bytes as fast as we write them. */
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	if (!takes_all) {
		return __real_send(fd, data, len, flags);
	}
	if (taken_turn != loop_turns(test_loop)) {
		taken_turn = loop_turns(test_loop);
		taken_in_a_turn = 0;
	}
	taken_in_a_turn += len;
	ck_assert_uint_le(taken_in_a_turn, 2 * 1024 * 1024);
	return (ssize_t)len;
}

START_TEST(a_long_queue_goes_out_in_shares_whatever_the_peer_takes)
{
	enum { LEN = 16 * 1024 * 1024 };
	char *data = calloc(1, LEN);
	char sink[4096];
	uint64_t began;

	for (int pieces = 1; pieces <= 1024; pieces *= 1024) {
		scene_open(&scene, WIRE_SOCKETPAIR, 0);
		(void)peer_fill(scene.far);
		takes_all = false;
		while (stream_bytes_waiting(scene.stream) < LEN) {
			ck_assert_int_eq(
				stream_write(scene.stream, data, (size_t)(LEN / pieces), NULL), 0);
		}
		loop_settle();
		takes_all = true;
		began = loop_turns(test_loop);
		while (peer_recv(scene.far, sink, sizeof(sink)) > 0) {
		}
		loop_until(stream_bytes_waiting(scene.stream) == 0);
		ck_assert_uint_ge(loop_turns(test_loop) - began, LEN / (2 * 1024 * 1024));
		takes_all = false;
		scene_close(&scene);
	}
	free(data);
}
END_TEST

/* ---- tasks, posts, timers ---- */

static struct job one;
static struct job two;

static void defer_self(struct job *job)
{
	tick();
	loop_defer(test_loop, &job->task);
}

START_TEST(a_task_that_defers_itself)
{
	job_init(&one, 'x');
	one.act = defer_self;
	loop_defer(test_loop, &one.task);
	assert_turns_end(A_TURN_MOST);
	loop_cancel(test_loop, &one.task);
}
END_TEST

static void defer_other(struct job *job)
{
	tick();
	loop_defer(test_loop, &job->other->task);
}

static void next_other(struct job *job)
{
	tick();
	loop_next(test_loop, &job->other->task);
}

static void two_jobs(void (*first)(struct job *job), void (*second)(struct job *job))
{
	job_init(&one, 'x');
	job_init(&two, 'y');
	one.other = &two;
	two.other = &one;
	one.act = first;
	two.act = second;
	loop_defer(test_loop, &one.task);
	assert_turns_end(A_TURN_MOST);
	loop_cancel(test_loop, &one.task);
	loop_cancel(test_loop, &two.task);
}

START_TEST(tasks_that_defer_each_other_and_put_each_other_in_line)
{
	two_jobs(defer_other, defer_other);
	two_jobs(next_other, defer_other);
	two_jobs(next_other, next_other);
}
END_TEST

static void next_self(struct job *job)
{
	tick();
	loop_next(test_loop, &job->task);
}

START_TEST(a_task_that_puts_itself_in_line_runs_once_a_turn)
{
	job_init(&one, 'x');
	one.act = next_self;
	loop_next(test_loop, &one.task);
	assert_turns_end(1);
	loop_cancel(test_loop, &one.task);
}
END_TEST

static void post_self(struct job *job)
{
	tick();
	loop_post(test_loop, &job->task);
}

START_TEST(a_post_that_posts_itself)
{
	job_init(&one, 'x');
	one.act = post_self;
	loop_post(test_loop, &one.task);
	assert_turns_end(1);
	(void)loop_post_cancel(test_loop, &one.task);
}
END_TEST

/** Timers that are set to the past again whenever they strike. */
static struct timer eager[2 * TIMERS_A_TURN];

static void on_eager(struct timer *timer)
{
	tick();
	timer_arm(timer, 0);
}

static void eager_timers(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(timer_open(&eager[i], test_loop, on_eager), 0);
		timer_arm(&eager[i], 0);
	}
	assert_turns_end(TIMERS_A_TURN);
	for (size_t i = 0; i < n; i++) {
		timer_close(&eager[i]);
	}
}

START_TEST(timers_that_are_armed_for_the_past_in_their_strike)
{
	eager_timers(1);
	ck_assert_uint_le(ticks.most, 1); /* no timer strikes twice in a turn */
	eager_timers(2 * TIMERS_A_TURN);
}
END_TEST

/* ---- connecting ---- */

static struct connector_opts connecting;
static struct connector *connector;

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	tick();
	(void)owner;
	(void)last;
	(void)late_ns;
	ck_assert_int_lt(status, 0);
	ck_assert_ptr_null(stream);
	connector_close(connector);
	connector = connector_open(&connecting);
	ck_assert_ptr_nonnull(connector);
}

START_TEST(a_connector_that_fails_at_once_and_is_opened_again)
{
	struct addr addr;
	const char *why;

	/* No socket has this abstract name, so connect(2) itself fails. */
	ck_assert_int_eq(addr_parse("unix:@weir-test-nobody-is-here", &addr, &why), 0);
	connecting = (struct connector_opts){
		.loop = test_loop, .addr = &addr, .timeout_ns = NS_PER_S, .done = on_connected};
	connector = connector_open(&connecting);
	ck_assert_ptr_nonnull(connector);
	assert_turns_end(A_TURN_MOST);
	connector_close(connector);
}
END_TEST

/* ---- what need not wait for the next turn ---- */

static void defer_a_chain(struct job *job)
{
	if (job->runs < 6) {
		loop_defer(test_loop, &job->task);
	}
}

START_TEST(what_follows_from_what_is_done_in_one_turn)
{
	uint64_t began = loop_turns(test_loop);

	job_init(&one, 'x');
	one.act = defer_a_chain;
	loop_defer(test_loop, &one.task);
	loop_until(one.runs == 6);
	ck_assert_uint_eq(loop_turns(test_loop), began + 1);
}
END_TEST

static void close_at_once(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	if (event->type == STREAM_DRAIN || event->type == STREAM_READ) {
		stream_close(event->stream);
	}
}

START_TEST(a_close_in_a_handler_is_told_in_its_turn)
{
	uint64_t began;

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	scene_open(&scene, TEST_KIND, 0);
	scene.rec.act = close_at_once;
	began = loop_turns(test_loop);
	ck_assert_int_eq(stream_write(scene.stream, "x", 1, NULL), 0);
	loop_until(heard(&scene.rec, "CLOSE"));
	ck_assert_uint_eq(loop_turns(test_loop), began + 1);
	scene_heard(&scene, "WRITE DRAIN CLOSE");
	scene_close(&scene);
}
END_TEST

static void add_stream_tests(TCase *tc)
{
	tcase_add_wire_test(tc, a_handler_that_writes_again_hears_the_next_event_in_the_next_turn);
	tcase_add_test(tc, drains_that_write_to_each_other_take_turns);
	tcase_add_test(tc, a_close_handler_that_opens_and_closes_another_stream);
	tcase_add_wire_test(tc, a_reader_with_a_fast_peer_has_its_share_of_a_turn);
	tcase_add_test(tc, a_long_queue_goes_out_in_shares_whatever_the_peer_takes);
	tcase_add_test(tc, a_connector_that_fails_at_once_and_is_opened_again);
	tcase_add_wire_test(tc, a_close_in_a_handler_is_told_in_its_turn);
}

static void add_task_tests(TCase *tc)
{
	tcase_add_test(tc, a_task_that_defers_itself);
	tcase_add_test(tc, tasks_that_defer_each_other_and_put_each_other_in_line);
	tcase_add_test(tc, a_task_that_puts_itself_in_line_runs_once_a_turn);
	tcase_add_test(tc, a_post_that_posts_itself);
	tcase_add_test(tc, timers_that_are_armed_for_the_past_in_their_strike);
	tcase_add_test(tc, what_follows_from_what_is_done_in_one_turn);
}

int main(void)
{
	Suite *suite = suite_create("loop_turns");
	TCase *tc = invariant_case("every turn of a loop ends",
		"docs/decisions/0085-every-turn-ends.md", "0085: Every turn ends");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, fixture_teardown);
	add_stream_tests(tc);
	add_task_tests(tc);
	return suite_run(suite);
}
