/* SPDX-License-Identifier: ISC */
/*
 * A door: where requests come in, over HTTP on one listening socket, on the main thread's loop. Who
 * may come in is the door's business; what is asked and answered is not.
 *
 * The socket can be replaced while connections stay. The path of a UNIX socket that somebody
 * removed is made anew, and is given up to the next weir at a stop.
 */
#ifndef WEIR_CONTROL_DOOR_H
#define WEIR_CONTROL_DOOR_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/file_access.h"
#include "http/server.h"
#include "stream/listen.h"

struct acceptor;
struct loop;

/** Of one door: its clients, the socket, its path and its lock. */
enum { DOOR_FDS = HTTP_SERVER_CONNECTIONS + 3 };

struct door {
	struct http_server server;
	struct loop *loop;
	struct addr addr;
	struct file_access access; /**< of a UNIX path */
	struct listen_socket socket;
	struct acceptor *acceptor; /**< NULL: it does not listen */
};

/** Without a socket; `opts` are of its connections. */
void door_init(struct door *door, const struct http_server_opts *opts);

/** Listens there, in the place of where it listened before. 0, or a negative errno and *ret_why as
 * listen_open() gives it: then all is as before. */
int door_listen(struct door *door, const struct addr *addr, const struct file_access *access,
	const char **ret_why);

/** Whether it listens; false too where somebody has removed its path. */
bool door_is_open(const struct door *door);

/** Gives up where it listens; connections stay. Idempotent. */
void door_leave(struct door *door);

/** While it goes on listening, the next weir may take the path over (listen_yield()). */
void door_yield(struct door *door);

/** Closes it, with all connections. Idempotent, also on zeroed memory. */
void door_close(struct door *door);

#endif
