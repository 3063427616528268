/* SPDX-License-Identifier: ISC */
/*
 * A set of IP prefixes (prefix.h) that never changes, made to be asked: is this address in it?
 *
 * What lies within another is dropped, so the rest is disjoint and sorted; of it the last prefix
 * that does not begin behind the address is the only one that can have it. A set costs 18.1 bytes a
 * prefix, and an answer a look at as many blocks as its number has digits to the base 16: of
 * 100,000, five. Any thread may ask.
 */
#ifndef WEIR_BASE_PREFIXES_H
#define WEIR_BASE_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix.h"

struct prefixes;

/** A set of these, which are copied; in any order, also several times. NULL: no memory. */
struct prefixes *prefixes_new(const struct prefix *list, size_t n);

/** Whether an address, of IPv4 or of IPv6, is in it. NULL is a set of nothing. */
bool prefixes_has(const struct prefixes *set, const struct sockaddr *sa);

/** NULL is fine; returns NULL. */
struct prefixes *prefixes_free(struct prefixes *set);

#endif
