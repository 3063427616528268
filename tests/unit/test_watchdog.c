/* SPDX-License-Identifier: ISC */
/*
 * Tests of the watchdog: who asks, who answers, and when systemd gets a ping. The workers share
 * test_loop, too.
 */
#include "crew/watchdog.h"

#include <errno.h>

#include "crew/crew.h"
#include "crew/worker.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

enum { N_WORKERS = 3 };

static struct worker workers[N_WORKERS];
static struct crew crew;
static struct watchdog watchdog;
static unsigned n_pings;

static void on_alive(void)
{
	n_pings++;
}

static int open_all(uint64_t interval_us)
{
	crew = (struct crew){
		.opts = {.loop = test_loop, .n_workers = N_WORKERS},
		.workers = workers,
		.running = true,
	};
	for (size_t i = 0; i < N_WORKERS; i++) {
		workers[i].loop = test_loop;
		list_init(&workers[i].parts);
	}
	return watchdog_open(&watchdog, &crew, interval_us, on_alive);
}

START_TEST(each_time_all_have_answered_there_is_one_ping)
{
	uint64_t start_ns = clock_ns();

	ck_assert_int_eq(open_all(60 * 1000), 0);
	loop_until(n_pings == 4);
	/* The watchdog asks at once, then every 20 ms. */
	ck_assert_uint_ge(clock_ns() - start_ns, (uint64_t)60 * NS_PER_MS);
	watchdog_close(&watchdog);
	watchdog_close(&watchdog);
}
END_TEST

START_TEST(an_answer_that_nobody_has_heard_is_forgotten_with_the_rest)
{
	ck_assert_int_eq(open_all(1000 * 1000), 0);
	loop_until(watchdog.beat.asked && atomic_load(&watchdog.beat.n_open) == 0);
	watchdog_close(&watchdog); /* the ping is on its way */
	loop_settle();
	ck_assert_uint_eq(n_pings, 0);
}
END_TEST

/* An interval of systemd, and the time between two questions. */
static const struct {
	uint64_t us;
	uint64_t ask_ns;
} intervals[] = {
	{1, (uint64_t)WATCHDOG_ASK_MIN_MS *NS_PER_MS},
	{30 * 1000 * 1000, (uint64_t)10 * NS_PER_S},
	{UINT64_MAX / NS_PER_US, UINT64_MAX / NS_PER_US *NS_PER_US / 3},
	{UINT64_MAX / NS_PER_US + 1, NS_NEVER / 3},
	{UINT64_MAX - 1, NS_NEVER / 3},
};

START_TEST(a_third_of_the_interval_lies_between_questions)
{
	ck_assert_int_eq(open_all(intervals[_i].us), 0);
	ck_assert_uint_eq(watchdog.ask_ns, intervals[_i].ask_ns);
	watchdog_close(&watchdog);
}
END_TEST

START_TEST(without_memory_it_does_not_open)
{
	unsigned n = 0;
	int r;

	do {
		fault_only(FAULT_MEMORY);
		fault_arm(++n);
		r = open_all(1000 * 1000);
		if (fault_disarm()) {
			ck_assert_int_eq(r, -ENOMEM);
		} else {
			ck_assert_int_eq(r, 0);
		}
		loop_settle(); /* posted calls must have run before their memory is freed */
		watchdog_close(&watchdog);
	} while (r < 0);
	ck_assert_uint_gt(n, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watchdog");
	TCase *tc = tcase_create("watchdog");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, each_time_all_have_answered_there_is_one_ping);
	tcase_add_test(tc, an_answer_that_nobody_has_heard_is_forgotten_with_the_rest);
	tcase_add_loop_test(tc, a_third_of_the_interval_lies_between_questions, 0,
		(int)(sizeof(intervals) / sizeof(intervals[0])));
	tcase_add_test(tc, without_memory_it_does_not_open);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
