/* SPDX-License-Identifier: ISC */
/*
 * How the fds of a process are divided: with limits that the test sets for its process, and with
 * scripted limits that no machine grants.
 */
#include "service/budget.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/fds.h"
#include "conf/conf.h"
#include "stream/loop.h"
#include "stream/pipe.h"
#include "suite.h"
#include "upstream/dns.h"

/* Each test runs in its own child process, so it need not restore the limits. */
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
	ck_assert_uint_eq(workers.n_reserve - small.n_reserve, 2 * 6);
	ck_assert_uint_eq(sockets.n_reserve - small.n_reserve, 10);
	ck_assert_uint_eq(budget_needed(&small, 10), small.n_reserve + 20);
}
END_TEST

START_TEST(the_reserve_has_each_fd_of_a_loop)
{
	struct loop *first = loop_new(); /* also opens what libuv opens once in a process */
	size_t before = fds_count_open();
	struct loop *second = loop_new();
	size_t opened = fds_count_open() - before;
	struct budget one;
	struct budget two;

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_int_eq(budget_take(1, 1, &one), 0);
	ck_assert_int_eq(budget_take(2, 1, &two), 0);
	ck_assert_uint_le(opened, two.n_reserve - one.n_reserve);
	loop_free(second);
	loop_free(first);
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

START_TEST(each_check_has_an_fd_where_there_is_plenty)
{
	struct budget budget;
	struct budget before;

	set_limit(10000, 10000);
	ck_assert_int_eq(budget_take(1, 1, &budget), 0);
	before = budget;
	budget_add_checks(&budget, 300, 0);
	ck_assert_uint_eq(budget.n_checks, 300);
	ck_assert_uint_eq(budget.n_reserve - before.n_reserve, 300);
	ck_assert_uint_eq(budget.max_pairs, (10000 - budget.n_reserve) / 2);
	budget_add_checks(&before, 5000, 0);
	ck_assert_uint_le(before.n_checks, 8 + 10000 / 16);
	ck_assert_uint_gt(before.n_checks, 500);
}
END_TEST

START_TEST(some_checks_have_fds_whatever_pairs_take)
{
	struct budget budget;
	struct budget none;

	set_limit(1000, 1000);
	ck_assert_int_eq(budget_take(1, 1, &budget), 0);
	none = budget;
	budget_add_checks(&budget, 300, budget.max_pairs);
	ck_assert_uint_ge(budget.n_checks, BUDGET_CHECKS_MIN);
	budget_add_checks(&none, 0, 0);
	ck_assert_uint_eq(none.n_checks, 0);
}
END_TEST

/** Takes a budget of `limit` fds, and adds pipes to it for these workers and pairs. */
static struct budget with_pipes(rlim_t limit, size_t n_workers, uint32_t max_pairs)
{
	struct budget budget;
	struct budget before;

	set_limit(limit, limit);
	ck_assert_int_eq(budget_take(n_workers, 1, &budget), 0);
	before = budget;
	ck_assert_uint_eq(budget.n_pipes, 0);
	budget_add_pipes(&budget, n_workers, max_pairs);
	ck_assert_uint_eq(budget.n_reserve - before.n_reserve, budget.n_pipes * 2 * n_workers);
	ck_assert_uint_eq(budget.max_pairs, (limit - budget.n_reserve) / 2);
	return budget;
}

START_TEST(each_worker_has_pipes_where_there_is_plenty)
{
	ck_assert_uint_eq(with_pipes(4000, 1, 0).n_pipes, PIPES_MAX);
}
END_TEST

START_TEST(all_workers_together_have_no_more_pipes_than_a_user_may)
{
	ck_assert_uint_eq(with_pipes(4000, 8, 0).n_pipes, 4);
}
END_TEST

START_TEST(pipes_are_a_small_part_of_few_descriptors)
{
	struct budget budget = with_pipes(200, 1, 0);

	ck_assert_uint_gt(budget.n_pipes, 0);
	ck_assert_uint_lt(budget.n_pipes, PIPES_MAX);
	ck_assert_uint_le(budget.n_pipes * 2, (budget.n_fds - budget.n_reserve) / 15);
}
END_TEST

START_TEST(pipes_never_take_the_place_of_pairs_that_are_wanted)
{
	struct budget budget;

	set_limit(300, 300);
	ck_assert_int_eq(budget_take(1, 1, &budget), 0);
	ck_assert_uint_eq(with_pipes(300, 1, budget.max_pairs).n_pipes, 0);
	ck_assert_uint_eq(with_pipes(300, 1, budget.max_pairs - 3).n_pipes, 3);
}
END_TEST

START_TEST(a_limit_below_the_reserve_leaves_no_pipe)
{
	struct budget budget;

	set_limit(32, 32);
	ck_assert_int_eq(budget_take(64, 64, &budget), 0);
	budget_add_pipes(&budget, 64, 0);
	ck_assert_uint_eq(budget.n_pipes, 0);
	ck_assert_uint_eq(budget.max_pairs, 0);
}
END_TEST

/*
 * Scripted limits that no test machine grants, and errors. The wrapped names are those that the C
 * library uses where off_t has 64 bits.
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

START_TEST(questions_to_dns_servers_are_part_of_the_reserve)
{
	struct conf_upstream upstream = {0};
	struct conf conf = {.upstreams = &upstream, .n_upstreams = 1};
	char remedy[BUDGET_REMEDY_MAX];
	struct budget before;
	struct budget after;

	set_limit(1000, 1000);
	ck_assert_int_eq(budget_plan(&conf, 1, 1, &before, remedy), 0);
	upstream.discovery.kind = DISCOVER_DNS;
	ck_assert_int_eq(budget_plan(&conf, 1, 1, &after, remedy), 0);
	ck_assert_uint_eq(after.n_reserve - before.n_reserve, DNS_FDS);
	ck_assert_uint_eq(after.max_pairs, (1000 - after.n_reserve) / 2);
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

START_TEST(names_have_room_for_lookups_and_second_addresses)
{
	struct budget budget;
	uint32_t pairs;

	set_limit(20000, 20000);
	ck_assert_int_eq(budget_take(1, 1, &budget), 0);
	pairs = budget.max_pairs;
	ck_assert_uint_eq(budget.n_spares, 0);
	budget_add_names(&budget, 0);
	ck_assert_uint_eq(budget.n_spares, BUDGET_SPARES_MAX);
	ck_assert_uint_lt(budget.max_pairs, pairs);
	ck_assert_uint_ge(budget.max_pairs, pairs - BUDGET_SPARES_MAX / 2 - 33);
}
END_TEST

START_TEST(a_check_of_another_host_has_room_for_lookups)
{
	struct conf_check check = {0};
	struct conf_server server = {.check = &check};
	struct conf_upstream upstream = {.servers = &server, .n_servers = 1};
	struct conf conf = {.upstreams = &upstream, .n_upstreams = 1};
	char remedy[BUDGET_REMEDY_MAX];
	struct budget before;
	struct budget after;

	set_limit(20000, 20000);
	ck_assert_int_eq(budget_plan(&conf, 1, 1, &before, remedy), 0);
	check.addr.kind = ADDR_NAME;
	ck_assert_int_eq(budget_plan(&conf, 1, 1, &after, remedy), 0);
	ck_assert_uint_gt(after.n_reserve, before.n_reserve);
	server.check = NULL;
	upstream.check = &check; /* it applies to servers that DNS finds */
	ck_assert_int_eq(budget_plan(&conf, 1, 1, &after, remedy), 0);
	ck_assert_uint_gt(after.n_reserve, before.n_reserve);
}
END_TEST

