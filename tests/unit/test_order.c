/* SPDX-License-Identifier: ISC */
/*
 * Tests of orders to real workers: which workers run them, when they answer, and what a stop of the
 * crew does.
 */
#include "crew/order.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>

#include "base/thread.h"
#include "crew/worker.h"
#include "crew_rig.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

enum { SLICES = 5, ORDERS = 4 };

/* ---- an order of the tests ---- */

struct trip {
	struct order order;
	struct order *again; /**< on_done() gives this order to the crew */
	sem_t hold;
	size_t held; /**< this worker waits for `hold` */
	int answers[CREW_WORKERS];
	unsigned n_runs[CREW_WORKERS];
	_Atomic unsigned n_done;
	int status;
};

static struct trip trip;

/** Runs once, and answers what the test has set. */
static int run_once(struct order_part *part)
{
	struct trip *own = container_of(part->order, struct trip, order);
	size_t index = part->worker->opts.index;

	ck_assert(loop_is_current(part->worker->loop));
	own->n_runs[index]++;
	return own->answers[index];
}

static void on_done(struct order *order, int status)
{
	struct trip *own = container_of(order, struct trip, order);

	ck_assert(loop_is_current(test_loop));
	ck_assert(!order_is_under_way(order));
	own->n_done++;
	own->status = status;
	if (own->again != NULL) {
		struct order *again = own->again;

		own->again = NULL;
		crew_ask_all(again);
	}
}

static void open_trip(int (*run)(struct order_part *part))
{
	trip = (struct trip){.held = SIZE_MAX};
	ck_assert_int_eq(sem_init(&trip.hold, 0, 0), 0);
	ck_assert_int_eq(crew_open_order(&crew, &trip.order, run, on_done), 0);
}

static void close_trip(void)
{
	order_close(&trip.order);
	order_close(&trip.order);
	ck_assert_int_eq(sem_destroy(&trip.hold), 0);
}

/**
 * Waits for the answer of one worker. Nothing wakes this thread's loop before all have answered.
 */
static void wait_for_answer(size_t worker)
{
	while (order_is_open(&trip.order, worker)) {
		(void)sched_yield();
	}
}

static void ask(void)
{
	trip.n_done = 0;
	crew_ask_all(&trip.order);
	ck_assert_uint_eq(trip.n_done, 0); /* done() is not called from inside */
	ck_assert(order_is_under_way(&trip.order));
	loop_until(trip.n_done > 0);
	loop_settle();
	ck_assert_uint_eq(trip.n_done, 1);
}

/* ---- which workers run it, and when it is done ---- */

START_TEST(each_worker_runs_what_is_asked_once_each_time)
{
	open_trip(run_once);
	for (unsigned n = 1; n <= 3; n++) {
		ask();
		ck_assert_int_eq(trip.status, 0);
		for (size_t i = 0; i < CREW_WORKERS; i++) {
			ck_assert_uint_eq(trip.n_runs[i], n);
		}
	}
	close_trip();
}
END_TEST

static int run_held(struct order_part *part)
{
	struct trip *own = container_of(part->order, struct trip, order);

	if (part->worker->opts.index == own->held) {
		thread_wait(&own->hold);
	}
	return run_once(part);
}

START_TEST(done_waits_for_the_last_answer)
{
	open_trip(run_held);
	trip.held = 1;
	crew_ask_all(&trip.order);
	wait_for_answer(0);
	wait_for_answer(2);
	loop_settle();
	ck_assert(order_is_open(&trip.order, 1));
	ck_assert_uint_eq(trip.n_done, 0);
	ck_assert(order_is_under_way(&trip.order));
	ck_assert_int_eq(sem_post(&trip.hold), 0);
	loop_until(trip.n_done == 1);
	ck_assert(!order_is_open(&trip.order, 1));
	close_trip();
}
END_TEST

START_TEST(one_failure_is_the_answer_and_the_others_run_all_the_same)
{
	open_trip(run_once);
	trip.answers[_i] = -ENOSPC;
	ask();
	ck_assert_int_eq(trip.status, -ENOSPC);
	for (size_t i = 0; i < CREW_WORKERS; i++) {
		ck_assert_uint_eq(trip.n_runs[i], 1);
	}
	trip.answers[_i] = 0;
	ask();
	ck_assert_int_eq(trip.status, 0); /* the status of the last run is forgotten */
	close_trip();
}
END_TEST

START_TEST(of_two_failures_the_first_is_the_answer)
{
	open_trip(run_held);
	trip.answers[0] = -ENOSPC;
	trip.answers[2] = -EIO;
	trip.held = 2;
	crew_ask_all(&trip.order);
	wait_for_answer(0);
	ck_assert_int_eq(sem_post(&trip.hold), 0);
	loop_until(trip.n_done == 1);
	ck_assert_int_eq(trip.status, -ENOSPC);
	close_trip();
}
END_TEST

