/* SPDX-License-Identifier: ISC */
/* Several workers report failures of a server at once: each is counted, and counted once. */
#include <errno.h>
#include <pthread.h>

#include "eject_rig.h"
#include "fixture.h"
#include "suite.h"

enum { WORKERS = 4, ROUNDS = 200, EACH = 25 };

struct worker {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct group_plan *plan;
};

static void *fail_many(void *data)
{
	struct worker *worker = data;

	for (unsigned round = 0; round < ROUNDS; round++) {
		(void)pthread_barrier_wait(worker->barrier);
		for (unsigned i = 0; i < EACH; i++) {
			group_told(plan->group, plan->members[0], SERVER_FAILED, -ECONNREFUSED);
		}
		(void)pthread_barrier_wait(worker->barrier);
		(void)pthread_barrier_wait(worker->barrier); /* until the main thread has looked */
	}
	return NULL;
}

START_TEST(failures_of_all_workers_together_are_counted_exactly)
{
	struct worker workers[WORKERS];
	pthread_barrier_t barrier;

	/* If `failures` is the number that a round has, each round must eject the server. If it is
	 * one more, no round may. */
	conf.eject.failures = WORKERS * EACH + (_i == 1 ? 1 : 0);
	load();
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, WORKERS + 1), 0);
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i].barrier = &barrier;
		ck_assert_int_eq(
			pthread_create(&workers[i].thread, NULL, fail_many, &workers[i]), 0);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		(void)pthread_barrier_wait(&barrier);
		(void)pthread_barrier_wait(&barrier);
		loop_settle();
		ck_assert_int_eq(is_ejected(0), _i == 0);
		tell(0, SERVER_ANSWERED);
		vtime_pass(seconds(600));
		(void)pthread_barrier_wait(&barrier);
	}
	for (size_t i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	}
	(void)pthread_barrier_destroy(&barrier);
}
END_TEST

static void *live_many(void *data)
{
	struct worker *worker = data;

	(void)pthread_barrier_wait(worker->barrier);
	for (unsigned i = 0; i < 20000; i++) {
		enum server_outcome outcome = i % 7 == 0 ? SERVER_ANSWERED : SERVER_FAILED;

		group_told(
			worker->plan->group, worker->plan->members[i % 3], outcome, -ECONNREFUSED);
	}
	return NULL;
}

START_TEST(servers_are_ejected_and_return_while_workers_tell)
{
	struct worker workers[WORKERS];
	pthread_barrier_t barrier;
	struct group_plan *first; /* older sessions keep this plan */

	load();
	first = group_plan_ref(plan);
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, WORKERS + 1), 0);
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i].barrier = &barrier;
		workers[i].plan = first;
		ck_assert_int_eq(
			pthread_create(&workers[i].thread, NULL, live_many, &workers[i]), 0);
	}
	(void)pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < 50; i++) {
		loop_settle();
		ck_assert_uint_le(n_ejected(), 1);
		conf.eject.failures = 1 + i % 5;
		load();
	}
	for (size_t i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	}
	(void)pthread_barrier_destroy(&barrier);
	loop_settle();
	group_plan_unref(first);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("eject_threads");
	TCase *tc = tcase_create("threads");

	tcase_add_checked_fixture(tc, eject_rig_setup, eject_rig_teardown);
	tcase_add_loop_test(tc, failures_of_all_workers_together_are_counted_exactly, 0, 2);
	tcase_add_test(tc, servers_are_ejected_and_return_while_workers_tell);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
