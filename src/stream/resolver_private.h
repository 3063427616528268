/* SPDX-License-Identifier: ISC */
/* The inside of answers, shared by resolver.c (names and queries) and resolver_answer.c. */
#ifndef WEIR_STREAM_RESOLVER_PRIVATE_H
#define WEIR_STREAM_RESOLVER_PRIVATE_H

#include "stream/resolver.h"

struct addrinfo;

/**
 * Makes an answer of getaddrinfo()'s list, with one reference. Addresses that are neither IPv4 nor
 * IPv6 are left out. NULL: no memory.
 */
struct resolver_answer *resolver_answer_new(const struct addrinfo *list);

const struct resolver_answer *resolver_answer_ref(struct resolver_answer *answer);

#endif
