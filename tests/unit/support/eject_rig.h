/* SPDX-License-Identifier: ISC */
/*
 * One group of up to EJECT_SERVERS_MAX servers with what ejects them, in virtual time. The test is
 * its sessions: it tells how their servers did.
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
extern struct conf_server servers[EJECT_SERVERS_MAX]; /**< of the config to come */
extern struct conf_upstream conf;                     /**< three servers; the usual ejection */
extern struct group_plan *plan;                       /**< the one in force, of the test */

static inline uint64_t seconds(uint64_t n)
{
	return n * NS_PER_S;
}

void eject_rig_setup(void);

/** Drops the plan, and closes what ejects; nothing must be left. */
void eject_rig_teardown(void);

/** Puts a plan of `conf` in force, as a start or a reload does. */
void load(void);

/** The server at this place of the plan in force has failed as many times, or did as told. */
void let_fail(size_t i, unsigned n);
void tell(size_t i, enum server_outcome outcome);

bool is_ejected(size_t i);
size_t n_ejected(void);

/** Which servers a client is led to, in order: "0 2". */
const char *chosen(void);

/** It returns in `ns`, and not a nanosecond before. */
void assert_returns_in(size_t i, uint64_t ns);

#endif
