/* SPDX-License-Identifier: ISC */
/*
 * A session handles a client from its accepted connection to the one closing log line. It has
 * stages:
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
 * Every stage may lead to ENDED. The client's reset, lifetime and drain end a session in any stage
 * but CHOOSING, which is left at once, and in RELAYING it ends when its pair ends. Before RELAYING
 * it also ends when no server is left to try, when no server has had a free place for too long, and
 * when the first bytes are wrong or do not arrive.
 *
 * One table (session.c) has a row for each stage. The row says what begins when the stage is
 * entered, what is released when it is left, which stages may follow, and what the client's reset,
 * a change of timeouts and the clock do during the stage. A new stage is a new row; a new timer is
 * a new member of struct deadline_facts (deadline.h). What only the stages before RELAYING need is
 * in struct session_setup, which is freed at the join (the start of the pair), so that an open pair
 * needs no memory for it.
 *
 * A session belongs to one worker. It keeps the terms with which it started, even if the config is
 * reloaded (offer.h). It frees itself after its end.
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
	SESSION_PREFACE,    /**< until the client's first bytes have been examined */
	SESSION_CHOOSING,   /**< which server is next; that is known at once */
	SESSION_QUEUED,     /**< until a server has a free place */
	SESSION_CONNECTING, /**< it connects to `member` */
	SESSION_WAITING,    /**< until all servers are tried again */
	SESSION_RELAYING,   /**< there is a pair, and `setup` is NULL */
	SESSION_ENDED,      /**< in no list; freed at the end of this turn of the loop */
	SESSION_STAGES,
};

struct session {
	union {
		struct list link; /**< struct part::sessions */
		struct task gone; /**< ENDED: frees the session at the end of the turn */
	};
	struct terms *terms; /**< those of its listener on this worker, as of its start */
	uint64_t id;
	struct session_clock clock;
	struct session_setup *setup; /**< state of the stages before RELAYING; NULL from then on */
	struct pair pair;            /**< zeroed before RELAYING */
	struct end end;              /**< ENDED: how it ended */
	struct member *member;       /**< a reference to the server that was chosen last; or NULL */
	/** The attempts that failed before the first retry, as "ADDRESS (error), ..."; or NULL. */
	char *tried;
	struct session_edge *edge; /**< see edge.h; NULL: its listener uses nothing of it */
	union session_peer client;
	union session_peer upstream; /**< AF_UNSPEC until connected */
	uint16_t n_retries; /**< how often all servers were tried again; stops at its maximum */
	enum session_stage stage : 8;
	bool has_place : 1; /**< it has a place of `member` */
	/** For how long it has waited in the queue; stops at its maximum. */
	uint64_t queued_us : 38;
};

#define SESSION_QUEUED_US_MAX (((uint64_t)1 << 38) - 1)

/** An accepted connection, for which the places under the limits were taken. */
struct session_opts {
	int fd;
	struct terms *terms; /**< those of the listener on this worker */
	unsigned client_flags;
	union session_peer peer;
	/** Its place under the limits of its source (admit.h); NULL: none. */
	struct source *source;
};

/**
 * Starts a session, which takes the fd and the places. If it cannot be made (memory or watches are
 * short, or an option of the fd is refused), it ends at once in the usual way: the client is reset,
 * the closing line is logged, the places are given back.
 */
void session_open(const struct session_opts *opts);

/**
 * To be called instead of session_open() if the client is not admitted. Resets the client at once,
 * logs and counts it as a pair that ended with `end`, and gives the places back. Allocates nothing.
 * The listener calls it, either before it hands the connection to another worker (on_accepted() in
 * listener.c) or on that worker.
 */
void session_reject(const struct session_opts *opts, struct end end);

/** Call it when the timeouts of its terms have changed: applies them. */
void session_apply_timeouts(struct session *session);

/**
 * From now on `drain`, which the session borrows, may end it. Call it again when the deadlines of
 * `drain` were made earlier. NULL: no drain may end the session any more.
 */
void session_drain(struct session *session, const struct deadline_drain *drain);

/** The target of its offer to which it connects; NULL: not known yet, or there is none for it. */
const struct target *session_target(const struct session *session);

/** Ends the session if the access lists of its terms do not admit its client any more. True: it
 * goes on. False: it has ended, or ends soon. Call it from a task. */
bool session_look_at_access(struct session *session);

/** Ends the session for an administrator; if it relays, in the way in which its lifetime would.
 * Call it from a task. */
void session_end_by_admin(struct session *session);

/** Ends the session if it relays and server::ends_pairs is set for its server. Call it from a
 * task. */
void session_look_at_server(struct session *session);

#endif
