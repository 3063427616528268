/* SPDX-License-Identifier: ISC */
/* The address of a peer in the small form in which a session stores it. */
#ifndef WEIR_PROXY_SESSION_PEER_H
#define WEIR_PROXY_SESSION_PEER_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

/** A peer's address as small as the log needs it; family AF_UNSPEC: none. */
union session_peer {
	sa_family_t family;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct {
		sa_family_t family;
		pid_t pid; /**< that of a client, when it connected; 0: not known */
		uid_t uid; /**< likewise; (uid_t)-1: not known */
	} un;
};

/** Converts a socket address; NULL: AF_UNSPEC. */
union session_peer session_peer(const struct sockaddr *sa, socklen_t len);

/** Converts the address of a client that was accepted as `fd`; for a UNIX client also reads its
 * process and user. */
union session_peer session_client(int fd, const struct sockaddr *sa, socklen_t len);

/** The local address of a connection: the one to which its client connected. AF_UNSPEC: it cannot
 * be asked for any more. */
union session_peer session_reached(int fd);

#endif
