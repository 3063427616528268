/* SPDX-License-Identifier: ISC */
/* The main() of every unit test: runs the cases of one module under check. */
#ifndef WEIR_TESTS_SUITE_H
#define WEIR_TESTS_SUITE_H

#include <check.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SUITE_HAS_LSAN
#include <sanitizer/lsan_interface.h>
#endif
#if __has_feature(thread_sanitizer)
#define SUITE_HAS_TSAN
#endif
#endif

/* A sanitizer keeps what was freed: what a process has then says nothing. */
#if defined(SUITE_HAS_LSAN) || defined(SUITE_HAS_TSAN)
#define SUITE_KEEPS_FREED 1
#else
#define SUITE_KEEPS_FREED 0
#endif

/* With ASan, tests of a model run fewer rounds: the plain build runs them all. */
#ifdef SUITE_HAS_LSAN
#define SUITE_IS_SANITIZED 1
#else
#define SUITE_IS_SANITIZED 0
#endif

/**
 * Each test is a child process, and its leak check at the end reads some 9 MB of the sanitizer's
 * own tables. If this process has read them before, the children inherit the mapped pages, which
 * saves time.
 */
static inline void suite_look_for_leaks(void)
{
#ifdef SUITE_HAS_LSAN
	(void)__lsan_do_recoverable_leak_check();
#endif
}

/** Runs the suite with check's environment variables (CK_FORK, CK_RUN_CASE, ...). Returns the exit
 * status for main(). */
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
