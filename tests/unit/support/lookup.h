/* SPDX-License-Identifier: ISC */
/*
 * Lookups of names that are answered by the test: lookups_begin() and freeaddrinfo() are replaced
 * at link time (lookup_link_args in tests/unit/meson.build, beside fault_link_args).
 *
 *	lookup_script();
 *	resolver_ask(...);
 *	loop_until(lookup_is_open("server.example"));
 *	lookup_answer("server.example", 0, "127.0.0.1 ::1");
 */
#ifndef WEIR_TESTS_LOOKUP_H
#define WEIR_TESTS_LOOKUP_H

#include <stdbool.h>

/** From now on lookups wait for lookup_answer(). Before, they are real. */
void lookup_script(void);

/** From now on lookups are real again. */
void lookup_unscript(void);

/** From now on no lookup can begin, as if there were no thread for it; or lookups can begin
 * again. */
void lookup_refuse(bool refuses);

/** Whether a lookup of `host` is under way, and how many lookups are. */
bool lookup_is_open(const char *host);
unsigned lookup_n_open(void);

/** How many lookups have begun since lookup_script(). */
unsigned lookup_n_begun(void);

/**
 * Ends the lookup of `host` with a status and, if that is 0, with addresses that are separated by
 * spaces ("unix" is an address of a family that callers do not use). Must be called on the thread
 * of the resolver's home loop.
 */
void lookup_answer(const char *host, int status, const char *addresses);

#endif
