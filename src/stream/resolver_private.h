/* SPDX-License-Identifier: ISC */
/* The inside of answers, shared by resolver.c (names and who asks) and resolver_answer.c. */
#ifndef WEIR_STREAM_RESOLVER_PRIVATE_H
#define WEIR_STREAM_RESOLVER_PRIVATE_H

#include "stream/resolver.h"

struct addrinfo;

/** Of getaddrinfo()'s list, with one reference; addresses of other families than ours are left out.
 * NULL: no memory. */
struct resolver_answer *resolver_answer_new(const struct addrinfo *list);

const struct resolver_answer *resolver_answer_ref(struct resolver_answer *answer);

#endif
