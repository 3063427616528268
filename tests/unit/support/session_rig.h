/* SPDX-License-Identifier: ISC */
/* Fixture for the tests of sessions: one session at a time, whose log is read from a pipe. */
#ifndef WEIR_TESTS_SESSION_RIG_H
#define WEIR_TESTS_SESSION_RIG_H

#include "house.h"
#include "proxy/session.h"

enum { SESSION_LOG_MAX = 8192 };

extern struct house house; /**< without servers */
extern struct test_server server;
extern struct side client;
extern char log_text[SESSION_LOG_MAX]; /**< after until_ended() */

void session_rig_setup(void);
void session_rig_teardown(void);

/** Starts a session of listener 0; `client` is the client's side. */
void begin(enum wire_kind kind);

/** Starts a session over TCP with `server`, and exchanges 300 bytes up and 20 down. */
void begin_and_exchange(void);

/** Puts a drain in force whose time is over. */
void drain_until_now(void);

/** Waits until the session has ended, and reads the log, which must have exactly one closing
 * line. */
void until_ended(void);

/** A server whose accept queue is full, so that connects are not answered. `queue` has the fds that
 * fill it. */
struct black_hole {
	struct test_server server;
	int queue[16];
};

void black_hole_open(struct black_hole *hole);
void black_hole_close(struct black_hole *hole);

/** Checks that the closing line has this field: " key=value", or its beginning: " key=". */
void assert_says(const char *field);

/** Checks that the closing line does not have this key. */
void assert_silent(const char *key);

#endif
