/* SPDX-License-Identifier: ISC */
/* The lines of a session in the log (session_private.h). */
#include "proxy/session_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "log/log.h"
#include "log/often.h"
#include "proxy/announce.h"
#include "proxy/edge.h"
#include "proxy/limits.h"
#include "proxy/offer.h"
#include "proxy/part.h"
#include "proxy/session.h"
#include "proxy/shared.h"
#include "stream/connector.h"
#include "stream/resolver.h"
#include "upstream/group.h"

/** The most bytes stored about the failed attempts of one session. */
enum { TRIED_MAX = 1024 };

static void log_peer(struct log_line *line, const char *key, const union session_peer *peer)
{
	char text[ADDR_TEXT_MAX];

	switch (peer->family) {
	case AF_INET:
		log_str(line, key,
			addr_format((const struct sockaddr *)peer, sizeof(peer->in), text));
		break;
	case AF_INET6:
		log_str(line, key,
			addr_format((const struct sockaddr *)peer, sizeof(peer->in6), text));
		break;
	default:
		log_str(line, key, peer->family == AF_UNIX ? "unix:" : "");
	}
}

/** Adds a peer under these keys: its address, and for a UNIX client also its process and user. */
static void log_connected(
	struct log_line *line, const char *const keys[3], const union session_peer *peer)
{
	log_peer(line, keys[0], peer);
	if (peer->family == AF_UNIX && peer->un.pid != 0) {
		log_i64(line, keys[1], peer->un.pid);
	}
	if (peer->family == AF_UNIX && peer->un.uid != (uid_t)-1) {
		log_u64(line, keys[2], peer->un.uid);
	}
}

static void log_client(struct log_line *line, const struct session *session)
{
	static const char *const client_keys[] = {"client", "client_pid", "client_uid"};
	static const char *const peer_keys[] = {"peer", "peer_pid", "peer_uid"};
	const struct session_edge *edge = session->edge;

	if (edge != NULL && edge->client_name.n > 0) {
		log_bytes(line, "client", edge->client_name.bytes, edge->client_name.n);
	} else {
		log_connected(line, client_keys, &session->client);
	}
	if (edge != NULL && edge->is_announced) {
		log_connected(line, peer_keys, &edge->peer);
	}
}

/** Adds what happened until it was connected, or failed to connect. */
static void log_tried(struct log_line *line, const struct session *session)
{
	log_str(line, "tried", session->tried);
	if (session->n_retries > 0) {
		log_u64(line, "retries", session->n_retries);
	}
	if (session->queued_us > 0) {
		log_ms(line, "queue_ms", session->queued_us * NS_PER_US);
	}
}

/** Adds the name of the server, if the config gives it one. */
static void log_server_name(struct log_line *line, const struct session *session)
{
	const struct member *member = session->member;

	if (session->upstream.family != AF_UNSPEC && member_is_named(member)) {
		log_str(line, "server_name", member->name);
	}
}

/** Adds the unique id: that of the client's PROXY header, or else weir's own if the server got
 * it. */
static void log_unique_id(struct log_line *line, const struct session *session)
{
	const struct session_edge *edge = session->edge;
	const struct target *target = session_target(session);
	char id[ANNOUNCE_ID_MAX];

	if (edge != NULL && edge->unique_id != NULL) {
		log_bytes(line, "unique_id", edge->unique_id, edge->n_unique_id);
	} else if (session->upstream.family != AF_UNSPEC &&
		   (target->plan->send_proxy_tlvs & CONF_TLV_UNIQUE_ID) != 0) {
		log_str(line, "unique_id",
			announce_id(session_part(session)->shared->started_ns, session->id, id));
	}
}

static void log_who(struct log_line *line, const struct session *session)
{
	const struct target *target = session_target(session);

	log_u64(line, "pair", session->id);
	log_str(line, "listener", session->terms->offer->name);
	log_client(line, session);
	if (session->edge != NULL && session->edge->on.family != AF_UNSPEC) {
		log_peer(line, "on", &session->edge->on);
	}
	if (session->edge != NULL && session->edge->name.n > 0) {
		log_bytes(line, "sni", session->edge->name.bytes, session->edge->name.n);
	}
	log_str(line, "upstream", target == NULL ? "" : target->group->name);
	if (session->upstream.family == AF_UNIX) {
		log_str(line, "server", session->member->text);
	} else {
		log_peer(line, "server", &session->upstream);
	}
	log_server_name(line, session);
	log_unique_id(line, session);
}

void session_log_open(const struct session *session)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_DEBUG, "open")) {
		log_who(&line, session);
		log_tried(&line, session);
		log_ms(&line, "connect_ms", session->pair.joined_ns - session->clock.accepted_ns);
		log_end(&line);
	}
}

/** Adds an errno with its name; an error of getaddrinfo(3) has only a text. */
static void log_failure(struct log_line *line, const struct end *end)
{
	int err = end->err;

	if (err == -ELOOP && end->reason == END_ERROR) {
		log_str(line, "errno", "ELOOP");
		log_str(line, "error", "The server leads back to this listener");
	} else if (strerrorname_np(-err) != NULL) {
		log_errno(line, err);
	} else {
		log_str(line, "error", resolver_strerror(err));
	}
}

static void log_end_of_pair(struct log_line *line, const struct end *end)
{
	log_str(line, "by", end_by_name(end->by));
	log_str(line, "reason", end_reason_name(end->reason));
	if (end->timer != DEADLINE_NONE) {
		log_str(line, "timer", deadline_name(end->timer));
		log_u64(line, "late_us", end->late_ns / NS_PER_US);
	} else if (end->err != 0) {
		log_failure(line, end);
	}
}

