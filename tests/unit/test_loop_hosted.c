/* SPDX-License-Identifier: ISC */
/*
 * A loop that is hosted by a uv_loop_t: what keeps the host's loop alive, and what wakes it.
 * test_loop_hosted_life.c tests how it sleeps, begins and ends. The other tests of the library run
 * hosted, too (fixture.h); they show that all else is as on a loop of its own.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "fixture.h"
#include "job.h"
#include "lookup.h"
#include "resolver_rig.h"
#include "suite.h"

static uv_loop_t *host;

static void setup(void)
{
	fixture_setup();
	host = fixture_host();
}

static bool is_alive(void)
{
	return uv_loop_alive(host) != 0;
}

/** Runs the host's loop until there is no work. If that takes too long, libcheck's timeout ends
 * it. */
static void run_out(void)
{
	ck_assert_int_eq(uv_run(host, UV_RUN_DEFAULT), 0);
	ck_assert(!is_alive());
}

/* ---- what is work ---- */

struct work {
	struct watcher watcher;
	struct timer timer;
	struct job job;
	int fd;
};

static void on_ready(struct watcher *watcher, uint32_t events)
{
	struct work *work = container_of(watcher, struct work, watcher);

	(void)events;
	if (work->fd >= 0) {
		close(work->fd);
		work->fd = -1;
		loop_forget(test_loop, &work->watcher);
	}
}

static void on_strike(struct timer *timer)
{
	(void)timer;
}

static void release(struct job *job)
{
	(void)job;
	loop_release(test_loop);
}

static void do_watch(struct work *work)
{
	work->watcher.ready = on_ready;
	work->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(loop_watch(test_loop, work->fd, &work->watcher), 0);
}

static void undo_watch(struct work *work)
{
	loop_unwatch(test_loop, work->fd, &work->watcher);
	close(work->fd);
}

static void do_arm(struct work *work)
{
	timer_close(&work->timer);
	ck_assert_int_eq(timer_open(&work->timer, test_loop, on_strike), 0);
	ck_assert(!is_alive()); /* an open timer is no work */
	timer_arm(&work->timer, clock_ns() + 5 * NS_PER_MS);
}

static void undo_arm(struct work *work)
{
	timer_arm(&work->timer, NS_NEVER);
}

static void do_hold(struct work *work)
{
	loop_hold(test_loop);
	work->job.act = release;
	loop_post(test_loop, &work->job.task);
}

static void undo_hold(struct work *work)
{
	loop_release(test_loop);
	ck_assert(loop_post_cancel(test_loop, &work->job.task));
}

static void do_defer(struct work *work)
{
	loop_defer(test_loop, &work->job.task);
}

static void do_next(struct work *work)
{
	loop_next(test_loop, &work->job.task);
}

static void undo_task(struct work *work)
{
	loop_cancel(test_loop, &work->job.task);
}

static const struct {
	void (*begin)(struct work *work);
	void (*undo)(struct work *work);
} works[] = {
	{do_watch, undo_watch},
	{do_arm, undo_arm},
	{do_hold, undo_hold},
	{do_defer, undo_task},
	{do_next, undo_task},
};

enum { WORKS = sizeof(works) / sizeof(works[0]) };

static void work_init(struct work *work)
{
	memset(work, 0, sizeof(*work));
	job_init(&work->job, 'x');
}

START_TEST(a_loop_without_work_keeps_no_host)
{
	ck_assert(!is_alive());
	run_out();
	ck_assert_uint_eq(loop_turns(test_loop), 0);
}
END_TEST

START_TEST(work_keeps_the_host_until_it_is_taken_back)
{
	struct work work;

	work_init(&work);
	works[_i].begin(&work);
	ck_assert(is_alive());
	works[_i].undo(&work);
	ck_assert(!is_alive());
	run_out();
	timer_close(&work.timer);
}
END_TEST

