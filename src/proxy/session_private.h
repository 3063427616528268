/* SPDX-License-Identifier: ISC */
/* The inside of a session, shared by session.c (its stages, its end), session_setup.c (what goes on
 * before it relays) and session_log.c (its lines in the log). */
#ifndef WEIR_PROXY_SESSION_PRIVATE_H
#define WEIR_PROXY_SESSION_PRIVATE_H

#include "proto/span.h"
#include "proxy/session.h"
#include "stream/emitter.h"
#include "stream/timer.h"
#include "upstream/group.h"

struct connector;
struct connector_attempt;
struct log_line;
struct part;
struct session_preface;
struct stream;

/** What a session needs until it relays. */
struct session_setup {
	struct session *session;
	struct session_preface *preface; /**< from PREFACE on; NULL: it never was in that */
	/** Watched but not read: bytes that come early stay in the kernel; on UNIX, PREFACE has
	 * taken some of them (session_first_bytes()). */
	struct stream *client;
	struct handler client_gone;
	struct group_waiter waiter;  /**< what it asks its group, and QUEUED */
	uint64_t queued_ns;          /**< QUEUED: since when; else NS_NEVER */
	struct connector *connector; /**< CONNECTING */
	uint64_t connecting_ns;      /**< CONNECTING: since when */
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

/** The same of a client that has finished: FIN to it. */
void session_dismiss(struct session *session, struct end end);

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

/** By which port of its listener the client came. It is known of a session that has an edge. */
void session_find_port(struct session *session);

/** Frees it, with the client's stream where that has not become the pair's. NULL is fine. */
void session_setup_close(struct session *session);

/** Sets the address that counts as the client's from now on. */
void session_set_client(struct session *session, const union session_peer *client);

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

/* ---- session_hello.c: where a client goes, by its ClientHello ---- */

/** What a step of PREFACE says. */
enum said {
	SAID_MORE, /**< so far it is right, and not complete */
	SAID_DONE,
	SAID_BAD,  /**< it will not get right */
	SAID_OVER, /**< it has ended the session */
};

/** What a step makes of the bytes that are there. */
struct verdict {
	enum said said;
	size_t n_consumed; /**< DONE: so many bytes are not for the server */
	const char *why;   /**< BAD: a constant text for the end of an error line */
};

/* A step: whether it is to be looked at, by what is known so far, and what comes of a look. */
bool session_wants_hello(const struct session *session);
struct verdict session_look_at_hello(struct session *session, struct span bytes);

/** Says where it goes, of whose first bytes nothing need be known. False: nowhere, and it has
 * ended. */
bool session_find_target(struct session *session);

/* ---- session_preface.c: PREFACE ---- */

/** Whether something has to be known of the client's first bytes: else it begins with CHOOSING. */
bool session_must_look(const struct session *session);

/** Whether its PROXY header is not there yet, by which it will be judged. */
bool session_awaits_header(const struct session *session);

void session_look(struct session *session);
void session_stop_looking(struct session *session);

/** In PREFACE, before its timer judges: what has come counts. It may lead to any stage. */
void session_look_once_more(struct session *session);

/** Whether bytes for the server are known to be there, in the kernel or taken. */
bool session_has_first_bytes(const struct session *session);

/** What was taken of the client's and is for the server; it goes out first. */
struct span session_first_bytes(const struct session *session);

/** NULL is fine; returns NULL. */
struct session_preface *session_preface_free(struct session_preface *preface);

/** Whether it ended, in PREFACE, as a look of a balancer whether somebody is there. */
bool session_was_probe(const struct session *session);

/** What was wrong with the first bytes; of one that ended by END_PREFACE or END_BAD_PREFACE. */
void session_log_preface(const struct session *session, struct log_line *line);

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
