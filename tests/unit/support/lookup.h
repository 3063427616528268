/* SPDX-License-Identifier: ISC */
/*
 * Lookups of names that answer when the test says so: lookups_begin() and freeaddrinfo() are
 * replaced at link time (lookup_link_args in tests/unit/meson.build, beside fault_link_args).
 *
 *	lookup_script();
 *	resolver_ask(...);
 *	loop_until(lookup_is_open("server.example"));
 *	lookup_answer("server.example", 0, "127.0.0.1 ::1");
 */
#ifndef WEIR_TESTS_LOOKUP_H
#define WEIR_TESTS_LOOKUP_H

#include <stdbool.h>

/** From now on lookups wait for lookup_answer(); before, they are real. */
void lookup_script(void);

/** They are real again. */
void lookup_unscript(void);

/** From now on there is no thread for another lookup, or there is again. */
void lookup_refuse(bool refuses);

/** Whether a lookup of `host` is in flight, and how many are in all. */
bool lookup_is_open(const char *host);
unsigned lookup_n_open(void);

/** Lookups that were begun since lookup_script(). */
unsigned lookup_n_begun(void);

/**
 * Ends the lookup of `host`, on the thread of the resolver's home: a status, and for 0 the
 * addresses, with a space between ("unix" stands for one of a family that nobody wants).
 */
void lookup_answer(const char *host, int status, const char *addresses);

#endif
