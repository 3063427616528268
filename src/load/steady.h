/* SPDX-License-Identifier: ISC */
/* An end that never falls silent: it sends a byte after each --every, until the close. */
#ifndef WEIR_LOAD_STEADY_H
#define WEIR_LOAD_STEADY_H

struct conn;

/** script::opened, or script::accepted of an end that sends first: calls conn_greet(), and plans
 * the first byte. */
void steady_begin(struct conn *conn);

/** script::struck, or script::opened without a greeting: sends a byte, and plans the next one; or
 * calls conn_give_up() if the close should have come long ago. */
void steady_next(struct conn *conn);

#endif
