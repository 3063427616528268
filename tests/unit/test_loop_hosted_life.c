/* SPDX-License-Identifier: ISC */
/* A loop hosted by a uv_loop_t: how it begins, sleeps and ends, and who owns its handles. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "job.h"
#include "stream/timer.h"
#include "suite.h"

static uv_loop_t *host;

static void setup(void)
{
	fixture_setup();
	host = fixture_host();
}

/* ---- sleep ---- */

static void count_round(uv_prepare_t *prepare)
{
	++*(unsigned *)prepare->data;
}

static void on_strike(struct timer *timer)
{
	(void)timer;
}

/** Runs the host for some time. Returns how many rounds it made. */
static unsigned rounds_in_ms(unsigned ms)
{
	struct timer timer = {0};
	unsigned rounds = 0;
	uv_prepare_t prepare = {.data = &rounds};

	(void)uv_prepare_init(host, &prepare);
	(void)uv_prepare_start(&prepare, count_round);
	uv_unref((uv_handle_t *)&prepare);
	ck_assert_int_eq(timer_open(&timer, test_loop, on_strike), 0);
	timer_arm(&timer, clock_ns() + ms * NS_PER_MS);
	while (timer.slot != 0) {
		ck_assert_int_ne(uv_run(host, UV_RUN_ONCE), 0);
	}
	timer_close(&timer);
	uv_close((uv_handle_t *)&prepare, NULL);
	(void)uv_run(host, UV_RUN_NOWAIT);
	return rounds;
}

/* There are unread bytes, and there was a task: neither keeps the host awake. */
START_TEST(an_idle_loop_lets_its_host_sleep)
{
	struct scene scene;
	struct job job;
	uint64_t began;

	scene_open(&scene, WIRE_TCP, 0);
	peer_send(scene.far, "unread");
	job_init(&job, 'x');
	loop_next(test_loop, &job.task);
	loop_settle();
	began = loop_turns(test_loop);
	ck_assert_uint_le(rounds_in_ms(100), 3);
	ck_assert_uint_le(loop_turns(test_loop) - began, 2);
	scene_close(&scene);
}
END_TEST

enum { MANY = 600 };

static unsigned n_ready;

static void count_ready(struct watcher *watcher, uint32_t events)
{
	(void)watcher;
	(void)events;
	n_ready++;
}

START_TEST(many_fds_that_are_ready_at_once_take_few_turns)
{
	struct watcher *watchers = calloc(MANY, sizeof(*watchers));
	int fds[MANY];
	uint64_t began;

	for (int i = 0; i < MANY; i++) {
		fds[i] = eventfd(1, EFD_CLOEXEC);
		watchers[i].ready = count_ready;
		ck_assert_int_eq(loop_watch(test_loop, fds[i], &watchers[i]), 0);
	}
	began = loop_turns(test_loop);
	n_ready = 0;
	while (n_ready < MANY) {
		ck_assert_int_ne(uv_run(host, UV_RUN_ONCE), 0);
	}
	ck_assert_uint_eq(loop_turns(test_loop) - began, (MANY + 255) / 256);
	ck_assert_uint_le(rounds_in_ms(50), 3); /* they stay ready */
	ck_assert_uint_eq(n_ready, MANY);
	for (int i = 0; i < MANY; i++) {
		close(fds[i]);
		loop_forget(test_loop, &watchers[i]);
	}
	free(watchers);
}
END_TEST

/* ---- the end ---- */

START_TEST(who_runs_or_stops_it_is_the_host)
{
	ck_assert_int_eq(loop_run(test_loop), -EINVAL);
	ck_assert_int_eq(loop_stop(test_loop), -EINVAL);
	ck_assert_int_eq(loop_run(NULL), -EINVAL);
	ck_assert_int_eq(loop_stop(NULL), -EINVAL);
}
END_TEST

static void run_within(struct job *job)
{
	(void)job;
	ck_assert_int_eq(loop_run(test_loop), -EINVAL);
	ck_assert_int_eq(loop_stop(test_loop), -EINVAL);
}

START_TEST(nobody_runs_it_from_within)
{
	struct job job;

	job_init(&job, 'x');
	job.act = run_within;
	loop_defer(test_loop, &job.task);
	ck_assert_int_eq(uv_run(host, UV_RUN_DEFAULT), 0);
	ck_assert_uint_eq(job.runs, 1);
}
END_TEST

static void run_host(struct job *job)
{
	(void)job;
	(void)uv_run(host, UV_RUN_NOWAIT);
}

START_TEST(a_turn_within_a_turn_is_a_bug)
{
	struct watcher watcher = {.ready = count_ready};
	struct job job;

	job_init(&job, 'x');
	job.act = run_host;
	loop_defer(test_loop, &job.task);
	ck_assert_int_eq(loop_watch_listen(test_loop, eventfd(1, EFD_CLOEXEC), &watcher), 0);
	(void)uv_run(host, UV_RUN_DEFAULT);
}
END_TEST

static unsigned n_owned;

static void close_what_is_not_owned(uv_handle_t *handle, void *loop)
{
	if (loop_owns(loop, handle)) {
		n_owned++;
	} else {
		uv_close(handle, NULL);
	}
}

