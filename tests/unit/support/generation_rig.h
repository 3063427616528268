/* SPDX-License-Identifier: ISC */
/*
 * Fixture for reloads on one worker: a proxy (house.h) with one server, whose config is followed by
 * others.
 *
 * The names are short because a test has only one of each.
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

/* Lists for the next config. */
extern struct conf_prefixes anybody;
extern struct conf_prefixes nobody;

void generation_rig_open(void);

/** All sessions must have ended. */
void generation_rig_close(void);

/** Does what a reload does on the only worker. Returns the previous generation, with a
 * reference. */
struct generation *turn(void);

/** The only session. */
struct session *session(void);

/** Starts a session of listener `i`, and waits until it relays. */
void begin(size_t i);

/** Resets the client's connection of that session. */
void end(void);

/** A counter of listener 0; `counter` is an offset in struct tally. */
uint64_t counted(size_t counter);

#endif
