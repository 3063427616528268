/* SPDX-License-Identifier: ISC */
/*
 * Messages that the server sends back: the traffic of the busy streams in mixed and drain.
 *
 * A message begins with the timestamp of its sending, 8 bytes, and comes back unchanged. It is sent
 * at its time even if the one before has not come back, so if a proxy stops for a second, every
 * message of that second shows it.
 */
#ifndef WEIR_LOAD_MESSAGE_H
#define WEIR_LOAD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

struct conn;

/** script::opened of the client: sends the token, if there are server ends to read it, and plans
 * the first message. */
void message_begin(struct conn *conn);

/** Sends a message, unless too many bytes wait already, and plans the next one after --every. */
void message_next(struct conn *conn);

/** Whether everything that was sent, except the token, has come back. */
bool message_all_back(const struct conn *conn);

/** script::read of the client: splits bytes into messages, and counts how long each took. */
void message_read(struct conn *conn, const char *data, size_t len);

/** script::read and script::drained of its server: sends back what it reads. */
void message_echo(struct conn *conn, const char *data, size_t len);
void message_echo_more(struct conn *conn);

#endif
