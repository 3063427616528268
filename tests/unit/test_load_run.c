/* SPDX-License-Identifier: ISC */
/* A run of weirload that cannot begin. */
#include "load/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "load/options.h"
#include "load/scenario.h"
#include "suite.h"

START_TEST(a_run_without_memory_says_so_and_closes_nothing_of_others)
{
	char *argv[] = {"weirload", "idle", "--target", "127.0.0.1:9", "--expect", "5s"};
	char why[OPTIONS_WHY_MAX];
	struct options options;
	struct run run;
	int first_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(first_fd, 0);
	ck_assert_int_eq(dup2(first_fd, STDIN_FILENO), STDIN_FILENO);
	ck_assert_int_eq(options_parse(scenario_find("idle"), 6, argv, &options, why), 0);
	fault_only_call("calloc");
	fault_arm((unsigned)_i);
	ck_assert_int_eq(run_start(&run, &options, why), -ENOMEM);
	ck_assert(fault_disarm());
	ck_assert_ptr_nonnull(strstr(why, "cannot start"));
	run_fini(&run);
	ck_assert_int_ge(fcntl(STDIN_FILENO, F_GETFD), 0);
	options_fini(&options);
	(void)close(first_fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_run");
	TCase *tc = tcase_create("load_run");

	/* The allocations of the lanes, the clients, the servers. */
	tcase_add_loop_test(tc, a_run_without_memory_says_so_and_closes_nothing_of_others, 1, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
