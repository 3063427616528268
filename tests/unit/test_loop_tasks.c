/* SPDX-License-Identifier: ISC */
/* The tasks of a loop: deferred, for the next turn, and posted by other threads. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fixture.h"
#include "job.h"
#include "stream/loop.h"
#include "stream/timer.h"
#include "suite.h"

static void defer_other(struct job *job)
{
	job->act = NULL;
	loop_defer(test_loop, &job->other->task);
}

START_TEST(deferred_tasks_run_in_the_same_turn_in_order)
{
	struct job x;
	struct job y;
	struct job z;

	job_init(&x, 'x');
	job_init(&y, 'y');
	job_init(&z, 'z');
	x.act = defer_other;
	x.other = &z;
	loop_defer(test_loop, &x.task);
	loop_defer(test_loop, &y.task);
	loop_until(z.runs == 1);
	ck_assert_str_eq(job_order, "xyz");
	ck_assert_uint_eq(x.turn, y.turn);
	ck_assert_uint_eq(x.turn, z.turn);
}
END_TEST

static void next_self(struct job *job)
{
	if (job->runs < 3) {
		loop_next(test_loop, &job->task);
		loop_next(test_loop, &job->task);
	}
}

START_TEST(next_runs_once_a_turn)
{
	struct job job;
	uint64_t began = loop_turns(test_loop);

	job_init(&job, 'x');
	job.act = next_self;
	loop_next(test_loop, &job.task);
	ck_assert(task_is_waiting(&job.task));
	loop_until(job.runs == 3);
	ck_assert_uint_eq(job.turn, began + 3);
	ck_assert(!task_is_waiting(&job.task));
	loop_settle();
	ck_assert_uint_eq(job.runs, 3);
}
END_TEST

static void next_other(struct job *job)
{
	loop_next(test_loop, &job->other->task);
}

/** A task that a deferred task puts in line (such as the first read of a new pair) runs in the
 * same turn. */
START_TEST(next_follows_the_deferred_tasks_in_the_same_turn)
{
	struct job x;
	struct job y;

	job_init(&x, 'x');
	job_init(&y, 'y');
	x.act = next_other;
	x.other = &y;
	loop_defer(test_loop, &x.task);
	loop_until(y.runs == 1);
	ck_assert_uint_eq(y.turn, x.turn);
}
END_TEST

START_TEST(defer_takes_a_task_off_the_next_list)
{
	struct job x;
	struct job y;

	job_init(&x, 'x');
	job_init(&y, 'y');
	loop_next(test_loop, &x.task);
	loop_next(test_loop, &y.task);
	loop_defer(test_loop, &x.task);
	loop_settle();
	ck_assert_str_eq(job_order, "xy"); /* if x were in line twice, it would be "xyx" */
}
END_TEST

START_TEST(next_leaves_a_deferred_task_where_it_is)
{
	struct job x;

	job_init(&x, 'x');
	loop_defer(test_loop, &x.task);
	loop_next(test_loop, &x.task);
	loop_settle();
	ck_assert_uint_eq(x.runs, 1);
}
END_TEST

static void catch_up(struct job *job)
{
	loop_defer(test_loop, &job->other->task);
	loop_catch_up(test_loop);
	ck_assert_uint_eq(job->other->runs, 1);
	ck_assert_uint_eq(job->other->other->runs, 1);
	loop_defer(test_loop, &job->other->task);
}

START_TEST(what_a_task_in_line_defers_is_done_once_it_has_caught_up)
{
	struct job x;
	struct job y;
	struct job z;

	job_init(&x, 'x');
	job_init(&y, 'y');
	job_init(&z, 'z');
	x.act = catch_up;
	x.other = &y;
	y.act = defer_other;
	y.other = &z;
	loop_next(test_loop, &x.task);
	loop_until(y.runs == 2);
	ck_assert_str_eq(job_order, "xyzy");
	ck_assert_uint_eq(y.turn, x.turn);
}
END_TEST

static void cancel_other(struct job *job)
{
	loop_cancel(test_loop, &job->other->task);
}

