/* SPDX-License-Identifier: ISC */
/*
 * Messages that come back: what the busy streams of mixed and drain exchange.
 *
 * A message begins with the stamp of its sending, 8 bytes, and comes back unchanged. It is sent at
 * its time whether or not the one before has come back, so a proxy that stops for a second shows in
 * every message of that second.
 */
#ifndef WEIR_LOAD_MESSAGE_H
#define WEIR_LOAD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

struct conn;

/** script::opened of the client: greets, and plans the first message. */
void message_begin(struct conn *conn);

/** Sends one, unless too much waits already, and plans the next one --every later. */
void message_next(struct conn *conn);

/** Whether all that was sent has come back, but for the token. */
bool message_all_back(const struct conn *conn);

/** script::read of the client: takes messages apart, and counts how long each took. */
void message_read(struct conn *conn, const char *data, size_t len);

/** script::read and script::drained of its server: sends back what it reads. */
void message_echo(struct conn *conn, const char *data, size_t len);
void message_echo_more(struct conn *conn);

#endif