static int run_slices(struct order_part *part)
{
	int r = run_once(part);

	return ++part->at < SLICES ? ORDER_AGAIN : r;
}

START_TEST(an_order_may_take_slices_and_begins_anew_each_time)
{
	open_trip(run_slices);
	for (unsigned n = 1; n <= 2; n++) {
		ask();
		for (size_t i = 0; i < CREW_WORKERS; i++) {
			ck_assert_uint_eq(trip.n_runs[i], n * SLICES);
		}
	}
	close_trip();
}
END_TEST

/** A part of an order that is answered later, by a task of the worker. */
struct later {
	struct task task;
	struct order_part *part;
};

static struct later laters[CREW_WORKERS];

static void on_later(struct task *task)
{
	order_answer(container_of(task, struct later, task)->part, -EXDEV);
}

static int run_later(struct order_part *part)
{
	struct later *later = &laters[part->worker->opts.index];

	later->part = part;
	task_init(&later->task, on_later);
	loop_next(part->worker->loop, &later->task);
	return ORDER_LATER;
}

START_TEST(an_answer_may_come_later)
{
	open_trip(run_later);
	ask();
	ck_assert_int_eq(trip.status, -EXDEV);
	close_trip();
}
END_TEST

static int run_inside(struct order_part *part)
{
	order_answer(part, 0);
	return ORDER_LATER;
}

START_TEST(an_answer_may_come_from_inside)
{
	open_trip(run_inside);
	for (unsigned n = 0; n < 100; n++) {
		ask();
		ck_assert_int_eq(trip.status, 0);
	}
	close_trip();
}
END_TEST

START_TEST(done_may_give_the_order_again)
{
	open_trip(run_once);
	trip.again = &trip.order;
	crew_ask_all(&trip.order);
	loop_until(trip.n_done == 2);
	ck_assert_uint_eq(trip.n_runs[0], 2);
	close_trip();
}
END_TEST

static struct order *to_close;

static void on_done_close(struct order *order, int status)
{
	(void)status;
	order_close(order);
	to_close = NULL;
}

START_TEST(done_may_close_the_order)
{
	static struct order order;

	ck_assert_int_eq(crew_open_order(&crew, &order, run_inside, on_done_close), 0);
	to_close = &order;
	crew_ask_all(&order);
	loop_until(to_close == NULL);
}
END_TEST

/* Each worker writes down which orders it ran, in its own line. */
static struct order orders[ORDERS];
static unsigned journal[CREW_WORKERS][ORDERS];
static unsigned n_written[CREW_WORKERS];

static int run_write(struct order_part *part)
{
	size_t index = part->worker->opts.index;

	journal[index][n_written[index]++] = (unsigned)(part->order - orders);
	return 0;
}

START_TEST(workers_begin_orders_as_they_were_given)
{
	for (unsigned i = 0; i < ORDERS; i++) {
		ck_assert_int_eq(crew_open_order(&crew, &orders[i], run_write, NULL), 0);
	}
	for (unsigned i = 0; i + 1 < ORDERS; i++) {
		crew_post_all(&orders[i]);
	}
	ck_assert_int_eq(crew_wait_all(&orders[ORDERS - 1]), 0);
	for (size_t i = 0; i < CREW_WORKERS; i++) {
		ck_assert_uint_eq(n_written[i], ORDERS);
		for (unsigned k = 0; k < ORDERS; k++) {
			ck_assert_uint_eq(journal[i][k], k);
		}
	}
	for (unsigned i = 0; i < ORDERS; i++) {
		ck_assert(!order_is_under_way(&orders[i]));
		order_close(&orders[i]);
	}
}
END_TEST

START_TEST(who_waits_gets_the_failure)
{
	open_trip(run_held);
	trip.answers[1] = -ENOMEM;
	ck_assert_int_eq(crew_wait_all(&trip.order), -ENOMEM);
	trip.answers[1] = 0;
	ck_assert_int_eq(crew_wait_all(&trip.order), 0);
	ck_assert_uint_eq(trip.n_done, 0);
	close_trip();
}
END_TEST

START_TEST(giving_an_order_takes_no_memory)
{
	open_trip(run_once);
	fault_only(FAULT_MEMORY);
	fault_arm(1);
	crew_ask_all(&trip.order);
	loop_until(trip.n_done == 1);
	crew_post_all(&trip.order);
	ck_assert(!fault_disarm());
	for (size_t i = 0; i < CREW_WORKERS; i++) {
		wait_for_answer(i);
	}
	crew_stop(&crew);
	close_trip();
}
END_TEST