START_TEST(cancelled_tasks_do_not_run)
{
	struct job x;
	struct job y;
	struct job z;

	job_init(&x, 'x');
	job_init(&y, 'y');
	job_init(&z, 'z');
	loop_cancel(test_loop, &z.task);
	loop_next(test_loop, &z.task);
	loop_cancel(test_loop, &z.task);
	x.act = cancel_other;
	x.other = &y;
	loop_defer(test_loop, &x.task);
	loop_defer(test_loop, &y.task);
	loop_settle();
	ck_assert_str_eq(job_order, "x");
}
END_TEST

/* ---- posting ---- */

enum { POSTERS = 4, POSTS = 500 };

struct poster {
	pthread_t thread;
	struct post {
		struct task task;
		struct poster *poster;
		unsigned number;
	} posts[POSTS];
	unsigned n_run;
	bool saw_current;
};

static void on_post(struct task *task)
{
	struct post *post = container_of(task, struct post, task);

	ck_assert(loop_is_current(test_loop));
	ck_assert_uint_eq(post->number, post->poster->n_run);
	post->poster->n_run++;
}

static void *poster_run(void *data)
{
	struct poster *poster = data;

	poster->saw_current = loop_is_current(test_loop);
	for (unsigned i = 0; i < POSTS; i++) {
		poster->posts[i].poster = poster;
		poster->posts[i].number = i;
		task_init(&poster->posts[i].task, on_post);
		loop_post(test_loop, &poster->posts[i].task);
	}
	return NULL;
}

START_TEST(posts_of_each_thread_run_in_order)
{
	struct poster *posters = calloc(POSTERS, sizeof(*posters));
	unsigned n = 0;

	for (int i = 0; i < POSTERS; i++) {
		ck_assert_int_eq(
			pthread_create(&posters[i].thread, NULL, poster_run, &posters[i]), 0);
	}
	while (n < POSTERS * POSTS) {
		fixture_turn(__FILE__, __LINE__, "all posts");
		n = 0;
		for (int i = 0; i < POSTERS; i++) {
			n += posters[i].n_run;
		}
	}
	for (int i = 0; i < POSTERS; i++) {
		ck_assert_int_eq(pthread_join(posters[i].thread, NULL), 0);
		ck_assert(!posters[i].saw_current);
	}
	free(posters);
}
END_TEST

START_TEST(a_post_can_be_taken_back_until_it_has_run)
{
	struct job x;
	struct job y;

	job_init(&x, 'x');
	job_init(&y, 'y');
	loop_post(test_loop, &x.task);
	loop_post(test_loop, &y.task);
	ck_assert(loop_post_cancel(test_loop, &x.task));
	ck_assert(!loop_post_cancel(test_loop, &x.task));
	loop_until(y.runs == 1);
	ck_assert(!loop_post_cancel(test_loop, &y.task));
	ck_assert_str_eq(job_order, "y");
}
END_TEST

static void take_other_back(struct job *job)
{
	(void)loop_post_cancel(test_loop, &job->other->task);
}

START_TEST(a_post_can_take_back_one_that_came_with_it)
{
	struct job x;
	struct job y;

	job_init(&x, 'x');
	job_init(&y, 'y');
	x.act = take_other_back;
	x.other = &y;
	loop_post(test_loop, &x.task);
	loop_post(test_loop, &y.task);
	loop_settle();
	ck_assert_str_eq(job_order, "x");
}
END_TEST

static void *defer_from_elsewhere(void *data)
{
	struct job *job = data;

	loop_defer(test_loop, &job->task);
	return NULL;
}

static void catch_up_only(struct job *job)
{
	(void)job;
	loop_catch_up(test_loop);
}

/** A posted task must not call loop_catch_up(): the turn may have more events, also for an object
 * that a deferred task frees. */
START_TEST(who_was_posted_does_not_stand_in_line)
{
	struct job x;

	job_init(&x, 'x');
	x.act = catch_up_only;
	loop_post(test_loop, &x.task);
	loop_until(x.runs == 2);
}
END_TEST

START_TEST(who_was_deferred_by_one_that_catches_up_does_not_stand_in_line)
{
	struct job x;
	struct job y;

	job_init(&x, 'x');
	job_init(&y, 'y');
	x.act = catch_up;
	x.other = &y;
	y.act = catch_up_only;
	loop_next(test_loop, &x.task);
	loop_until(y.runs == 2);
}
END_TEST

