/* SPDX-License-Identifier: ISC */
/*
 * A door: where requests come in, over HTTP on one listening socket, on the main thread's loop. Who
 * may come in is the door's business; what is asked and answered is not.
 *
 *	door_prepare() ──▶ door_commit()	moves it, as a reload moves listeners: connections
 *	             └───▶ door_cancel()	stay, and those of a door that is gone are closed
 *
 * The path of a UNIX socket that somebody removed is made anew, and is given up to the next weir at
 * a stop.
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

/** Of one door: its clients, the socket, its path and its lock. */
enum { DOOR_FDS = HTTP_SERVER_CONNECTIONS + 3 };

/** Where it is, and for whom. */
struct door_place {
	struct addr addr; /**< sa_len 0: nowhere */
	struct file_access access;
	const struct conf_prefixes *allow; /**< borrowed while it is in force; NULL: everybody */
};

/** A place, and what listens there. */
struct door_stand {
	struct door_place place;
	struct listen_socket socket;
	struct acceptor *acceptor; /**< NULL: it does not listen */
	struct prefixes *allow;    /**< of the place */
	bool stays;                /**< of a prepared one: the socket is that of before */
};

struct door {
	struct http_server server;
	struct loop *loop;
	struct door_stand now;
	struct door_stand next; /**< while prepared */
};

/** Nowhere; `opts` are of its connections. */
void door_init(struct door *door, const struct http_server_opts *opts);

/** Listens there, and lets nobody in yet; a socket that is there already is kept. 0, or a negative
 * errno and *ret_why, as listen_open(): then there is nothing to cancel. */
int door_prepare(struct door *door, const struct door_place *place, const char **ret_why);
void door_commit(struct door *door);
void door_cancel(struct door *door);

/** Whether it listens, or is to be nowhere; false where somebody has removed its path. */
bool door_is_open(const struct door *door);

/** While it goes on listening, the next weir may take the path over (listen_yield()). */
void door_yield(struct door *door);

/** Closes it, with all connections. Idempotent, also on zeroed memory. */
void door_close(struct door *door);

#endif
