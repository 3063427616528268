/* SPDX-License-Identifier: ISC */
/*
 * Faults on demand: the n-th call from now on of a function that can fail does fail.
 *
 *	for (unsigned n = 1;; n++) {
 *		fault_arm(n);
 *		live_a_life();
 *		if (!fault_disarm()) {
 *			break;		(every call has had its turn)
 *		}
 *	}
 *
 * The functions are replaced at link time (-Wl,--wrap, fault_link_args in tests/unit/meson.build),
 * so the code under test knows nothing of it. Calls from inside shared libraries are not seen. A
 * test links fault.c, and fault_uv.c if it links libuv. What a test itself does while a fault is
 * armed counts too: put it between fault_suspend() and fault_resume().
 *
 * The countdown belongs to the process: calls of any thread count.
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

/** The n-th call (from 1) in the scope fails, once, with an errno that fits it. */
void fault_arm(unsigned n);

/** Ends it; whether the fault was met. The scope is FAULT_ALL again. */
bool fault_disarm(void);

/** The function that failed, NULL if none did; valid until the next fault_arm(). */
const char *fault_met(void);

/** Only these classes (enum fault_class) count. Before fault_arm(). */
void fault_only(unsigned classes);

/** Only this function counts (a constant text). Before fault_arm(). */
void fault_only_call(const char *name);

/** The errno of the next fault, in place of the one that fits. Before fault_arm(). */
void fault_set_errno(int err);

/** Calls between these two neither count nor fail; they may be nested. */
void fault_suspend(void);
void fault_resume(void);

/** For the wrappers: whether this call shall fail; sets errno if so. */
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
