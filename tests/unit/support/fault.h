/* SPDX-License-Identifier: ISC */
/*
 * Injects faults: of the calls from now on to functions that can fail, the n-th one fails.
 *
 *	for (unsigned n = 1;; n++) {
 *		fault_arm(n);
 *		run_the_code_under_test();
 *		if (!fault_disarm()) {
 *			break;		(every call has failed once)
 *		}
 *	}
 *
 * The functions are replaced at link time (-Wl,--wrap, fault_link_args in tests/unit/meson.build),
 * so the code under test is unchanged. Calls from inside shared libraries are not counted. A test
 * links fault.c, and fault_uv.c if it links libuv. Calls of the test itself count too while a fault
 * is armed, unless they are between fault_suspend() and fault_resume().
 *
 * There is one countdown for the process: calls on any thread count.
 */
#ifndef WEIR_TESTS_FAULT_H
#define WEIR_TESTS_FAULT_H

#include <stdbool.h>

enum fault_class {
	FAULT_MEMORY = 1 << 0, /**< malloc, calloc, aligned_alloc, realloc, strdup, ... */
	FAULT_SOCKET =
		1 << 1, /**< socket, bind, connect, accept4, pipe2, setsockopt, shutdown, ... */
	FAULT_BYTES = 1 << 2, /**< recv, send, read, write, splice */
	FAULT_LOOP = 1 << 3,  /**< epoll, timerfd, uv_*, pthread_create */
	FAULT_ALL = (1 << 4) - 1,
};

/** Makes the n-th call (from 1) in the scope fail, once, with an errno that fits the function. */
void fault_arm(unsigned n);

/** Disarms. Returns whether the fault has happened. The scope is FAULT_ALL again. */
bool fault_disarm(void);

/** The function that failed; NULL: none did. Valid until the next fault_arm(). */
const char *fault_met(void);

/** Sets the scope to these classes (bits of enum fault_class). Call it before fault_arm(). */
void fault_only(unsigned classes);

/** Sets the scope to one function (a constant text). Call it before fault_arm(). */
void fault_only_call(const char *name);

/** Sets the errno of the next fault. Call it before fault_arm(). */
void fault_set_errno(int err);

/** Calls between these two neither count nor fail; they may be nested. */
void fault_suspend(void);
void fault_resume(void);

/** For the wrappers: whether this call must fail; if so, sets errno. */
bool fault_strikes(const char *name, enum fault_class class, int err);

/** Defines the wrapper of one function; weak, so that a test may have one of its own. */
#define FAULT_WRAP(type, name, class, err, failure, params, args)                                  \
	type __real_##name params;                                                                 \
	type __wrap_##name params __attribute__((weak));                                           \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return fault_strikes(#name, class, err) ? (failure) : __real_##name args;          \
	}

#endif
