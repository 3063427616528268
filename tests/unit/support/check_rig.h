/* SPDX-License-Identifier: ISC */
/* A server, the check of it, and what that says, in virtual time (vtime.h). */
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
	bool is_up; /**< as the changes say */
	unsigned n_checks;
	uint64_t lasted_ns;
	enum probe_result result;
	bool closes; /**< in the callbacks */
};

extern struct check_rig rig;

/** The loop is test_loop, time stands still, the server listens. */
void check_rig_setup(void);
void check_rig_teardown(void);

/** Opens the check, at rig.open_ns. */
void check_rig_open(void);

/** It is to send PING and expects +PONG. Before check_rig_open(), or a check_set(). */
void check_rig_expect_pong(void);

/** From now on the server listens, or refuses, at the same port. */
void serve_or_refuse(bool serves);

/** Takes a connection; the server's end. */
int accept_one(void);

/** How many connections have come since the last time; they are closed. */
unsigned n_asked(void);

/** vtime_pass(), until then. */
void pass_until(uint64_t ns);

/** When a check that is due then begins. */
uint64_t on_grid(uint64_t ns);

#endif
