/* SPDX-License-Identifier: ISC */
/* The inside of a session, shared by session.c (its stages, its end), session_setup.c (what goes on
 * before it relays) and session_log.c (its lines in the log). */
#ifndef WEIR_PROXY_SESSION_PRIVATE_H
#define WEIR_PROXY_SESSION_PRIVATE_H

#include "proxy/session.h"
#include "stream/emitter.h"
#include "stream/timer.h"
#include "upstream/group.h"

struct connector;
struct connector_attempt;
struct part;
struct stream;

/** What a session needs until it relays. */
struct session_setup {
	struct session *session;
	/** Watched but not read: bytes that come early stay in the kernel. */
	struct stream *client;
	struct handler client_gone;
	struct group_waiter waiter;  /**< what it asks its group, and QUEUED */
	uint64_t queued_ns;          /**< QUEUED: since when; else NS_NEVER */
	struct connector *connector; /**< CONNECTING */
	struct timer wait;           /**< WAITING */
	struct group_tried tried;    /**< servers, in this round */
	struct end failure;          /**< how the last of them failed */
};

/* ---- session.c ---- */

struct part *session_part(const struct session *session);

/** Leaves its stage for this one. The last statement of its caller. */
void session_enter(struct session *session, enum session_stage stage);

/** Ends what does not relay yet: RST to the client. The last statement of its caller. */
void session_refuse(struct session *session, struct end end);

/** The client has reset, or is lost, before there is a pair. The last statement of its caller. */
void session_client_gone(struct session *session, int err);

/**
 * Makes a pair of the client and the connected upstream, which is then to be relayed. A negative
 * errno: the upstream cannot be watched, and is still the caller's.
 */
int session_join(struct session *session, struct stream *upstream, const union session_peer *peer);

/* ---- session_setup.c ---- */

/** Takes the client's fd. 0 or a negative errno: the fd is then still the caller's. */
int session_setup_open(struct session *session, const struct session_opts *opts);

/** Frees it, with the client's stream where that has not become the pair's. NULL is fine. */
void session_setup_close(struct session *session);

/* What the table of stages (session.c) has for those before RELAYING: */

/** Gives the place of its server back, if it has one. */
void session_leave_server(struct session *session);

void session_choose(struct session *session);
void session_queue(struct session *session);
void session_stop_queueing(struct session *session);
void session_connect(struct session *session);
void session_stop_connecting(struct session *session);
void session_apply_connect_timeout(struct session *session);
void session_wait(struct session *session);
void session_stop_waiting(struct session *session);
void session_lose_client(struct session *session, int err);
struct deadline_facts session_setup_facts(const struct session *session);
void session_setup_wind(struct session *session);
void session_setup_strike(struct session *session);

/* ---- session_log.c: an opening line (debug) and the one closing line: of level info, but for
 * failures and refusals, see often.h ---- */

/** "event=open", when the pair starts to relay. */
void session_log_open(const struct session *session);

/** "event=close", with everything that is known; the streams must not be freed yet. */
void session_log_close(const struct session *session);

/** Remembers a failed attempt for the closing line; of retries, the last error must do. */
void session_log_attempt(struct session *session, const struct connector_attempt *attempt);

/* ---- session_trace.c: probes for tracers, which cost nothing while nobody watches ---- */

/** It begins to relay. */
void session_trace_open(const struct session *session);

/** It has ended; the streams must not be freed yet. */
void session_trace_close(const struct session *session);

#endif
