/* SPDX-License-Identifier: ISC */
/* The main() of every unit test: runs the cases of one module under check. */
#ifndef WEIR_TESTS_SUITE_H
#define WEIR_TESTS_SUITE_H

#include <assert.h>
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sanitizer keeps freed memory, so the size of the process does not show what it uses. */
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

/* The arguments of invariant_case(). */
struct invariant {
	const char *what, *page, *heading;
};

enum { INVARIANTS_MAX = 4 };

static struct invariant suite_invariants[INVARIANTS_MAX];
static int suite_n_invariants;

/**
 * Makes a case for tests that hold an invariant of the design. docs/ARCHITECTURE.md, Invariants,
 * has all of them. The case is named `what`. If one of its tests fails, suite_run() says which page
 * to read. Keeps the pointers.
 */
static inline TCase *invariant_case(const char *what, const char *page, const char *heading)
{
	assert(suite_n_invariants < INVARIANTS_MAX);
	suite_invariants[suite_n_invariants++] = (struct invariant){what, page, heading};
	return tcase_create(what);
}

/** Prints which page to read, once for each invariant that a failed test holds. Prints to stderr,
 * because meson shows all of it; of stdout it shows only the results. */
static inline void suite_say_pages(SRunner *runner)
{
	TestResult **failures = srunner_failures(runner);
	int n = srunner_ntests_failed(runner);

	for (int i = 0; i < suite_n_invariants; i++) {
		const struct invariant *one = &suite_invariants[i];
		int at = 0;

		while (at < n && strcmp(tr_tcname(failures[at]), one->what) != 0) {
			at++;
		}
		if (at < n) {
			fprintf(stderr,
				"This test holds an invariant of the design: %s."
				" Read %s, \"%s\".\n",
				one->what, one->page, one->heading);
		}
	}
	free(failures);
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
	suite_say_pages(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

#endif
