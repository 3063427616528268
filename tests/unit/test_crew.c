/* SPDX-License-Identifier: ISC */
/* All workers together: their start, their end, what they report, and each order. */
#include "crew/crew.h"

#include <errno.h>
#include <stddef.h>

#include "crew/orders.h"
#include "crew/worker.h"
#include "crew_rig.h"
#include "fault.h"
#include "fixture.h"
#include "proxy/generation.h"
#include "suite.h"

START_TEST(it_is_quiet_when_nobody_has_anything_left)
{
	struct end_order end = {.now_ns = 0};

	ck_assert_int_eq(crew_open_order(&crew, &end.order, end_order_run, NULL), 0);
	loop_settle();
	ck_assert_uint_eq(crew_n_quiet, 0);
	crew_post_all(&end.order);
	loop_until(crew_n_quiet > 0);
	for (size_t i = 0; i < CREW_WORKERS; i++) {
		ck_assert(!atomic_load(&crew.workers[i].accepts));
	}
	crew_stop(&crew);
	order_close(&end.order);
}
END_TEST

START_TEST(a_word_that_nobody_has_heard_is_forgotten_by_a_stop)
{
	struct end_order end = {.now_ns = 0};

	ck_assert_int_eq(crew_open_order(&crew, &end.order, end_order_run, NULL), 0);
	ck_assert_int_eq(crew_wait_all(&end.order), 0);
	crew_stop(&crew);
	loop_settle();
	ck_assert_uint_eq(crew_n_quiet, 0);
	order_close(&end.order);
}
END_TEST

START_TEST(what_the_workers_count_is_added_up)
{
	for (size_t i = 0; i < CREW_WORKERS; i++) {
		struct counters *counters = &crew.workers[i].proxy.part.counters;

		counter_add(&counters->n_accepted, 10 + (int)i);
		counter_add(&counters->ended_ns, i == 1 ? 99 : 7);
	}
	ck_assert_uint_eq(crew_sum(&crew, offsetof(struct counters, n_accepted)), 33);
	ck_assert_uint_eq(crew_max(&crew, offsetof(struct counters, ended_ns)), 99);
	ck_assert_uint_eq(crew_waiting_bytes(&crew), 0);
}
END_TEST

START_TEST(workers_switch_and_say_when)
{
	struct switch_order to = {.generation = NULL};
	struct generation *before = crew_shared.generation;

	crew_shared.generation = generation_new(&crew_conf, &crew_shared);
	ck_assert_ptr_nonnull(crew_shared.generation);
	to.generation = crew_shared.generation;
	ck_assert_int_eq(crew_open_order(&crew, &to.order, switch_order_run, NULL), 0);
	ck_assert_int_eq(crew_wait_all(&to.order), 0);
	ck_assert_uint_eq(refs_count(&before->refs), 1);
	ck_assert_uint_eq(refs_count(&crew_shared.generation->refs), 1 + CREW_WORKERS);
	generation_unref(before);
	order_close(&to.order);
}
END_TEST

START_TEST(a_start_that_fails_leaves_no_thread)
{
	unsigned n = 0;
	int r;

	crew_rig_begin();
	do {
		crew_rig_open();
		fault_only(FAULT_LOOP);
		fault_arm(++n);
		r = crew_start(&crew);
		ck_assert_int_eq(r < 0, fault_disarm());
		crew_stop(&crew);
		for (size_t i = 0; i < CREW_WORKERS; i++) {
			ck_assert_ptr_null(crew.workers[i].loop);
		}
		crew_close(&crew);
		generation_unref(crew_shared.generation);
		proxy_shared_fini(&crew_shared);
	} while (r < 0);
	ck_assert_uint_gt(n, CREW_WORKERS);
	crew_rig_end();
}
END_TEST

START_TEST(without_memory_there_is_no_crew)
{
	const struct crew_opts opts = {
		.loop = NULL, .n_workers = CREW_WORKERS, .shared = &crew_shared};

	for (unsigned n = 1; n <= 3; n++) {
		int r;

		fault_only(FAULT_MEMORY);
		fault_arm(n);
		r = proxy_shared_init(&crew_shared, CREW_WORKERS);
		if (r == 0) {
			r = crew_open(&crew, &opts);
		}
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert(fault_disarm());
		crew_stop(&crew);
		crew_close(&crew);
		proxy_shared_fini(&crew_shared);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crew");
	TCase *tc = tcase_create("crew");

	tcase_add_checked_fixture(tc, crew_rig_setup, crew_rig_teardown);
	tcase_add_test(tc, it_is_quiet_when_nobody_has_anything_left);
	tcase_add_test(tc, a_word_that_nobody_has_heard_is_forgotten_by_a_stop);
	tcase_add_test(tc, what_the_workers_count_is_added_up);
	tcase_add_test(tc, workers_switch_and_say_when);
	suite_add_tcase(suite, tc);
	tc = tcase_create("start");
	tcase_add_test(tc, a_start_that_fails_leaves_no_thread);
	tcase_add_test(tc, without_memory_there_is_no_crew);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