START_TEST(work_keeps_the_host_until_it_is_done)
{
	struct work work;

	work_init(&work);
	works[_i].begin(&work);
	run_out();
	works[_i].begin(&work); /* and once more after that */
	ck_assert(is_alive());
	run_out();
	timer_close(&work.timer);
}
END_TEST

START_TEST(two_works_keep_the_host_until_both_are_done)
{
	struct work first;
	struct work second;

	work_init(&first);
	work_init(&second);
	works[_i].begin(&first);
	ck_assert_int_eq(timer_open(&second.timer, test_loop, on_strike), 0);
	timer_arm(&second.timer, clock_ns() + 5 * NS_PER_MS);
	works[_i].undo(&first);
	ck_assert(is_alive());
	run_out();
	timer_close(&first.timer);
	timer_close(&second.timer);
}
END_TEST

START_TEST(a_post_waits_until_the_loop_turns)
{
	struct job post;

	job_init(&post, 'x');
	loop_post(test_loop, &post.task);
	ck_assert(!is_alive());
	run_out();
	ck_assert_uint_eq(post.runs, 0);
	loop_hold(test_loop);
	while (post.runs == 0) {
		ck_assert_int_ne(uv_run(host, UV_RUN_ONCE), 0);
	}
	loop_release(test_loop);
	ck_assert_uint_eq(loop_turns(test_loop), 1);
}
END_TEST

static void defer_other(struct job *job)
{
	ck_assert(loop_is_running(test_loop));
	loop_defer(test_loop, &job->other->task);
}

START_TEST(what_a_post_defers_runs_in_its_turn)
{
	struct job post;
	struct job deferred;

	job_init(&post, 'x');
	job_init(&deferred, 'y');
	post.act = defer_other;
	post.other = &deferred;
	loop_hold(test_loop);
	loop_post(test_loop, &post.task);
	while (deferred.runs == 0) {
		ck_assert_int_ne(uv_run(host, UV_RUN_ONCE), 0);
	}
	/* The loop counts a turn after its polling and before its tasks. */
	ck_assert_uint_eq(deferred.turn, post.turn + 1);
	loop_release(test_loop);
}
END_TEST

/* ---- lookups ---- */

static void answer_lookup(uv_timer_t *timer)
{
	lookup_answer("a.example", 0, "127.0.0.1");
	uv_close((uv_handle_t *)timer, NULL);
}

/** Waits until the lookup of the name has begun. Later a timer of the host answers it; this timer
 * does not keep the host alive. */
static void answer_later(uv_timer_t *timer)
{
	while (!lookup_is_open("a.example")) {
		ck_assert_int_ne(uv_run(host, UV_RUN_ONCE), 0);
	}
	ck_assert_int_eq(uv_timer_init(host, timer), 0);
	ck_assert_int_eq(uv_timer_start(timer, answer_lookup, 5, 0), 0);
	uv_unref((uv_handle_t *)timer);
}

START_TEST(a_lookup_keeps_the_host_until_it_is_answered)
{
	struct asker asker;
	uv_timer_t timer;

	lookup_script();
	resolver = resolver_new(test_loop, NULL);
	ck_assert(!is_alive());
	must_wait(&asker, "a.example");
	ck_assert(is_alive());
	answer_later(&timer);
	run_out();
	must_know(&asker, "127.0.0.1");
	rig_forget();
	resolver = resolver_free(resolver);
	lookup_unscript();
}
END_TEST

START_TEST(a_lookup_that_was_given_up_keeps_the_host_until_it_returns)
{
	struct asker asker;
	uv_timer_t timer;

	lookup_script();
	resolver = resolver_new(test_loop, NULL);
	must_wait(&asker, "a.example");
	answer_later(&timer);
	resolver_cancel(&asker.query); /* from here on the caller owns the query's memory */
	memset(&asker, 0xff, sizeof(asker));
	ck_assert(is_alive());
	ck_assert_uint_eq(resolver_lookups(resolver), 1);
	run_out();
	ck_assert_uint_eq(resolver_lookups(resolver), 0);
	rig_forget();
	resolver = resolver_free(resolver);
	lookup_unscript();
}
END_TEST

