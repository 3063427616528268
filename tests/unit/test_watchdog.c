/* SPDX-License-Identifier: ISC */
/* Who asks, who answers and when systemd hears of it; test_loop is that of the workers, too. */
#include "service/watchdog.h"

#include <errno.h>

#include "crew/worker.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

enum { N_WORKERS = 3 };

static struct worker workers[N_WORKERS];
static struct watchdog watchdog;
static unsigned n_pings;

static struct {
	int r;
	uint64_t us;
} wanted;

int __wrap_notify_watchdog_wanted(uint64_t *ret_us);
int __wrap_notify_watchdog_wanted(uint64_t *ret_us)
{
	*ret_us = wanted.us;
	return wanted.r;
}

void __wrap_notify_watchdog(void);
void __wrap_notify_watchdog(void)
{
	n_pings++;
}

static void want(int r, uint64_t us)
{
	wanted.r = r;
	wanted.us = us;
}

static int open_all(void)
{
	for (size_t i = 0; i < N_WORKERS; i++) {
		workers[i].loop = test_loop;
	}
	return watchdog_open(&watchdog, test_loop, workers, N_WORKERS);
}

START_TEST(each_time_all_have_answered_there_is_one_ping)
{
	uint64_t start_ns = clock_ns();

	want(1, 40 * 1000);
	ck_assert_int_eq(open_all(), 0);
	loop_until(n_pings == 4);
	/* It is asked at once, then every 20 ms. */
	ck_assert_uint_ge(clock_ns() - start_ns, (uint64_t)60 * NS_PER_MS);
	watchdog_close(&watchdog);
	watchdog_close(&watchdog);
}
END_TEST

START_TEST(an_answer_that_nobody_has_heard_is_forgotten_with_the_rest)
{
	want(1, 1000 * 1000);
	ck_assert_int_eq(open_all(), 0);
	loop_until(watchdog.waiting && atomic_load(&watchdog.n_asked) == 0);
	watchdog_close(&watchdog); /* the ping is on its way */
	loop_settle();
	ck_assert_uint_eq(n_pings, 0);
}
END_TEST

START_TEST(nobody_is_asked_where_no_watchdog_is_wanted)
{
	want(0, 0);
	ck_assert_int_eq(open_all(), 0);
	loop_settle();
	ck_assert_uint_eq(n_pings, 0);
	ck_assert_ptr_null(watchdog.loop);
	watchdog_close(&watchdog);
}
END_TEST

START_TEST(an_environment_that_makes_no_sense_is_an_error)
{
	want(-EINVAL, 0);
	ck_assert_int_eq(open_all(), -EINVAL);
	watchdog_close(&watchdog);
}
END_TEST

/* An interval, and how often is asked. */
static const struct {
	uint64_t us;
	uint64_t ask_ns;
} intervals[] = {
	{1, (uint64_t)WATCHDOG_ASK_MIN_MS *NS_PER_MS},
	{30 * 1000 * 1000, (uint64_t)15 * NS_PER_S},
	{UINT64_MAX / NS_PER_US, UINT64_MAX / NS_PER_US *NS_PER_US / 2},
	{UINT64_MAX / NS_PER_US + 1, NS_NEVER},
	{UINT64_MAX - 1, NS_NEVER},
};

START_TEST(every_interval_is_halved_within_bounds)
{
	want(1, intervals[_i].us);
	ck_assert_int_eq(open_all(), 0);
	ck_assert_uint_eq(watchdog.ask_ns, intervals[_i].ask_ns);
	watchdog_close(&watchdog);
}
END_TEST

START_TEST(without_memory_it_does_not_open)
{
	unsigned n = 0;
	int r;

	want(1, 1000 * 1000);
	do {
		fault_only(FAULT_MEMORY);
		fault_arm(++n);
		r = open_all();
		if (fault_disarm()) {
			ck_assert_int_eq(r, -ENOMEM);
		} else {
			ck_assert_int_eq(r, 0);
		}
		loop_settle(); /* what was posted must have run before its memory goes */
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
	tcase_add_test(tc, nobody_is_asked_where_no_watchdog_is_wanted);
	tcase_add_test(tc, an_environment_that_makes_no_sense_is_an_error);
	tcase_add_loop_test(tc, every_interval_is_halved_within_bounds, 0,
		(int)(sizeof(intervals) / sizeof(intervals[0])));
	tcase_add_test(tc, without_memory_it_does_not_open);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
