/* SPDX-License-Identifier: ISC */
#include "proxy/session_peer.h"

#include <string.h>

#include "base/addr.h"

union session_peer session_peer(const struct sockaddr *sa, socklen_t len)
{
	union session_peer peer = {.family = sa == NULL ? AF_UNSPEC : sa->sa_family};

	if (sa != NULL && (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)) {
		memcpy(&peer, sa, len < sizeof(peer) ? len : sizeof(peer));
	} else if (peer.family == AF_UNIX) {
		peer.un.uid = (uid_t)-1;
	}
	return peer;
}

union session_peer session_client(int fd, const struct sockaddr *sa, socklen_t len)
{
	union session_peer peer = session_peer(sa, len);
	struct ucred who;
	socklen_t who_len = sizeof(who);

	if (peer.family == AF_UNIX &&
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_len) == 0) {
		peer.un.pid = who.pid;
		peer.un.uid = who.uid;
	}
	return peer;
}

union session_peer session_reached(int fd)
{
	union addr_sockaddr sa;
	socklen_t len = sizeof(sa);

	return getsockname(fd, &sa.any, &len) == 0 ? session_peer(&sa.any, len)
						   : session_peer(NULL, 0);
}