START_TEST(a_question_that_was_taken_back_before_its_lookup_keeps_nobody)
{
	struct asker asker;

	lookup_script();
	resolver = resolver_new(test_loop, NULL);
	must_wait(&asker, "a.example");
	resolver_cancel(&asker.query);
	ck_assert(!is_alive());
	run_out();
	ck_assert_uint_eq(lookup_n_begun(), 0);
	rig_forget();
	resolver = resolver_free(resolver);
	lookup_unscript();
}
END_TEST

/* ---- callbacks of the host ---- */

/** A handle of one of these kinds. The host calls its callback before those of our loop, and this
 * callback puts a task on a list. */
static struct {
	union {
		uv_handle_t any;
		uv_timer_t timer;
		uv_idle_t idle;
		uv_prepare_t prepare;
		uv_check_t check;
		uv_async_t async;
		uv_poll_t poll;
	} handle;
	struct job job;
	void (*put)(struct loop *loop, struct task *task);
	int fd; /**< an fd that is ready */
} guest;

static void guest_put(void)
{
	ck_assert(!loop_is_running(test_loop));
	guest.put(test_loop, &guest.job.task);
}

static void guest_leave(void)
{
	uv_close(&guest.handle.any, NULL);
	guest_put();
}

#define ON_GUEST(kind)                                                                             \
	static void on_guest_##kind(uv_##kind##_t *handle)                                         \
	{                                                                                          \
		(void)handle;                                                                      \
		guest_leave();                                                                     \
	}

ON_GUEST(timer)
ON_GUEST(idle)
ON_GUEST(prepare)
ON_GUEST(check)
ON_GUEST(async)

static void on_guest_poll(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events;
	guest_leave();
}

static void on_guest_closed(uv_handle_t *handle)
{
	(void)handle;
	guest_put();
}

static void begin_timer(void)
{
	(void)uv_timer_init(host, &guest.handle.timer);
	(void)uv_timer_start(&guest.handle.timer, on_guest_timer, 0, 0);
}

#define BEGIN(kind)                                                                                \
	static void begin_##kind(void)                                                             \
	{                                                                                          \
		(void)uv_##kind##_init(host, &guest.handle.kind);                                  \
		(void)uv_##kind##_start(&guest.handle.kind, on_guest_##kind);                      \
	}

BEGIN(idle)
BEGIN(prepare)
BEGIN(check)

static void begin_async(void)
{
	(void)uv_async_init(host, &guest.handle.async, on_guest_async);
	(void)uv_async_send(&guest.handle.async);
}

static void begin_poll(void)
{
	(void)uv_poll_init(host, &guest.handle.poll, guest.fd);
	(void)uv_poll_start(&guest.handle.poll, UV_WRITABLE, on_guest_poll);
}

static void begin_close(void)
{
	(void)uv_timer_init(host, &guest.handle.timer);
	uv_close(&guest.handle.any, on_guest_closed);
}

static void (*const guests[])(void) = {
	begin_timer, begin_idle, begin_prepare, begin_check, begin_async, begin_poll, begin_close};

enum { GUESTS = sizeof(guests) / sizeof(guests[0]) };

/* There is no other work, so only the task can wake the host. */
START_TEST(what_a_callback_of_the_host_puts_on_a_list_runs_at_once)
{
	for (unsigned i = 0; i < 2; i++) {
		memset(&guest, 0, sizeof(guest));
		job_init(&guest.job, 'x');
		guest.put = i == 0 ? loop_defer : loop_next;
		guest.fd = eventfd(0, EFD_CLOEXEC);
		guests[_i]();
		(void)uv_run(host, UV_RUN_NOWAIT);
		ck_assert(guest.job.runs == 1 || is_alive());
		run_out();
		ck_assert_uint_eq(guest.job.runs, 1);
		close(guest.fd);
	}
}
END_TEST

