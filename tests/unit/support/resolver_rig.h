/* SPDX-License-Identifier: ISC */
/* What the tests of the resolver stand on: askers, and a clock that is behind. */
#ifndef WEIR_TESTS_RESOLVER_RIG_H
#define WEIR_TESTS_RESOLVER_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/resolver.h"

enum { PENDING = 4711 };

struct asker {
	struct resolver_query query;
	unsigned n_addresses;
	char addresses[RESOLVER_ADDRESSES_MAX * 20]; /* "127.0.0.1 ::1" */
	int status;                                  /* PENDING: not answered yet */
	unsigned n_answered;
	bool asks_again; /* in answered() */
};

extern struct resolver *resolver;

/** How far the clock of this thread is behind: so an answer is old when it is learned. */
extern _Thread_local uint64_t behind_ns;

/** The loop is test_loop, home of `resolver`; lookups are scripted. */
void rig_setup(void);
void rig_teardown(void);
/** The handle of a name, which the rig keeps until rig_forget(), or its end. */
struct resolver_name *name_of(const char *host);

/** Gives all handles back. */
void rig_forget(void);

void on_answered(struct resolver_query *query, int status);

/** What resolver_ask() says, for a new asker. */
int ask(struct asker *asker, const char *host);

/** The asker has to wait. */
void must_wait(struct asker *asker, const char *host);

/** The asker was told these, once. */
void must_know(const struct asker *asker, const char *addresses);

/** The name gets an answer that is `age_ns` old. */
void teach(const char *host, const char *addresses, uint64_t age_ns);

#endif
