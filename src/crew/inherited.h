/* SPDX-License-Identifier: ISC */
/*
 * What systemd passes by name (sd_listen_fds(3)): the sockets of socket units, and what the fd
 * store of the service has kept. It is sorted by what it is:
 *
 *	listening	sockets that listen (SO_ACCEPTCONN), for the listeners that ask for their
 *			names. They are kept as they came until the process ends: an acceptor works
 *			on a copy of one, so that listeners may come and go.
 *	others		connections, datagram sockets, FIFOs, files, memfds: for whoever takes one
 *			by its name. What nobody takes is warned of and stays open, since a client
 *			would take the close of a connection for an answer.
 *
 * Whether a socket that listens is what weir can use is found out when a listener asks for it.
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
	char *name; /**< "unknown" where no name was passed */
	/** The options that it had before us: read by the main thread when it adopts the socket,
	 * then by the worker that accepts from it. */
	struct sockopts_kept kept;
};

/** Anything else. */
struct inherited_fd {
	int fd;
	char *name;
};

struct inherited {
	struct inherited_socket *listening; /**< as they were passed */
	size_t n_listening;
	struct inherited_fd *others; /**< as they were passed, without those that were taken */
	size_t n_others;
	size_t n_nameless; /**< fds that were open too, for which nobody asked: left as they are */
};

/**
 * Takes them out of the environment; to be called once, before anything else is opened, or a count
 * that is too high would take weir's own fds for inherited ones. 0, or a negative errno when the
 * environment is wrong or there is no memory, which was logged.
 * Sockets for another process are warned of.
 */
int inherited_init(struct inherited *ret_inherited);

/**
 * Adds one, and takes `fd` and `name` (from the heap) in any case. A socket that listens and was
 * passed by this name already is closed: it is the same queue. Before any listener has one, since
 * all may move. 0 or -ENOMEM.
 */
int inherited_add(struct inherited *inherited, int fd, char *name);

/**
 * The first that has this name and does not listen; it is the caller's from now on. -ENOENT: there
 * is none.
 */
int inherited_take(struct inherited *inherited, const char *name);

/** Warns of those that nobody has taken; when everybody had the chance. */
void inherited_tell_untaken(const struct inherited *inherited);

/** What it is, for a message: "connection", "datagram socket", "file" and so on. */
const char *inherited_kind(int fd);

/** Where a socket is bound, whatever it is; NULL when it is no socket. */
const char *socket_text(int fd, char text[ADDR_TEXT_MAX]);

/** Whether one is a connection, as systemd passes them with Accept=yes. */
bool inherited_has_connection(const struct inherited *inherited);

/** Closes them. Idempotent. */
void inherited_fini(struct inherited *inherited);

#endif
