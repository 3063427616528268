/* SPDX-License-Identifier: ISC */
/* Fixture for the tests of the resolver: askers, and a clock that can be set back. */
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
	bool asks_again; /* ask again in answered() */
};

extern struct resolver *resolver;

/** How far the clock of this thread is set back, so that an answer can be old when it arrives. */
extern _Thread_local uint64_t behind_ns;

/** The loop is test_loop, which is the home of `resolver`; lookups are scripted. */
void rig_setup(void);
void rig_teardown(void);
/** The handle of a name. The rig has the reference until rig_forget() or rig_teardown(). */
struct resolver_name *name_of(const char *host);

/** Gives back all handles. */
void rig_forget(void);

void on_answered(struct resolver_query *query, int status);

/** Calls resolver_ask() for a new asker, and returns its result. */
int ask(struct asker *asker, const char *host);

/** Calls ask(), which must not answer at once. */
void must_wait(struct asker *asker, const char *host);

/** Checks that the asker got these addresses, once. */
void must_know(const struct asker *asker, const char *addresses);

/** Gives the name an answer that is `age_ns` old. */
void teach(const char *host, const char *addresses, uint64_t age_ns);

#endif
