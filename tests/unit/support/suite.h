/* SPDX-License-Identifier: ISC */
/* What every unit test's main() does: run the cases of one module under check. */
#ifndef WEIR_TESTS_SUITE_H
#define WEIR_TESTS_SUITE_H

#include <check.h>

/** Runs the suite as check's environment says (CK_FORK, CK_RUN_CASE, ...); the exit status of
 * main(). */
static inline int suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

#endif