/** Adds how many milliseconds ago the last byte of one direction moved. */
static void log_quiet(
	struct log_line *line, const char *key, const struct pump *pump, uint64_t now_ns)
{
	uint64_t moved_ns = pump_moved_ns(pump);

	if (moved_ns != 0) {
		log_ms(line, key, now_ns - moved_ns);
	}
}

/** The first failures in a second are warnings, the others info. The first refusals in a second are
 * info, the others debug, as are probes. */
static enum log_level close_level(const struct session *session)
{
	const struct target *target = session_target(session);
	enum end_reason reason = session->end.reason;

	if (end_is_refusal(reason)) {
		return limits_refused(session->terms->offer->limit, reason) ? LOG_LEVEL_INFO
									    : LOG_LEVEL_DEBUG;
	}
	if (end_is_failure(reason) &&
		(target == NULL ? limits_refused(session->terms->offer->limit, reason)
				: often_count(&target->group->failures))) {
		return LOG_LEVEL_WARN;
	}
	return session_was_probe(session) ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

/** Adds what was relayed, and for how long; "up" is from the client. */
static void log_relayed(struct log_line *line, const struct session *session, uint64_t now_ns)
{
	const struct pair *pair = &session->pair;
	const struct pump *up = &pair->sides[SIDE_CLIENT].pump;
	const struct pump *down = &pair->sides[SIDE_UPSTREAM].pump;
	bool is_joined = pair_is_joined(pair);
	uint64_t accepted_ns = session->clock.accepted_ns;

	log_u64(line, "bytes_up", pair_bytes(pair, SIDE_CLIENT));
	log_u64(line, "bytes_down", pair_bytes(pair, SIDE_UPSTREAM));
	log_ms(line, "connect_ms", (is_joined ? pair->joined_ns : now_ns) - accepted_ns);
	log_ms(line, "duration_ms", now_ns - accepted_ns);
	if (is_joined) {
		log_quiet(line, "quiet_up_ms", up, now_ns);
		log_quiet(line, "quiet_down_ms", down, now_ns);
	}
}

static void log_preface(struct log_line *line, const struct session *session)
{
	enum end_reason reason = session->end.reason;

	if (reason == END_PREFACE || reason == END_BAD_PREFACE) {
		session_log_preface(session, line);
	}
}

/** With log.tcp_info adds the round-trip time and the retransmits of each side. */
static void log_tcp(struct log_line *line, const struct session_edge *edge)
{
	static const char *const keys[SIDES][2] = {
		[SIDE_CLIENT] = {"client_rtt_us", "client_retransmits"},
		[SIDE_UPSTREAM] = {"server_rtt_us", "server_retransmits"},
	};

	for (enum pair_side side = 0; edge != NULL && side < SIDES; side++) {
		if (edge->tcp[side].is_known) {
			log_u64(line, keys[side][0], edge->tcp[side].rtt_us);
			log_u64(line, keys[side][1], edge->tcp[side].n_retransmits);
		}
	}
}

void session_log_close(const struct session *session)
{
	struct log_line line;

	if (log_begin(&line, close_level(session), "close")) {
		log_who(&line, session);
		log_end_of_pair(&line, &session->end);
		log_preface(&line, session);
		log_tried(&line, session);
		log_relayed(&line, session, clock_ns());
		log_tcp(&line, session->edge);
		log_end(&line);
	}
}

/** Writes what went wrong in one attempt: "Connection refused", "lookup: timed out". */
static void attempt_text(const struct connector_attempt *attempt, char *text, size_t size)
{
	const char *stage = attempt->sa == NULL ? "lookup: " : "";
	const char *what = resolver_strerror(attempt->status);

	if (attempt->in_line) {
		what = "timed out in line";
	} else if (attempt->sa == NULL && attempt->status == -ETIMEDOUT) {
		what = "timed out";
	} else if (attempt->forbidden) {
		what = "a listener of this weir, which leads back here";
	} else if (attempt->status == -ECANCELED) {
		what = "slower than another address";
	}
	(void)snprintf(text, size, "%s%s", stage, what);
}

void session_log_attempt(struct session *session, const struct connector_attempt *attempt)
{
	enum { ENTRY_MAX = ADDR_TEXT_MAX + 128 };
	char where[ADDR_TEXT_MAX];
	char why[ENTRY_MAX - ADDR_TEXT_MAX - 8];
	char entry[ENTRY_MAX];
	size_t len = session->tried == NULL ? 0 : strlen(session->tried);
	char *tried;
	int n;

	if (session->n_retries > 0 || (len > 3 && strcmp(session->tried + len - 3, "...") == 0)) {
		return;
	}
	if (attempt->sa != NULL && attempt->status != -ENODEV) {
		addr_format(attempt->sa, attempt->sa_len, where);
	} else {
		(void)snprintf(where, sizeof(where), "%s", session->member->text);
	}
	attempt_text(attempt, why, sizeof(why));
	n = snprintf(entry, sizeof(entry), "%s%s (%s)", len == 0 ? "" : ", ", where, why);
	if (len + (size_t)n > TRIED_MAX) {
		n = snprintf(entry, sizeof(entry), ", ..."); /* and nothing more */
	}
	tried = realloc(session->tried, len + (size_t)n + 1);
	if (tried == NULL) {
		return; /* the closing line still has the last error */
	}
	session->tried = tried;
	memcpy(tried + len, entry, (size_t)n + 1);
}