static struct scene scene;

static void write_from_timer(uv_timer_t *timer)
{
	ck_assert_int_eq(stream_write(scene.stream, "hello", 5, NULL), 0);
	stream_close_gracefully(scene.stream);
	uv_close((uv_handle_t *)timer, NULL);
}

START_TEST(a_stream_that_a_callback_of_the_host_writes_to_tells_of_it)
{
	char text[8] = "";
	uv_timer_t timer;

	scene_open(&scene, WIRE_TCP, 0);
	(void)uv_timer_init(host, &timer);
	(void)uv_timer_start(&timer, write_from_timer, 1, 0);
	run_out(); /* ends only if the stream is closed */
	scene_heard(&scene, "WRITE DRAIN CLOSE");
	ck_assert_int_eq(peer_recv(scene.far, text, sizeof(text)), 5);
	ck_assert_str_eq(text, "hello");
	scene_close(&scene);
}
END_TEST

static void next_self(struct job *job)
{
	loop_next(test_loop, &job->task);
}

static void on_count(uv_timer_t *timer)
{
	unsigned *n = timer->data;

	if (++*n == 3) {
		uv_stop(timer->loop);
	}
}

START_TEST(a_task_without_an_end_leaves_the_host_its_own_and_a_stop)
{
	unsigned n = 0;
	uv_timer_t timer = {.data = &n};
	struct job job;

	job_init(&job, 'x');
	job.act = next_self;
	loop_next(test_loop, &job.task);
	(void)uv_timer_init(host, &timer);
	(void)uv_timer_start(&timer, on_count, 1, 1);
	ck_assert_int_ne(uv_run(host, UV_RUN_DEFAULT), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_ge(job.runs, 2);
	loop_cancel(test_loop, &job.task);
	uv_close((uv_handle_t *)&timer, NULL);
	run_out();
}
END_TEST

static void add_work_tests(TCase *tc)
{
	tcase_add_test(tc, a_loop_without_work_keeps_no_host);
	tcase_add_loop_test(tc, work_keeps_the_host_until_it_is_taken_back, 0, WORKS);
	tcase_add_loop_test(tc, work_keeps_the_host_until_it_is_done, 0, WORKS);
	tcase_add_loop_test(tc, two_works_keep_the_host_until_both_are_done, 0, WORKS);
	tcase_add_test(tc, a_post_waits_until_the_loop_turns);
	tcase_add_test(tc, what_a_post_defers_runs_in_its_turn);
	tcase_add_test(tc, a_lookup_keeps_the_host_until_it_is_answered);
	tcase_add_test(tc, a_lookup_that_was_given_up_keeps_the_host_until_it_returns);
	tcase_add_test(tc, a_question_that_was_taken_back_before_its_lookup_keeps_nobody);
}

static void add_host_tests(TCase *tc)
{
	tcase_add_loop_test(tc, what_a_callback_of_the_host_puts_on_a_list_runs_at_once, 0, GUESTS);
	tcase_add_test(tc, a_stream_that_a_callback_of_the_host_writes_to_tells_of_it);
	tcase_add_test(tc, a_task_without_an_end_leaves_the_host_its_own_and_a_stop);
}

int main(void)
{
	Suite *suite = suite_create("loop_hosted");
	TCase *tc = tcase_create("hosted");
	TCase *work =
		invariant_case("a hosted loop keeps its uv_run() going exactly while it has work",
			"docs/STREAM.md", "Drivers");

	(void)setenv("WEIR_TEST_HOSTED", "1", 1);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, fixture_teardown);
	add_host_tests(tc);
	suite_add_tcase(suite, work);
	tcase_add_checked_fixture(work, setup, fixture_teardown);
	add_work_tests(work);
	return suite_run(suite);
}