START_TEST(names_never_take_the_place_of_pairs_that_are_wanted)
{
	struct budget budget;
	uint32_t pairs;

	set_limit(500, 500);
	ck_assert_int_eq(budget_take(1, 1, &budget), 0);
	pairs = budget.max_pairs;
	budget_add_names(&budget, pairs);
	ck_assert_uint_eq(budget.max_pairs, pairs);
	ck_assert_uint_eq(budget.n_spares, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("budget");
	TCase *tc = tcase_create("budget");

	tcase_add_test(tc, the_soft_limit_is_raised_to_the_hard_one);
	tcase_add_test(tc, what_the_reserve_leaves_is_for_pairs);
	tcase_add_test(tc, workers_and_sockets_are_part_of_the_reserve);
	tcase_add_test(tc, each_check_has_an_fd_where_there_is_plenty);
	tcase_add_test(tc, some_checks_have_fds_whatever_pairs_take);
	tcase_add_test(tc, the_reserve_has_each_fd_of_a_loop);
	tcase_add_test(tc, a_limit_below_the_reserve_leaves_no_pair);
	tcase_add_test(tc, each_worker_has_pipes_where_there_is_plenty);
	tcase_add_test(tc, all_workers_together_have_no_more_pipes_than_a_user_may);
	tcase_add_test(tc, pipes_are_a_small_part_of_few_descriptors);
	tcase_add_test(tc, pipes_never_take_the_place_of_pairs_that_are_wanted);
	tcase_add_test(tc, a_limit_below_the_reserve_leaves_no_pipe);
	tcase_add_test(tc, no_limit_at_all_is_as_many_as_can_be_counted);
	tcase_add_test(tc, questions_to_dns_servers_are_part_of_the_reserve);
	tcase_add_test(tc, errors_leave_the_result_alone);
	tcase_add_test(tc, names_have_room_for_lookups_and_second_addresses);
	tcase_add_test(tc, a_check_of_another_host_has_room_for_lookups);
	tcase_add_test(tc, names_never_take_the_place_of_pairs_that_are_wanted);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