START_TEST(without_memory_an_order_does_not_open)
{
	struct order order;

	fault_only(FAULT_MEMORY);
	fault_arm(1);
	ck_assert_int_eq(crew_open_order(&crew, &order, run_once, NULL), -ENOMEM);
	ck_assert(fault_disarm());
	order_close(&order);
}
END_TEST

/* ---- a crew that stops ---- */

/** Worker 0 answers at once, the others never do. */
static int run_hang(struct order_part *part)
{
	part->at++;
	return part->worker->opts.index == 0 ? 0 : ORDER_LATER;
}

/** This part never ends: the worker's loop always has more of it to do. */
static int run_endless(struct order_part *part)
{
	part->at++;
	return ORDER_AGAIN;
}

static int (*const unanswered[])(struct order_part *part) = {run_hang, run_endless};

enum { UNANSWERED = sizeof(unanswered) / sizeof(unanswered[0]) };

START_TEST(a_stop_gives_up_what_is_under_way)
{
	open_trip(unanswered[_i]);
	crew_ask_all(&trip.order);
	crew_stop(&crew);
	ck_assert_uint_eq(trip.n_done, 0);
	for (size_t i = 0; i < CREW_WORKERS; i++) {
		ck_assert(!order_is_open(&trip.order, i));
		ck_assert_uint_ge(trip.order.parts[i].at, 1); /* it has begun */
	}
	loop_until(trip.n_done == 1);
	ck_assert_int_eq(trip.status, -ECANCELED);
	close_trip();
}
END_TEST

START_TEST(an_order_that_is_closed_after_a_stop_is_not_done)
{
	open_trip(unanswered[_i]);
	crew_ask_all(&trip.order);
	crew_stop(&crew);
	close_trip();
	loop_settle();
	ck_assert_uint_eq(trip.n_done, 0);
}
END_TEST

START_TEST(an_order_that_was_answered_before_a_stop_keeps_its_answer)
{
	open_trip(run_once);
	trip.answers[2] = -ENOSPC;
	crew_ask_all(&trip.order);
	crew_stop(&crew); /* orders that were posted before the stop run before it */
	loop_until(trip.n_done == 1);
	ck_assert_int_eq(trip.status, -ENOSPC);
	close_trip();
}
END_TEST

START_TEST(a_crew_that_has_stopped_runs_nothing_and_says_so)
{
	open_trip(run_once);
	crew_stop(&crew);
	crew_post_all(&trip.order);
	ck_assert(!order_is_under_way(&trip.order));
	ck_assert_int_eq(crew_wait_all(&trip.order), -ECANCELED);
	ask();
	ck_assert_int_eq(trip.status, -ECANCELED);
	crew_ask_all(&trip.order);
	close_trip();
	loop_settle();
	ck_assert_uint_eq(trip.n_done, 1);
	for (size_t i = 0; i < CREW_WORKERS; i++) {
		ck_assert_uint_eq(trip.n_runs[i], 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order");
	TCase *tc = tcase_create("orders");

	tcase_add_checked_fixture(tc, crew_rig_setup, crew_rig_teardown);
	tcase_add_test(tc, each_worker_runs_what_is_asked_once_each_time);
	tcase_add_test(tc, done_waits_for_the_last_answer);
	tcase_add_loop_test(
		tc, one_failure_is_the_answer_and_the_others_run_all_the_same, 0, CREW_WORKERS);
	tcase_add_test(tc, of_two_failures_the_first_is_the_answer);
	tcase_add_test(tc, an_order_may_take_slices_and_begins_anew_each_time);
	tcase_add_test(tc, an_answer_may_come_later);
	tcase_add_test(tc, an_answer_may_come_from_inside);
	tcase_add_test(tc, done_may_give_the_order_again);
	tcase_add_test(tc, done_may_close_the_order);
	tcase_add_test(tc, workers_begin_orders_as_they_were_given);
	tcase_add_test(tc, who_waits_gets_the_failure);
	tcase_add_test(tc, giving_an_order_takes_no_memory);
	tcase_add_test(tc, without_memory_an_order_does_not_open);
	suite_add_tcase(suite, tc);
	tc = tcase_create("stop");
	tcase_add_checked_fixture(tc, crew_rig_setup, crew_rig_teardown);
	tcase_add_loop_test(tc, a_stop_gives_up_what_is_under_way, 0, UNANSWERED);
	tcase_add_loop_test(tc, an_order_that_is_closed_after_a_stop_is_not_done, 0, UNANSWERED);
	tcase_add_test(tc, an_order_that_was_answered_before_a_stop_keeps_its_answer);
	tcase_add_test(tc, a_crew_that_has_stopped_runs_nothing_and_says_so);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
