/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets: this module makes them, acceptor.h accepts from them.
 *
 * TCP sockets get SO_REUSEADDR, the options of sockopts.h and SO_OOBINLINE. Accepted sockets
 * inherit the options and SO_OOBINLINE, which leaves urgent bytes in their place in the stream. The
 * first socket on an address is bound and listens without SO_REUSEPORT, so that a second process
 * gets EADDRINUSE at any moment. SO_REUSEPORT is set after that, so that listen_open_more() can add
 * sockets. "*:PORT" is one IPv6 socket with IPV6_V6ONLY off, or an IPv4 socket if the kernel has no
 * IPv6.
 *
 * For a UNIX path, a lock file PATH.lock beside the socket is held (flock) while we listen. Under
 * this lock listen_open() decides by what it finds at PATH:
 *
 *	nothing				binds
 *	a socket, ECONNREFUSED		left by a crash: replaces it
 *	a socket that answers		in use: -EADDRINUSE, or replaces it if it was yielded
 *	a socket, EAGAIN, EPROTOTYPE	likewise: its queue is full, or it is no stream socket
 *	a socket, other errors		-EACCES and the like: leaves it alone
 *	anything else			-EEXIST: never removes it
 *
 * Inherited sockets (listen_adopt()) get the options and SO_OOBINLINE, too. In all else they belong
 * to the process that made them: no socket is added beside them, and their path is not removed.
 *
 * The socket file has its mode from the moment it is created, whatever the umask. Later it is
 * changed only through an fd of that file, since anybody who may write to the folder can put
 * another file or a link at the path at any moment. listen_close() removes the path only if device
 * and inode are still those of our socket; after that, in either case, it removes the lock file, if
 * that is still ours. Somebody could swap the path between the check and the removal, but only in a
 * folder where he could have removed it himself.
 */
#ifndef WEIR_STREAM_LISTEN_H
#define WEIR_STREAM_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/file_access.h"
#include "base/sockopts.h"

/** Used if sockopts::backlog is 0; the kernel limits it to net.core.somaxconn. */
enum { LISTEN_BACKLOG = 4096 };

/** A socket file and our lock on its path. On the heap; owned by struct listen_socket. */
struct listen_claim;

struct listen_socket {
	int fd;                     /**< -1 when not open */
	struct listen_claim *claim; /**< only for a UNIX path */
};

/**
 * Binds and listens. `options` are for TCP, except the backlog, which UNIX sockets have too; NULL:
 * defaults. `addr` must be neither a name nor "systemd:". `access` is for a UNIX path and must then
 * not be NULL. 0 or a negative errno; then *ret_socket is untouched, and *ret_why (ret_why may be
 * NULL) is a constant text with the remedy, or NULL if errno says everything. -EINVAL, here and in
 * the functions below: an argument is missing, or the address is of another kind.
 */
int listen_open(const struct addr *addr, const struct file_access *access,
	const struct sockopts *options, struct listen_socket *ret_socket, const char **ret_why);

/**
 * As listen_open(), for a TCP address that overlaps with that of another socket of this process
 * (for example "*:80" and "127.0.0.1:80"): the other socket need not be closed first.
 */
int listen_open_beside(const struct addr *addr, const struct sockopts *options,
	struct listen_socket *ret_socket, const char **ret_why);

/**
 * Changes mode, owner and group of the file at a UNIX path. An owner or group that `access` does
 * not set goes back to what the file was created with. 0, also for a socket without a path, or a
 * negative errno and *ret_why as above; -ENOENT: what is at the path is not our socket any more.
 */
int listen_set_access(
	const struct listen_socket *socket, const struct file_access *access, const char **ret_why);

/** Adds a TCP socket on the address of `first`, for another worker. 0 or a negative errno. */
int listen_open_more(const struct listen_socket *first, const struct sockopts *options,
	struct listen_socket *ret_socket);

/**
 * Prepares an inherited socket, which must be a listening stream socket, TCP or UNIX: makes it
 * CLOEXEC and non-blocking (for every process that shares it), and sets the options above.
 * Connections that were in its queue before did not inherit these options; the acceptor sets them.
 * `kept` receives what the socket had before; zero it the first time. 0, or a negative errno and
 * *ret_why as above (-EINVAL: it does not listen); then the options are as after
 * listen_give_back(). The fd stays the caller's in either case.
 */
int listen_adopt(
	int fd, const struct sockopts *options, struct sockopts_kept *kept, const char **ret_why);

/**
 * Puts back what listen_adopt() changed, except CLOEXEC and non-blocking, which the other users of
 * the socket may rely on, and the backlog of a UNIX socket, which the kernel does not tell. For a
 * socket that nobody accepts from after all.
 */
void listen_give_back(int fd, struct sockopts_kept *kept);

/**
 * Sets the backlog that `options` names. If they name none: with `kept`, the original backlog of a
 * TCP socket, if we had changed it (a UNIX socket keeps what it has); without `kept`,
 * LISTEN_BACKLOG. 0 or a negative errno.
 */
int listen_set_backlog(int fd, const struct sockopts *options, struct sockopts_kept *kept);

/** How many connections are in the queue of a TCP listener; -1 if the kernel does not tell. */
int listen_queue_length(int fd);

/**
 * Whether listen_open_more() works for this address: for TCP yes; for UNIX paths and inherited
 * sockets no.
 */
bool listen_can_double(const struct addr *addr);

/**
 * Keeps new clients out of the queue of a listening socket. Connections in the queue and handshakes
 * in progress are not touched. A new client reaches another socket that listens on the same or a
 * wider address, or is refused, as if this socket were closed. This cannot be undone, and it
 * applies to the socket, not to the fd: do not use it on a socket that another process holds too. 1
 * if handshakes may be in progress, 0 if no client can come any more, or a negative errno.
 */
int listen_refuse(int fd);

/**
 * Whether somebody has removed or replaced the socket's path, so that no client finds it. This and
 * the following functions accept NULL.
 */
bool listen_is_lost(const struct listen_socket *socket);

/**
 * Allows another weir process to take the path over; until then the socket goes on listening there.
 * For a process that is about to end.
 */
void listen_yield(struct listen_socket *socket);

/** Removes the path and gives up the lock: no new client can connect. Idempotent. */
void listen_leave(struct listen_socket *socket);

/**
 * Closes the fd if it is still here (set it to -1 if an acceptor took it), then removes the path
 * and gives up the lock. Idempotent; also fine for a socket that was never opened: { .fd = -1 }.
 */
void listen_close(struct listen_socket *socket);

#endif
