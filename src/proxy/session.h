/* SPDX-License-Identifier: ISC */
/*
 * A session: from an accepted connection to its one closing log line. Its life has stages:
 *
 *	                   ┌ all are full ─▶ QUEUED ── a place ──┐
 *	                   │                   │ none is left    ▼
 *	  ┌──────────▶ CHOOSING ── a server ───┼─────────▶ CONNECTING ── connected ──▶ RELAYING
 *	  │               ▲ ▲  │ none is left  │                 │ failed
 *	  │               │ └──┼───────────────┼─────────────────┘
 *	  │               │    ▼               ▼
 *	session_open      └─ WAITING (retry_for)
 *	  │ ▲
 *	  ▼ │ known
 *	PREFACE, where the listener looks at the client's first bytes (session_preface.c)
 *
 * All but CHOOSING, in which nobody stays, lead to ENDED: by the client's reset, lifetime and
 * drain, by the end of the pair, and before RELAYING when no server is left to try, or none has a
 * place for too long, or the first bytes are wrong or do not come.
 *
 * One table (session.c) says what each stage begins, what is given up when it is left, where it may
 * lead, and what the client's reset, other timeouts and the clock do in it. Another stage is one
 * more row. A timer of its own is one more of the facts of the clock (deadline.h). What the stages
 * before RELAYING need stands in struct session_setup, which the join frees, so that an open pair
 * pays nothing for them.
 *
 * It belongs to one worker, keeps the terms that it started with, whatever is reloaded
 * meanwhile (offer.h), and frees itself after its end.
 */
#ifndef WEIR_PROXY_SESSION_H
#define WEIR_PROXY_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "conf/conf.h"
#include "proxy/pair.h"
#include "proxy/session_clock.h"
#include "proxy/session_peer.h"
#include "stream/loop.h"

struct member;
struct session_edge;
struct session_setup;
struct source;
struct target;
struct terms;

enum session_stage {
	SESSION_PREFACE,    /**< until it is known what the client's first bytes say */
	SESSION_CHOOSING,   /**< which server is next; it is known at once, so nobody stays here */
	SESSION_QUEUED,     /**< until a server has a place */
	SESSION_CONNECTING, /**< to `member` */
	SESSION_WAITING,    /**< to try all servers again */
	SESSION_RELAYING,   /**< there is a pair, and no setup any more */
	SESSION_ENDED,      /**< known to nobody, freed at the end of the turn */
	SESSION_STAGES,
};

struct session {
	union {
		struct list link; /**< struct part::sessions */
		struct task gone; /**< ENDED: frees it at the end of the turn */
	};
	struct terms *terms; /**< of its listener, on this worker, when it started */
	uint64_t id;
	struct session_clock clock;
	struct session_setup *setup; /**< what goes on before RELAYING; NULL from then on */
	struct pair pair;            /**< zeroed before RELAYING */
	struct end end;              /**< ENDED: how */
	struct member *member;       /**< a reference: the server that was chosen last; or NULL */
	char *tried; /**< "ADDRESS (error), ..." of the attempts that failed; or NULL */
	struct session_edge *edge; /**< edge.h; NULL: its listener uses nothing of it */
	union session_peer client;
	union session_peer upstream; /**< AF_UNSPEC until connected */
	uint16_t n_retries; /**< how many times the list was tried again; no more are counted */
	enum session_stage stage : 8;
	bool has_place : 1;      /**< of that server */
	bool is_quoted : 1;      /**< that server was told words of the client's: announce.h */
	uint64_t queued_us : 38; /**< that it has waited in the queue; no more is counted */
};

#define SESSION_QUEUED_US_MAX (((uint64_t)1 << 38) - 1)

/** An accepted connection, with its places taken. */
struct session_opts {
	int fd;
	struct terms *terms; /**< on this worker */
	unsigned client_flags;
	union session_peer peer;
	struct source *source; /**< its place with its source (admit.h); NULL: it has none */
};

/**
 * Starts a session, which takes the fd and the places. Short of memory it ends at once, like any
 * other: the client is reset, the closing line says so, the places are given back.
 */
void session_open(const struct session_opts *opts);

/**
 * In the place of session_open(), for a client that may not come in: it is reset at once, and the
 * log and the numbers have it as a pair that ended so; the places are given back. Nothing is
 * made for it. The listener's, before the connection is handed to a worker (on_accepted() there),
 * or later.
 */
void session_reject(const struct session_opts *opts, struct end end);

/** The timeouts of its terms have changed: they are in force now. */
void session_apply_timeouts(struct session *session);

/**
 * From now on `drain`, which it borrows, may end the session. Again when its deadlines have been
 * made earlier; NULL: no drain does any more.
 */
void session_drain(struct session *session, const struct deadline_drain *drain);

/** Where it goes, of its offer's targets; NULL: that is not known yet, or nowhere. */
const struct target *session_target(const struct session *session);

/** Ends it, where the access of its terms does not admit its client any more. False: it may be
 * gone. From a task. */
bool session_look_at_access(struct session *session);

/** An administrator ends it: as its lifetime would, if it relays. From a task. */
void session_end_by_admin(struct session *session);

/** Ends it, where it relays and server::ends_pairs says so of its server. From a task. */
void session_look_at_server(struct session *session);

#endif
