/* SPDX-License-Identifier: ISC */
/* A byte every --every D until the close: what an end does that is never to fall silent. */
#ifndef WEIR_LOAD_STEADY_H
#define WEIR_LOAD_STEADY_H

struct conn;

/** script::opened, or script::accepted of who speaks first: greets, and plans the first byte. */
void steady_begin(struct conn *conn);

/** script::struck: sends one and plans the next, unless the close should have come long ago. */
void steady_next(struct conn *conn);

#endif
