/* SPDX-License-Identifier: ISC */
/*
 * A door is a listening socket for HTTP requests, on the main thread's loop. It decides which
 * clients may connect; it knows nothing about requests and answers.
 *
 *	door_prepare() ──▶ door_commit()	moves the door to another address
 *	             └───▶ door_cancel()	gives the move up
 *
 * Connections stay, unless the door has no address any more. If the path of a UNIX socket was
 * removed, the door listens there again. At a stop the door lets the next weir take over the path.
 */
#ifndef WEIR_CONTROL_DOOR_H
#define WEIR_CONTROL_DOOR_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/file_access.h"
#include "http/server.h"
#include "stream/listen.h"

struct acceptor;
struct conf_prefixes;
struct loop;
struct prefixes;

/** The fds that one door may use: for its clients, the socket, its path and its lock. */
enum { DOOR_FDS = HTTP_SERVER_CONNECTIONS + 3 };

/** Where a door listens, and which clients it admits. */
struct door_opts {
	struct addr addr; /**< sa_len 0: the door does not listen */
	struct file_access access;
	const struct conf_prefixes *allow; /**< borrowed while it is in force; NULL: all clients */
};

/** Where a door listens, and the socket that listens there. */
struct door_stand {
	struct door_opts opts;
	struct listen_socket socket;
	struct acceptor *acceptor; /**< NULL: the door does not listen */
	struct prefixes *allow;    /**< compiled from opts.allow */
	bool stays;                /**< only while prepared: the socket is that of `now` */
};

struct door {
	struct http_server server;
	struct loop *loop;
	struct door_stand now;
	struct door_stand next; /**< only between prepare and commit or cancel */
};

/** Sets up a door that does not listen; `opts` are for its connections. */
void door_init(struct door *door, const struct http_server_opts *opts);

/** Listens as `opts` say, without accepting clients yet; if the door listens there already, it
 * keeps that socket. 0, or a negative errno and *ret_why, as listen_open(): then nothing has
 * changed (except that a socket whose path was removed may be closed), and door_cancel() is not
 * needed. */
int door_prepare(struct door *door, const struct door_opts *opts, const char **ret_why);
void door_commit(struct door *door);
void door_cancel(struct door *door);

/** Whether the door listens, or is not meant to. False also if its path was removed. */
bool door_is_open(const struct door *door);

/** Lets the next weir take over the path while this one still listens (listen_yield()). */
void door_yield(struct door *door);

/** Closes the door and all its connections. Idempotent, also on zeroed memory. */
void door_close(struct door *door);

#endif
