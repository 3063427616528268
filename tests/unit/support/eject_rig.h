/* SPDX-License-Identifier: ISC */
/*
 * Fixture for the tests of ejection: a group of up to EJECT_SERVERS_MAX servers with its passive
 * check, in virtual time. The test acts for the sessions: it reports the outcomes of the servers.
 */
#ifndef WEIR_TESTS_EJECT_RIG_H
#define WEIR_TESTS_EJECT_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "upstream/eject.h"
#include "upstream/group.h"
#include "vtime.h"

enum { EJECT_SERVERS_MAX = 10 };

extern struct groups groups;
extern struct ejections ejections;
extern struct conf_server servers[EJECT_SERVERS_MAX]; /**< those of the next config */
extern struct conf_upstream conf; /**< the next config: three servers, default ejection */
extern struct group_plan *plan;   /**< the plan in force; the test has a reference */

static inline uint64_t seconds(uint64_t n)
{
	return n * NS_PER_S;
}

void eject_rig_setup(void);

/** Drops the plan, closes the passive check, and checks that nothing is left. */
void eject_rig_teardown(void);

/** Puts a plan of `conf` in force, as a start or a reload does. */
void load(void);

/** Report `n` failures, or one outcome, of server `i` of the plan in force. */
void let_fail(size_t i, unsigned n);
void tell(size_t i, enum server_outcome outcome);

bool is_ejected(size_t i);
size_t n_ejected(void);

/** The servers that clients get, in sequence: "0 2". */
const char *chosen(void);

/** Checks that server `i` returns after `ns`, and not a nanosecond earlier. */
void assert_returns_in(size_t i, uint64_t ns);

#endif
