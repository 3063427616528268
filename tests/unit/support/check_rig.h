/* SPDX-License-Identifier: ISC */
/* Fixture for the tests of checks: a server, its check, and what the check reports, in virtual time
 * (vtime.h). */
#ifndef WEIR_TESTS_CHECK_RIG_H
#define WEIR_TESTS_CHECK_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "upstream/check.h"
#include "vtime.h"

#define EVERY_NS ((uint64_t)2 * NS_PER_S)
#define DOWN_NS  ((uint64_t)3 * NS_PER_S)

struct check_rig {
	struct check *check;
	struct check_opts opts; /**< for check_rig_open(): connect only, rise 2, fall 3 */
	struct addr addr;
	int listener;
	bool serves;
	uint64_t open_ns;
	unsigned n_changes;
	unsigned n_unjudged;
	bool is_up; /**< the state by the reported changes */
	unsigned n_checks;
	uint64_t lasted_ns;
	enum probe_result result;
	bool closes; /**< close the check in its callbacks */
};

extern struct check_rig rig;

/** Sets up: the loop is test_loop, time stands still, the server listens. */
void check_rig_setup(void);
void check_rig_teardown(void);

/** Opens the check, at rig.open_ns. */
void check_rig_open(void);

/** Makes the check send PING and expect +PONG. Call it before check_rig_open() or check_set(). */
void check_rig_expect_pong(void);

/** From now on the server accepts or refuses connections, at the same port. */
void serve_or_refuse(bool serves);

/** Accepts a connection. Returns the server's fd. */
int accept_one(void);

/** Returns how many connections have come since the last call, and closes them. */
unsigned n_asked(void);

/** Calls vtime_pass() up to the time `ns`. */
void pass_until(uint64_t ns);

/** The time at which a check that is due at `ns` begins. */
uint64_t on_grid(uint64_t ns);

#endif
