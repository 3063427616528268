/* SPDX-License-Identifier: ISC */
/*
 * A set of IP prefixes (prefix.h) that never changes, for one question: is this address in it?
 *
 * Prefixes that lie within another one are dropped, so the rest is disjoint, and it is sorted. Then
 * only one prefix can contain an address: the last one that does not begin after it. A set takes
 * 18.1 bytes for each prefix. A look-up reads as many blocks of memory as the number of prefixes
 * has digits to the base 16: five for 100,000. Any thread may ask.
 */
#ifndef WEIR_BASE_PREFIXES_H
#define WEIR_BASE_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix.h"

struct prefixes;

/**
 * Makes a set of these prefixes, which are copied. They may be in any order and contain duplicates.
 * NULL: no memory.
 */
struct prefixes *prefixes_new(const struct prefix *list, size_t n);

/** Whether an IPv4 or IPv6 address is in the set. NULL is an empty set. */
bool prefixes_has(const struct prefixes *set, const struct sockaddr *sa);

/** NULL is fine; returns NULL. */
struct prefixes *prefixes_free(struct prefixes *set);

#endif
