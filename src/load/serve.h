/* SPDX-License-Identifier: ISC */
/*
 * The server behind the proxy, and the tokens that tell which of its connections is whose.
 *
 * The side that speaks first begins with 8 bytes: "WL", 'C' or 'S' for client or server, one byte
 * drawn for this run, and the number of the end, most significant byte first. The other side reads
 * it and so knows its mate. With --silent nobody speaks, and the ends stay apart.
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

/** Whether the server's ends of such a run speak first, and have the tokens. */
bool serve_is_first(const struct options *options);

/** Whether there is no token to be read (any more) by this end. */
bool serve_is_matched(const struct conn *conn);

/**
 * Takes what belongs to the token off *data. When it is complete the ends are matched, and a server
 * end's script begins, which may end it.
 */
void serve_read_token(struct conn *conn, const char **data, size_t *len);

#endif
