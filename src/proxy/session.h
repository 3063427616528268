/* SPDX-License-Identifier: ISC */
/*
 * A session: from an accepted connection to its one closing log line.
 *
 *	session_open ── upstream_choose ──▶ connector ── done ──▶ pair_join ──▶ relaying ──▶ ended
 *	                    ▲      ▲            │ failed                                     ▲
 *	                    │      └─ next ─────┤                                            │
 *	                    └─ wait ◀─ retry ───┴── none left ──▶ pair_refuse ───────────────┘
 *
 * It belongs to one proxy (worker), keeps the terms that it started with, whatever is reloaded
 * meanwhile (offer.h), and frees itself after its end.
 */
#ifndef WEIR_PROXY_SESSION_H
#define WEIR_PROXY_SESSION_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"
#include "conf/conf.h"
#include "proxy/pair.h"
#include "stream/loop.h"

struct connector;
struct terms;

/** A peer's address as small as the log needs it; family AF_UNSPEC: none. */
union session_peer {
	sa_family_t family;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct {
		sa_family_t family;
		pid_t pid; /**< of a client, when it connected; 0: not known */
		uid_t uid; /**< likewise; (uid_t)-1 */
	} un;
};

struct session {
	union {
		struct list link; /**< struct proxy::sessions */
		struct task gone; /**< after its end: frees it at the end of the turn */
	};
	struct terms *terms; /**< of its listener, on this worker, when it started */
	struct pair pair;
	uint64_t id;
	/** The one being tried, or connected; NULL while waiting to try the list again. */
	const struct conf_server *server;
	union {
		struct connector *connector; /**< while connecting */
		struct session_wait *wait;   /**< while waiting */
	};
	char *tried;        /**< "ADDRESS (error), ..." of the attempts that failed; or NULL */
	uint16_t n_tried;   /**< servers tried in vain, this time */
	uint16_t n_retries; /**< how many times the list was tried again; no more are counted */
	union session_peer client;
	union session_peer upstream; /**< AF_UNSPEC until connected */
};

/** An accepted connection, with its place under the limits taken. */
struct session_opts {
	int fd;
	struct terms *terms; /**< on this worker */
	unsigned client_flags;
	union session_peer peer;
};

/**
 * Starts a session, which takes the fd and the place. Short of memory it ends at once, like any
 * other: the client is reset, the closing line says so, the place is given back.
 */
void session_open(const struct session_opts *opts);

/** The timeouts of its terms have changed: they are in force now. */
void session_apply_timeouts(struct session *session);

/** pair_drain() for its pair. */
void session_drain(struct session *session, const struct deadline_drain *drain);

/** What is worth keeping of a socket address. */
union session_peer session_peer(const struct sockaddr *sa, socklen_t len);

/** The same of a client that was accepted as `fd`: of a UNIX one, also who it is. */
union session_peer session_client(int fd, const struct sockaddr *sa, socklen_t len);

#endif