START_TEST(only_its_own_thread_may_touch_a_loop)
{
	pthread_t thread;
	struct job job;

	job_init(&job, 'x');
	ck_assert_int_eq(pthread_create(&thread, NULL, defer_from_elsewhere, &job), 0);
	(void)pthread_join(thread, NULL);
}
END_TEST

/* ---- how long the loop kept others waiting ---- */

enum { HOLD_MS = 20 };
#define HOLD_NS ((uint64_t)HOLD_MS * NS_PER_MS)

/** Keeps the thread busy for HOLD_MS. */
static void hold_up(struct job *job)
{
	uint64_t end_ns = clock_ns() + HOLD_NS;

	(void)job;
	while (clock_ns() < end_ns) {
	}
}

START_TEST(a_long_turn_is_a_delay_and_told_once)
{
	struct job job;

	loop_settle();
	(void)loop_take_delay_ns(test_loop);
	ck_assert_uint_eq(loop_take_delay_ns(test_loop), 0);
	job_init(&job, 'x');
	job.act = hold_up;
	loop_defer(test_loop, &job.task);
	loop_until(job.runs == 1);
	ck_assert_uint_ge(loop_take_delay_ns(test_loop), HOLD_NS);
	ck_assert_uint_eq(loop_take_delay_ns(test_loop), 0);
}
END_TEST

static bool has_struck;

static void on_struck(struct timer *timer)
{
	(void)timer;
	has_struck = true;
}

START_TEST(a_timer_that_had_to_wait_for_the_thread_is_a_delay)
{
	struct timer timer;

	has_struck = false;
	loop_settle();
	(void)loop_take_delay_ns(test_loop);
	ck_assert_int_eq(timer_open(&timer, test_loop, on_struck), 0);
	timer_arm(&timer, clock_ns());
	hold_up(NULL);
	loop_until(has_struck);
	ck_assert_uint_ge(loop_take_delay_ns(test_loop), HOLD_NS);
	timer_close(&timer);
}
END_TEST

static void add_delay_tests(TCase *tc)
{
	tcase_add_test(tc, a_long_turn_is_a_delay_and_told_once);
	tcase_add_test(tc, a_timer_that_had_to_wait_for_the_thread_is_a_delay);
}

static void add_task_tests(TCase *tc)
{
	tcase_add_test(tc, deferred_tasks_run_in_the_same_turn_in_order);
	tcase_add_test(tc, next_runs_once_a_turn);
	tcase_add_test(tc, next_follows_the_deferred_tasks_in_the_same_turn);
	tcase_add_test(tc, next_follows_the_deferred_tasks_in_the_same_turn);
	tcase_add_test(tc, defer_takes_a_task_off_the_next_list);
	tcase_add_test(tc, next_leaves_a_deferred_task_where_it_is);
	tcase_add_test(tc, what_a_task_in_line_defers_is_done_once_it_has_caught_up);
	tcase_add_test(tc, cancelled_tasks_do_not_run);
	tcase_add_test(tc, posts_of_each_thread_run_in_order);
	tcase_add_test(tc, a_post_can_be_taken_back_until_it_has_run);
	tcase_add_test(tc, a_post_can_take_back_one_that_came_with_it);
}

int main(void)
{
	Suite *suite = suite_create("loop_tasks");
	TCase *tc = tcase_create("tasks");
	TCase *aborts = tcase_create("aborts");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	add_task_tests(tc);
	add_delay_tests(tc);
	suite_add_tcase(suite, aborts);
	tcase_add_checked_fixture(aborts, fixture_setup, fixture_teardown);
	tcase_add_test_raise_signal(aborts, who_was_posted_does_not_stand_in_line, SIGABRT);
	tcase_add_test_raise_signal(
		aborts, who_was_deferred_by_one_that_catches_up_does_not_stand_in_line, SIGABRT);
	tcase_add_test_raise_signal(aborts, only_its_own_thread_may_touch_a_loop, SIGABRT);
	return suite_run(suite);
}
