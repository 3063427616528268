/* SPDX-License-Identifier: ISC */
/*
 * Tests of support/suite.h: if a test of an invariant fails, its suite says which page to read, and
 * only then.
 */
#include "suite.h"

#include <sys/wait.h>
#include <unistd.h>

#define SENTENCE                                                                                   \
	"This test holds an invariant of the design: no timer strikes early."                      \
	" Read docs/TIMEOUTS.md, \"The timers\".\n"

enum { SAID_MAX = 4096 };

START_TEST(passes)
{
}
END_TEST

START_TEST(fails)
{
	ck_abort();
}
END_TEST

START_TEST(dies)
{
	abort();
}
END_TEST

/** Runs a suite of two cases; the first is of an invariant. Never returns. */
static void run_suite(const TTest *of_invariant, const TTest *other)
{
	Suite *suite = suite_create("suite");
	TCase *early = invariant_case("no timer strikes early", "docs/TIMEOUTS.md", "The timers");
	TCase *others = tcase_create("others");
	int status;

	(void)unsetenv("CK_RUN_CASE");     /* this variable is for the suite of this program */
	(void)setenv("CK_FORK", "yes", 1); /* else the suite would die with its test */
	suite_add_tcase(suite, early);
	suite_add_tcase(suite, others);
	tcase_add_test(early, of_invariant);
	tcase_add_test(early, of_invariant);
	tcase_add_test(others, other);
	status = suite_run(suite);
	_exit(status);
}

/** Runs the suite in a process of its own. `said` gets all that it writes. Returns its status. */
static int run(const TTest *of_invariant, const TTest *other, char said[SAID_MAX])
{
	size_t length = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)dup2(ends[1], STDERR_FILENO);
		run_suite(of_invariant, other);
	}
	(void)close(ends[1]);
	while ((n = read(ends[0], said + length, SAID_MAX - 1 - length)) > 0) {
		length += (size_t)n;
	}
	said[length] = '\0';
	(void)close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(a_test_of_an_invariant_that_fails_says_once_which_page_to_read)
{
	const TTest *const ways[] = {fails, dies};
	char said[SAID_MAX];
	const char *at;

	ck_assert_int_eq(run(ways[_i], passes, said), 1);
	at = strstr(said, SENTENCE);
	ck_assert_msg(at != NULL, "%s", said);
	ck_assert_ptr_null(strstr(at + strlen(SENTENCE), "invariant of the design"));
}
END_TEST

START_TEST(tests_that_pass_and_other_tests_that_fail_say_nothing_of_it)
{
	char said[SAID_MAX];

	ck_assert_int_eq(run(passes, passes, said), 0);
	ck_assert_ptr_null(strstr(said, "invariant of the design"));
	ck_assert_int_eq(run(passes, fails, said), 1);
	ck_assert_ptr_null(strstr(said, "invariant of the design"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("suite");
	TCase *tc = tcase_create("suite");

	tcase_add_loop_test(
		tc, a_test_of_an_invariant_that_fails_says_once_which_page_to_read, 0, 2);
	tcase_add_test(tc, tests_that_pass_and_other_tests_that_fail_say_nothing_of_it);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
