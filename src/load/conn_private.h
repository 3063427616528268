/* SPDX-License-Identifier: ISC */
/*
 * Makes the verdict on an end of a connection (conn_judge.c): from when its close is counted, and
 * whether it was early, on time or late; the due() of scenarios uses conn_due_by_other(). Handles
 * the tokens (conn_token.c), which show which of the server's connections belongs to which client.
 *
 * With --remote only one of the two ends is in this process, and the other one has another clock.
 * Then each end is judged by its own timestamps alone. The time of its own sends is exact. The
 * other end's bytes were sent before they were read here, so lateness counts from the reading. How
 * long such a byte was on its way is not known; 100 ms are allowed for it, or --max-late if that is
 * more. So a close is early here only if it is too early by more than that. The end that sent the
 * byte judges exactly.
 *
 * The side that sends first begins with a token of 8 bytes: "WL", 'C' or 'S' for client or server,
 * a random byte for this run, and the number of the end, most significant byte first. The other
 * side reads it and so finds its mate. With --silent no side sends, and the ends are not matched.
 */
#ifndef WEIR_LOAD_CONN_PRIVATE_H
#define WEIR_LOAD_CONN_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/scenario.h"
#include "load/verdict.h"

struct conn;
struct options;

enum { CONN_TOKEN_BYTES = 8 };

/** Whether its timestamps are of this process's clock. */
bool conn_is_seen(const struct conn *conn);

/** From when a close is counted, if it counts from something that the other end did. This end read
 * that at `heard_ns`. */
struct due conn_due_by_other(uint64_t heard_ns, const struct options *options);

/** From when its close is counted. */
struct due conn_from(const struct conn *conn);

/** Whether one of the ends sent a byte so late that the close of the pair proves nothing. */
bool conn_is_void(const struct conn *conn);

/** The verdict on a close that was read at `now_ns`; notes how late it was. */
enum verdict conn_judge(struct conn *conn, uint64_t now_ns);

/** The verdict on an end whose close is not expected: a reset before the expected time of the pair
 * is early. */
enum verdict conn_guard(struct conn *conn, uint64_t now_ns);

/** Adds the lateness of a client to the histogram of its lane, for the progress. */
void conn_record(struct conn *conn);

static inline bool conn_flag(const _Atomic bool *flag)
{
	return atomic_load_explicit(flag, memory_order_acquire);
}

/** Writes the token of this end. */
void conn_token(const struct conn *conn, uint8_t token[CONN_TOKEN_BYTES]);

/** Whether the server ends of such a run send first, and so send the tokens. */
bool conn_server_is_first(const struct options *options);

/** Whether this end has no token to read, or has read it. */
bool conn_is_matched(const struct conn *conn);

/**
 * Removes the bytes of the token from the beginning of *data. When the token is complete, matches
 * the ends, and begins the script of a server end, which may end it.
 */
void conn_read_token(struct conn *conn, const char **data, size_t *len);

#endif
