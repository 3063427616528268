/* SPDX-License-Identifier: ISC */
/*
 * The server behind the proxy, and the tokens that show which of its connections belongs to which
 * client.
 *
 * The side that sends first begins with a token of 8 bytes: "WL", 'C' or 'S' for client or server,
 * a random byte for this run, and the number of the end, most significant byte first. The other
 * side reads it and so finds its mate. With --silent no side sends, and the ends are not matched.
 */
#ifndef WEIR_LOAD_SERVE_H
#define WEIR_LOAD_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct lane;
struct options;

enum { SERVE_TOKEN_BYTES = 8 };

/** Starts to accept on the lane's socket, if it has one. 0 or a negative errno. */
int serve_open(struct lane *lane);
void serve_close(struct lane *lane);

/** Writes the token of this end. */
void serve_token(const struct conn *conn, uint8_t token[SERVE_TOKEN_BYTES]);

/** Whether the server ends of such a run send first, and so send the tokens. */
bool serve_is_first(const struct options *options);

/** Whether this end has no token to read, or has read it. */
bool serve_is_matched(const struct conn *conn);

/**
 * Removes the bytes of the token from the beginning of *data. When the token is complete, matches
 * the ends, and begins the script of a server end, which may end it.
 */
void serve_read_token(struct conn *conn, const char **data, size_t *len);

#endif
