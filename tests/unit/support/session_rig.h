/* SPDX-License-Identifier: ISC */
/* One session at a time, whose log is read from a pipe; for tests of the session. */
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

/** The client's side of a session of listener 0. */
void begin(enum wire_kind kind);

/** Over TCP, with `server`: 300 bytes up, 20 down. */
void begin_and_exchange(void);

/** Drains, with nothing of the time left. */
void drain_until_now(void);

/** Lets the session end and reads what the log says, which must be one closing line. */
void until_ended(void);

/** A server whose queue is full: who connects hears nothing. The queue, for server_close(). */
struct black_hole {
	struct test_server server;
	int queue[16];
};

void black_hole_open(struct black_hole *hole);
void black_hole_close(struct black_hole *hole);

/** The closing line says so: " key=value", or the beginning of one: " key=". */
void assert_says(const char *field);

/** The closing line has no such key. */
void assert_silent(const char *key);

#endif