START_TEST(who_closes_all_handles_can_tell_those_of_the_loop)
{
	struct loop *own = loop_new();
	struct job job;
	uv_timer_t timer;
	uv_async_t async;

	(void)uv_timer_init(host, &timer);
	(void)uv_async_init(host, &async, NULL);
	ck_assert(!loop_owns(own, (uv_handle_t *)&timer));
	n_owned = 0;
	uv_walk(host, close_what_is_not_owned, test_loop);
	ck_assert_uint_gt(n_owned, 0);
	ck_assert(uv_is_closing((uv_handle_t *)&timer) && uv_is_closing((uv_handle_t *)&async));
	ck_assert_int_eq(uv_run(host, UV_RUN_DEFAULT), 0);
	job_init(&job, 'x');
	loop_next(test_loop, &job.task); /* it still works */
	ck_assert_int_eq(uv_run(host, UV_RUN_DEFAULT), 0);
	ck_assert_uint_eq(job.runs, 1);
	ck_assert_ptr_null(loop_free(own));
}
END_TEST

/** Another host, and a loop on it that is to be freed. */
static uv_loop_t other;
static struct loop *going;

static void begin_other(void)
{
	ck_assert_int_eq(loop_init_host(&other), 0);
	going = loop_open_on(&other);
	ck_assert_ptr_nonnull(going);
}

START_TEST(its_end_is_asynchronous)
{
	begin_other();
	ck_assert_ptr_null(loop_free(going));
	ck_assert_int_eq(uv_loop_close(&other), UV_EBUSY);
	ck_assert_int_ne(uv_loop_alive(&other), 0);
	ck_assert_int_eq(uv_run(&other, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&other), 0);
}
END_TEST

static void free_from_timer(uv_timer_t *timer)
{
	going = loop_free(going);
	uv_close((uv_handle_t *)timer, NULL);
}

START_TEST(a_callback_of_the_host_may_end_it)
{
	struct job job;
	uv_timer_t timer;

	begin_other();
	job_init(&job, 'x');
	loop_defer(going, &job.task); /* the end of the loop runs it at the latest */
	(void)uv_timer_init(&other, &timer);
	(void)uv_timer_start(&timer, free_from_timer, 0, 0);
	ck_assert_int_eq(uv_run(&other, UV_RUN_DEFAULT), 0);
	ck_assert_ptr_null(going);
	ck_assert_uint_eq(job.runs, 1);
	ck_assert_int_eq(uv_loop_close(&other), 0);
}
END_TEST

START_TEST(a_loop_that_cannot_be_opened_leaves_its_host_clean)
{
	for (unsigned n = 1;; n++) {
		char *before = fixture_fds();
		char *after;

		ck_assert_int_eq(loop_init_host(&other), 0);
		errno = 0;
		fault_arm(n);
		going = loop_open_on(&other);
		if (!fault_disarm()) {
			ck_assert_uint_gt(n, 5);
			free(before);
			break;
		}
		ck_assert_msg(going == NULL, "%s", fault_met());
		ck_assert_int_ne(errno, 0);
		ck_assert_int_eq(uv_loop_alive(&other), strcmp(fault_met(), "uv_async_init") == 0);
		ck_assert_int_eq(uv_run(&other, UV_RUN_DEFAULT), 0);
		ck_assert_int_eq(uv_loop_close(&other), 0);
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(before);
		free(after);
	}
	ck_assert_ptr_null(loop_free(going));
	ck_assert_int_eq(uv_run(&other, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&other), 0);
}
END_TEST

START_TEST(a_host_that_cannot_be_made_is_told)
{
	char *before = fixture_fds();
	char *after;
	unsigned n;

	for (n = 1;; n++) {
		int r;

		fault_arm(n);
		r = loop_init_host(&other);
		if (!fault_disarm()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_msg(r < 0, "%s", fault_met());
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(after);
	}
	ck_assert_uint_gt(n, 3); /* epoll_create1, malloc, uv_loop_init */
	ck_assert_int_eq(uv_loop_close(&other), 0);
	free(before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop_hosted_life");
	TCase *tc = tcase_create("life");
	TCase *aborts = tcase_create("aborts");

	(void)setenv("WEIR_TEST_HOSTED", "1", 1);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, fixture_teardown);
	tcase_add_test(tc, an_idle_loop_lets_its_host_sleep);
	tcase_add_test(tc, many_fds_that_are_ready_at_once_take_few_turns);
	tcase_add_test(tc, who_runs_or_stops_it_is_the_host);
	tcase_add_test(tc, nobody_runs_it_from_within);
	tcase_add_test(tc, who_closes_all_handles_can_tell_those_of_the_loop);
	tcase_add_test(tc, its_end_is_asynchronous);
	tcase_add_test(tc, a_callback_of_the_host_may_end_it);
	tcase_add_test(tc, a_loop_that_cannot_be_opened_leaves_its_host_clean);
	tcase_add_test(tc, a_host_that_cannot_be_made_is_told);
	suite_add_tcase(suite, aborts);
	tcase_add_checked_fixture(aborts, setup, fixture_teardown);
	tcase_add_test_raise_signal(aborts, a_turn_within_a_turn_is_a_bug, SIGABRT);
	return suite_run(suite);
}
