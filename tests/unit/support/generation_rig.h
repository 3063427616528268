/* SPDX-License-Identifier: ISC */
/*
 * A house of one server whose config is followed by others: what a reload does, on one worker.
 *
 * Its names are short, since a test has nothing else: there is one of each.
 */
#ifndef WEIR_TESTS_GENERATION_RIG_H
#define WEIR_TESTS_GENERATION_RIG_H

#include <stddef.h>
#include <stdint.h>

#include "house.h"

struct generation;

extern struct house house;
extern struct test_server server;
extern struct side client;

/* The next config, which the test may change before turn(). */
extern struct conf next_conf;
extern struct conf_listener next_listeners[2];

/* Lists for it. */
extern struct conf_prefixes anybody;
extern struct conf_prefixes nobody;

void generation_rig_open(void);

/** All sessions must end by themselves. */
void generation_rig_close(void);

/** Does what a reload does to the only worker; the generation before is returned, referenced. */
struct generation *turn(void);

/** The only session. */
struct session *session(void);

/** A session of listener `i` that relays. */
void begin(size_t i);

/** Its client resets it. */
void end(void);

/** What was counted of listener 0; `counter` is an offset in struct tally. */
uint64_t counted(size_t counter);

#endif
