/* SPDX-License-Identifier: ISC */
/*
 * The file descriptors that systemd passes with names (sd_listen_fds(3)): the sockets of socket
 * units, and what the fd store of the service has kept. They are sorted by kind:
 *
 *	listening	listening sockets (SO_ACCEPTCONN), for the listeners that name them. They
 *			stay open until the process ends: an acceptor uses a duplicate, so that
 *			reloads can add and remove listeners.
 *	others		connections, datagram sockets, FIFOs, files, memfds, for modules that take
 *			one by its name. One that no module takes is logged as a warning and stays
 *			open, because a client would see the close of a connection as an answer.
 *
 * Whether weir can use a listening socket is checked when a listener asks for it.
 */
#ifndef WEIR_CREW_INHERITED_H
#define WEIR_CREW_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/sockopts.h"

/** A socket that listens. */
struct inherited_socket {
	int fd;
	char *name; /**< "unknown" if no name was passed */
	/** The socket options as they were before weir changed any. The main thread uses them when
	 * it adopts the socket, and later the worker that accepts from it uses them. */
	struct sockopts_kept kept;
};

/** An fd that is not a listening socket. */
struct inherited_fd {
	int fd;
	char *name;
};

struct inherited {
	struct inherited_socket *listening; /**< in the sequence in which they were passed */
	size_t n_listening;
	struct inherited_fd *others; /**< likewise, without those that were taken */
	size_t n_others;
	size_t n_nameless; /**< other fds that were open at the start; they are left alone */
};

/**
 * Reads the environment and removes the variables. Call it once, before anything else is opened:
 * otherwise weir's own fds would count as inherited ones if the number in the environment is too
 * high. 0, or a negative errno, already logged, if the environment is wrong or there is no memory.
 * Logs a warning if the sockets are for another process.
 */
int inherited_init(struct inherited *ret_inherited);

/**
 * Adds an fd. Takes `fd` and `name` (malloc'd), also on failure. If the same listening socket was
 * already passed under this name, `fd` is closed: it has the same accept queue. Must not be called
 * once a listener uses an inherited socket, because the array may move. 0 or -ENOMEM.
 */
int inherited_add(struct inherited *inherited, int fd, char *name);

/**
 * Returns the first fd with this name that is not a listening socket; the caller then owns it.
 * -ENOENT: there is none.
 */
int inherited_take(struct inherited *inherited, const char *name);

/** Logs a warning for each fd that no module has taken, but for at most 16; the last of these lines
 * says how many more there are. Call it after all modules had the chance. */
void inherited_tell_untaken(const struct inherited *inherited);

/** What an fd is, for a message: "connection", "datagram socket", "file" and so on. */
const char *inherited_kind(int fd);

/** The address to which a socket of any kind is bound; NULL if the fd is not a socket. */
const char *socket_text(int fd, char text[ADDR_TEXT_MAX]);

/** Whether one of the fds is a connection, which systemd passes if the unit has Accept=yes. */
bool inherited_has_connection(const struct inherited *inherited);

/** Closes them. Idempotent. */
void inherited_fini(struct inherited *inherited);

#endif
