/* SPDX-License-Identifier: ISC */
/* What every unit test's main() does: run the cases of one module under check. */
#ifndef WEIR_TESTS_SUITE_H
#define WEIR_TESTS_SUITE_H

#include <check.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SUITE_HAS_LSAN
#include <sanitizer/lsan_interface.h>
#endif
#endif

/* Under ASan a model is played fewer times: how it must come out, the plain build shows. */
#ifdef SUITE_HAS_LSAN
#define SUITE_IS_SANITIZED 1
#else
#define SUITE_IS_SANITIZED 0
#endif

/**
 * At its end each test, a child, looks for leaks through some 9 MB of the sanitizer's own tables.
 * What this process has looked through before, its children have in their page tables already.
 */
static inline void suite_look_for_leaks(void)
{
#ifdef SUITE_HAS_LSAN
	(void)__lsan_do_recoverable_leak_check();
#endif
}

/** Runs the suite as check's environment says (CK_FORK, CK_RUN_CASE, ...); the exit status of
 * main(). */
static inline int suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_look_for_leaks();
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

#endif
