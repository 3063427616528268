/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets: made here, accepted from in acceptor.h.
 *
 * TCP: SO_REUSEADDR, TCP_NODELAY and SO_OOBINLINE (accepted sockets inherit the last two; urgent
 * bytes stay in their place in the stream). The first socket of an address is bound and listens
 * without SO_REUSEPORT, so that a second process gets EADDRINUSE at any moment; then it is set, and
 * listen_open_more() can join. "*:PORT" is one IPv6 socket with IPV6_V6ONLY off, IPv4 where the
 * kernel has no IPv6.
 *
 * UNIX paths: decided under PATH.lock beside the socket (flock, held while listening). What is at
 * PATH
 *
 *	nothing				bind
 *	a socket that says ECONNREFUSED	a crash left it: replaced
 *	a socket that answers, or EAGAIN	alive: -EADDRINUSE; replaced if it was yielded
 *	a socket that cannot be asked	-EACCES and the like: left alone
 *	anything else			never removed: -EEXIST
 *
 * Inherited ones (listen_adopt()) get the same options, and otherwise belong to the process that
 * made them: they are neither doubled nor removed.
 *
 * The socket file is born with its mode, whatever the umask, and changed only through a hold on the
 * file itself: whoever may write the folder can put another file, or a link, at the path at any
 * moment. listen_close() removes the path only if device and inode are still ours, and the lock
 * file after it; who swaps the path between these two steps, in a folder that is his to write,
 * could have removed it himself.
 */
#ifndef WEIR_STREAM_LISTEN_H
#define WEIR_STREAM_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/file_access.h"
#include "base/sockopts.h"

enum {
	LISTEN_BACKLOG = 4096
}; /* where sockopts::backlog is 0; cut to net.core.somaxconn by the kernel */

/** A socket in the file system, and the claim on it. Heap; owned by struct listen_socket. */
struct listen_claim;

struct listen_socket {
	int fd;                     /**< -1 when not open */
	struct listen_claim *claim; /**< UNIX path only */
};

/**
 * Binds and listens, with `options` (NULL: as usual; of TCP, but for the backlog); `addr` is
 * neither a name nor systemd's. `access` is that of a UNIX path, for which it must not be NULL.
 * 0 or a negative errno, then *ret_socket is untouched and *ret_why (ret_why may be NULL) is a
 * constant text with the remedy, or NULL when errno says it all. -EINVAL: an argument is missing,
 * or the address is of another kind; so do the functions below.
 */
int listen_open(const struct addr *addr, const struct file_access *access,
	const struct sockopts *options, struct listen_socket *ret_socket, const char **ret_why);

/**
 * As listen_open(), for a TCP address that a socket of this process takes in, or is within: that
 * one need not be closed first.
 */
int listen_open_beside(const struct addr *addr, const struct sockopts *options,
	struct listen_socket *ret_socket, const char **ret_why);

/**
 * Changes mode, owner and group of a UNIX path, if it is still ours; owner and group that are not
 * set go back to those that it was made with. 0, or a negative errno and *ret_why as above.
 */
int listen_set_access(
	const struct listen_socket *socket, const struct file_access *access, const char **ret_why);

/** One more TCP socket on the address of `first`, for another worker. 0 or a negative errno. */
int listen_open_more(const struct listen_socket *first, const struct sockopts *options,
	struct listen_socket *ret_socket);

/**
 * Prepares an inherited socket, which must be a stream socket, TCP or UNIX, that listens: CLOEXEC,
 * non-blocking (for all who share it), and the options above. Connections that waited in its queue
 * before have not inherited these; the acceptor sees to them. `kept` is what the socket had before
 * us, zeroed the first time. 0, or a negative errno and *ret_why as above: then it is as it was.
 * The fd is the caller's in either case.
 */
int listen_adopt(
	int fd, const struct sockopts *options, struct sockopts_kept *kept, const char **ret_why);

/** Puts back what listen_adopt() had set, but for what all who share it go by: CLOEXEC and
 * non-blocking. For a socket from which nobody accepts after all. */
void listen_give_back(int fd, struct sockopts_kept *kept);

/**
 * The backlog of `options`; where they have none, that of `kept`, if it was changed, or without
 * `kept` LISTEN_BACKLOG. 0 or a negative errno.
 */
int listen_set_backlog(int fd, const struct sockopts *options, struct sockopts_kept *kept);

/** How many connections wait in the queue of a TCP listener; -1 where the kernel does not tell. */
int listen_queue_length(int fd);

/** Whether listen_open_more() works for this address: TCP yes, UNIX and inherited ones no. */
bool listen_can_double(const struct addr *addr);

/**
 * No client gets into the queue of a listening socket any more; those in it, and handshakes that
 * are under way, are not touched. A newcomer meets whoever else listens on the address, another
 * socket of the same or of a wider one, or is refused, as if this one were closed. It cannot be
 * undone, and it is the socket's: not for one that somebody else holds too. 1 when handshakes may
 * be under way, 0 when nobody can come any more, or a negative errno.
 */
int listen_refuse(int fd);

/**
 * Whether somebody has removed or replaced its path, so that no client finds it. NULL is fine for
 * this and the next ones.
 */
bool listen_is_lost(const struct listen_socket *socket);

/**
 * It goes on listening at its path, until another process of weir wants to: that one may then take
 * the path over. For a process that is about to end.
 */
void listen_yield(struct listen_socket *socket);

/** Removes the path and gives up the claim: nobody new is let in any more. Idempotent. */
void listen_leave(struct listen_socket *socket);

/**
 * Closes the fd if it is still here (set it to -1 when an acceptor took it), then removes the path
 * and gives up the claim. Idempotent, and fine when never opened: { .fd = -1 }.
 */
void listen_close(struct listen_socket *socket);

#endif
