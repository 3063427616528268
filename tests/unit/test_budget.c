/* SPDX-License-Identifier: ISC */
#include "service/budget.h"

#include <errno.h>
#include <sys/resource.h>

#include "suite.h"

/* The test runs in a child of its own, so that limits may be lowered for good. */
static void set_limit(rlim_t soft, rlim_t hard)
{
	struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(the_soft_limit_is_raised_to_the_hard_one)
{
	struct budget budget;
	struct rlimit limit;

	set_limit(64, 256);
	ck_assert_int_eq(budget_take(1, 1, &budget), 0);
	ck_assert_uint_eq(budget.n_fds, 256);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, 256);
	ck_assert_uint_eq(limit.rlim_max, 256);
}
END_TEST

START_TEST(what_the_reserve_leaves_is_for_pairs)
{
	struct budget budget;

	set_limit(200, 200);
	ck_assert_int_eq(budget_take(2, 3, &budget), 0);
	ck_assert_uint_gt(budget.n_reserve, 0);
	ck_assert_uint_eq(budget.max_pairs, (200 - budget.n_reserve) / 2);
	ck_assert_uint_le(budget_needed(&budget, budget.max_pairs), 200);
	ck_assert_uint_gt(budget_needed(&budget, budget.max_pairs + 1), 200);
}
END_TEST

START_TEST(workers_and_sockets_are_part_of_the_reserve)
{
	struct budget small;
	struct budget workers;
	struct budget sockets;

	set_limit(1000, 1000);
	ck_assert_int_eq(budget_take(1, 1, &small), 0);
	ck_assert_int_eq(budget_take(3, 1, &workers), 0);
	ck_assert_int_eq(budget_take(1, 11, &sockets), 0);
	ck_assert_uint_eq(workers.n_reserve - small.n_reserve, 2 * 4);
	ck_assert_uint_eq(sockets.n_reserve - small.n_reserve, 10);
	ck_assert_uint_eq(budget_needed(&small, 10), small.n_reserve + 20);
}
END_TEST

START_TEST(a_limit_below_the_reserve_leaves_no_pair)
{
	struct budget budget;

	set_limit(32, 32);
	ck_assert_int_eq(budget_take(64, 64, &budget), 0);
	ck_assert_uint_eq(budget.max_pairs, 0);
	ck_assert_uint_gt(budget.n_reserve, budget.n_fds);
}
END_TEST

/*
 * Limits that no test machine grants, and errors. The names are those that the C library gives the
 * calls where off_t has 64 bits.
 */

static struct rlimit scripted;
static int get_err;
static int set_err;

int __wrap_getrlimit64(int resource, struct rlimit *limit);
int __wrap_setrlimit64(int resource, const struct rlimit *limit);
int __real_getrlimit64(int resource, struct rlimit *limit);
int __real_setrlimit64(int resource, const struct rlimit *limit);

int __wrap_getrlimit64(int resource, struct rlimit *limit)
{
	if (get_err != 0) {
		errno = get_err;
		return -1;
	}
	if (scripted.rlim_max == 0) {
		return __real_getrlimit64(resource, limit);
	}
	*limit = scripted;
	return 0;
}

int __wrap_setrlimit64(int resource, const struct rlimit *limit)
{
	if (set_err != 0) {
		errno = set_err;
		return -1;
	}
	if (scripted.rlim_max == 0) {
		return __real_setrlimit64(resource, limit);
	}
	scripted = *limit;
	return 0;
}

START_TEST(no_limit_at_all_is_as_many_as_can_be_counted)
{
	struct budget budget;

	scripted = (struct rlimit){.rlim_cur = 1024, .rlim_max = RLIM_INFINITY};
	ck_assert_int_eq(budget_take(1, 1, &budget), 0);
	ck_assert_uint_eq(budget.max_pairs, UINT32_MAX);
	ck_assert_uint_eq(
		budget_needed(&budget, UINT32_MAX), budget.n_reserve + 2 * (uint64_t)UINT32_MAX);
}
END_TEST

START_TEST(errors_leave_the_result_alone)
{
	struct budget budget = {.n_fds = 7};

	get_err = EFAULT;
	ck_assert_int_eq(budget_take(1, 1, &budget), -EFAULT);
	get_err = 0;
	set_err = EPERM;
	ck_assert_int_eq(budget_take(1, 1, &budget), -EPERM);
	ck_assert_uint_eq(budget.n_fds, 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("budget");
	TCase *tc = tcase_create("budget");

	tcase_add_test(tc, the_soft_limit_is_raised_to_the_hard_one);
	tcase_add_test(tc, what_the_reserve_leaves_is_for_pairs);
	tcase_add_test(tc, workers_and_sockets_are_part_of_the_reserve);
	tcase_add_test(tc, a_limit_below_the_reserve_leaves_no_pair);
	tcase_add_test(tc, no_limit_at_all_is_as_many_as_can_be_counted);
	tcase_add_test(tc, errors_leave_the_result_alone);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
