/* SPDX-License-Identifier: ISC */
/* Private to the implementation of a session: session.c (stages and end), session_setup.c (the
 * stages before RELAYING), session_preface.c and session_hello.c (the first bytes), session_log.c
 * and session_trace.c. */
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

/** What a session needs only before it relays. */
struct session_setup {
	struct session *session;
	struct session_preface *preface; /**< from PREFACE on; NULL: it was never in that stage */
	/** Watched but not read: bytes that arrive early stay in the kernel, but on a UNIX socket
	 * PREFACE may have read some (session_first_bytes()). */
	struct stream *client;
	struct handler client_gone;
	/** Its request to the group for a server; also used while QUEUED. */
	struct group_waiter waiter;
	uint64_t queued_ns;          /**< QUEUED: since when; in other stages NS_NEVER */
	struct connector *connector; /**< CONNECTING */
	uint64_t connecting_ns;      /**< CONNECTING: since when */
	struct timer wait;           /**< WAITING */
	struct group_tried tried;    /**< the servers that were tried in this round */
	struct end failure;          /**< how the last attempt failed, or that none was possible */
};

/* ---- session.c ---- */

struct part *session_part(const struct session *session);

/** Leaves the current stage and enters this one. Must be the last statement of the caller. */
void session_enter(struct session *session, enum session_stage stage);

/** Ends a session that does not relay yet, with RST to the client. Must be the last statement of
 * the caller. */
void session_refuse(struct session *session, struct end end);

/** The same for a client that has sent its FIN: it gets a FIN instead. */
void session_dismiss(struct session *session, struct end end);

/** Call it when the client has reset or is lost before there is a pair. Must be the last statement
 * of the caller. */
void session_client_gone(struct session *session, int err);

/**
 * Starts the pair of the client and the connected upstream. After 0 the caller enters RELAYING. A
 * negative errno: the upstream cannot be watched, or there is no memory; the caller still owns it.
 */
int session_join(struct session *session, struct stream *upstream, const union session_peer *peer);

/* ---- session_setup.c ---- */

/** Makes the setup, which takes the client's fd. 0, or a negative errno: then the caller still owns
 * the fd. */
int session_setup_open(struct session *session, const struct session_opts *opts);

/** Notes to which port of its listener the client connected. The session must have an edge. */
void session_find_port(struct session *session);

/** Frees the setup, with the client's stream unless the pair has taken it. A `setup` of NULL is
 * fine. */
void session_setup_close(struct session *session);

/** Sets the address that is used as the client's from now on. */
void session_set_client(struct session *session, const union session_peer *client);

/** Gives back the place of its server, if it has one. */
void session_leave_server(struct session *session);

/* Functions for the table of stages (session.c), for the stages before RELAYING: */

void session_choose(struct session *session);
void session_queue(struct session *session);
void session_stop_queueing(struct session *session);
void session_connect(struct session *session);
void session_stop_connecting(struct session *session);
void session_apply_connect_timeout(struct session *session);
void session_wait(struct session *session);
void session_stop_waiting(struct session *session);
void session_lose_client(struct session *session, int err);
/** What has happened so far, for the deadlines. It is not in the table. */
struct deadline_facts session_setup_facts(const struct session *session);
void session_setup_wind(struct session *session);
void session_setup_strike(struct session *session);

/* ---- session_hello.c: the target of a client, by its ClientHello ---- */

/** The result of a step of PREFACE. */
enum said {
	SAID_MORE, /**< valid so far, but not complete */
	SAID_DONE,
	SAID_BAD,  /**< invalid, whatever follows */
	SAID_OVER, /**< the step has ended the session */
};

/** The judgement of a step about the bytes that have arrived. */
struct verdict {
	enum said said;
	size_t n_consumed; /**< DONE: how many bytes are not for the server */
	const char *why;   /**< BAD: what is wrong, for error= in the closing line; constant */
};

/* The step for the ClientHello: whether it must be looked at, by what is known so far, and the look
 * itself. */
bool session_wants_hello(const struct session *session);
struct verdict session_look_at_hello(struct session *session, struct span bytes);

/** Finds the target of a session whose first bytes need not be known. False: there is none, and the
 * session has ended. */
bool session_find_target(struct session *session);

/* ---- session_preface.c: PREFACE ---- */

/** Whether the client's first bytes must be examined; if not, the session begins with CHOOSING. */
bool session_must_look(const struct session *session);

/** Whether it waits for a PROXY header, so that admit_client() can only be called later. */
bool session_awaits_header(const struct session *session);

void session_look(struct session *session);
void session_stop_looking(struct session *session);

/** In PREFACE, when a timer is due: looks at what has arrived by now, before the timer ends the
 * session. May lead to any stage. */
void session_look_once_more(struct session *session);

/** Whether bytes for the server are known to have arrived, be it in the kernel or in the buffer. */
bool session_has_first_bytes(const struct session *session);

/** The client's bytes that were read in PREFACE and are for the server; they are sent first. */
struct span session_first_bytes(const struct session *session);

/** NULL is fine; returns NULL. */
struct session_preface *session_preface_free(struct session_preface *preface);

/** Whether the session ended in PREFACE and was only the health check of a load balancer. */
bool session_was_probe(const struct session *session);

/** Adds what was wrong with the first bytes to the log line of a session that ended by END_PREFACE
 * or END_BAD_PREFACE. */
void session_log_preface(const struct session *session, struct log_line *line);

/* ---- session_log.c: an opening line of level debug, and the one closing line. That is of level
 * info, except for failures and refusals, see often.h, and for health checks, for which it is of
 * level debug: session_was_probe() ---- */

/** Logs "event=open", when the pair starts to relay. */
void session_log_open(const struct session *session);

/** Logs "event=close", with everything that is known; the streams must not be freed before. */
void session_log_close(const struct session *session);

/** Adds a failed attempt to session::tried, unless the servers are being tried again. */
void session_log_attempt(struct session *session, const struct connector_attempt *attempt);

/* ---- session_trace.c: probes for tracers, which cost nothing while no tracer is attached ---- */

/** Call it when the session begins to relay. */
void session_trace_open(const struct session *session);

/** Call it when the session has ended; the streams must not be freed before. */
void session_trace_close(const struct session *session);

#endif
