/* SPDX-License-Identifier: ISC */
/* The server behind the proxy: accepts its connections, which are ends (conn.h). */
#ifndef WEIR_LOAD_SERVE_H
#define WEIR_LOAD_SERVE_H

struct lane;

/** Starts to accept on the lane's socket, if it has one. 0 or a negative errno. */
int serve_open(struct lane *lane);
void serve_close(struct lane *lane);

#endif
