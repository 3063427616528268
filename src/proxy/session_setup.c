/* SPDX-License-Identifier: ISC */
/*
 * The stages of a session before RELAYING. The client is watched, and a server is chosen and
 * connected to. If that fails, the next server is tried, and after a wait all servers again.
 *
 *	    ┌ all are full ─▶ session_queue ─ a place ─┐
 *	    │                    │ none is left        ▼
 *	session_choose ─ a server ─────────▶ session_connect ─ connected ─▶ session_join
 *	    ▲  ▲  │ none is left │                     │ failed
 *	    │  └──┼──────────────┼─────────────────────┘
 *	    │     ▼              ▼
 *	    └─ session_wait ── retry_for is over ──▶ session_refuse
 *
 * A shortage of weir itself is not the fault of a server. If fds or memory are short, the session
 * ends at once; if ports are short, it ends when no server is left, without a wait.
 */
#include <errno.h>
#include <stdlib.h>

#include "proxy/announce.h"
#include "proxy/edge.h"
#include "proxy/generation.h"
#include "proxy/offer.h"
#include "proxy/own.h"
#include "proxy/part.h"
#include "proxy/session_private.h"
#include "proxy/shared.h"
#include "stream/connector.h"
#include "stream/stream.h"
#include "upstream/group.h"

static const struct group_plan *plan_of(const struct session *session)
{
	return session_target(session)->plan;
}

static void session_answered(
	struct session *session, enum group_answer said, struct member *member);

/* ---- the client ---- */

static void on_client_gone(struct handler *handler, const struct event *event)
{
	/* After an ERROR comes a CLOSE with the same error. A UNIX client that closed (error 0) has
	 * only finished: the pair reads its end of input. */
	if (event->type != STREAM_ERROR && event->error != 0) {
		session_client_gone(
			container_of(handler, struct session_setup, client_gone)->session,
			event->error);
	}
}

void session_lose_client(struct session *session, int err)
{
	session_refuse(session, end_by_failure(SIDE_CLIENT, err));
}

static void on_told(struct group_waiter *waiter, enum group_answer said, struct member *member)
{
	session_answered(container_of(waiter, struct session_setup, waiter)->session, said, member);
}

/** Sets what it asks its group for. */
static void session_setup_ask(struct session_setup *setup, const struct session_opts *opts)
{
	const struct part *part = opts->terms->part;

	group_waiter_init(&setup->waiter, part->loop, on_told);
	setup->waiter.ask.worker = part->index;
	setup->waiter.ask.tried = &setup->tried;
	setup->queued_ns = NS_NEVER;
}

/** For a listener with a range: the port to which the client connected may select its server. */
void session_find_port(struct session *session)
{
	const union session_peer *on = &session->edge->on;

	session->edge->on = session_reached(stream_fd(session->setup->client));
	if (on->family != AF_UNSPEC) {
		session->setup->waiter.ask.port = ntohs(on->in.sin_port);
	}
}

void session_set_client(struct session *session, const union session_peer *client)
{
	bool is_inet = client->family == AF_INET || client->family == AF_INET6;

	session->client = *client;
	session->setup->waiter.ask.client =
		is_inet ? (const struct sockaddr *)&session->client : NULL;
}

int session_setup_open(struct session *session, const struct session_opts *opts)
{
	const struct terms *terms = opts->terms;
	struct session_setup *setup = calloc(1, sizeof(*setup));
	int r;

	if (setup == NULL) {
		return -ENOMEM;
	}
	setup->session = session;
	session_setup_ask(setup, opts);
	setup->client = stream_open(terms->part->loop, opts->fd,
		opts->client_flags | STREAM_HALF_OPEN | STREAM_NONBLOCKING);
	if (setup->client == NULL) {
		r = -errno;
		free(setup);
		return r;
	}
	stream_set_timeout(setup->client, 0);
	stream_set_high_water_mark(setup->client, terms->offer->high_water_mark);
	/* Watched but not read: bytes that arrive early stay in the kernel, but a reset is
	 * noticed. */
	r = stream_start(setup->client);
	if (r < 0) {
		(void)stream_steal_handle(setup->client); /* the caller owns the fd */
		stream_free(setup->client);
		free(setup);
		return r;
	}
	stream_stop(setup->client);
	setup->client_gone.call = on_client_gone;
	stream_on(setup->client, STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE, &setup->client_gone);
	session->setup = setup;
	session_set_client(session, &opts->peer);
	return 0;
}

void session_setup_close(struct session *session)
{
	struct session_setup *setup = session->setup;

	if (setup == NULL) {
		return;
	}
	if (session->stage == SESSION_RELAYING) {
		stream_off(setup->client, &setup->client_gone); /* the pair owns it now */
	} else {
		stream_free(setup->client);
	}
	session_preface_free(setup->preface);
	group_tried_clear(&setup->tried);
	free(setup);
	session->setup = NULL;
}

/* ---- CHOOSING ---- */

void session_leave_server(struct session *session)
{
	if (session->has_place) {
		session->has_place = false;
		group_left(session_target(session)->group, session->member);
	}
}

/** Sets the server of a session, which takes the place and the reference. */
static void take_server(struct session *session, struct member *member)
{
	member_unref(session->member);
	session->member = member;
	session->has_place = true;
}

/** Continues by the answer of its group. Must be the last statement of the caller. */
static void session_answered(struct session *session, enum group_answer said, struct member *member)
{
	switch (said) {
	case GROUP_SERVER:
		take_server(session, member);
		session_enter(session, SESSION_CONNECTING);
		return;
	case GROUP_FULL:
		session_enter(session, SESSION_QUEUED);
		return;
	case GROUP_QUEUE_FULL:
		session_refuse(session, end_by_full_queue());
		return;
	case GROUP_NONE:
		session->setup->failure = end_without_server();
		break;
	case GROUP_EXHAUSTED:
		break;
	}
	session_enter(session, SESSION_WAITING);
}

void session_choose(struct session *session)
{
	struct member *member = NULL;
	enum group_answer said;

	if (session_target(session) == NULL && !session_find_target(session)) {
		return;
	}
	session->setup->waiter.ask.plan = plan_of(session); /* the terms hold the reference */
	said = group_next(session_target(session)->group, &session->setup->waiter.ask, &member);
	session_answered(session, said, member);
}

/* ---- QUEUED until a server has a place ---- */

void session_queue(struct session *session)
{
	struct session_setup *setup = session->setup;
	struct member *member = NULL;
	enum group_answer said =
		group_wait(session_target(session)->group, &setup->waiter, &member);

	if (said != GROUP_FULL) {
		session_answered(session, said, member);
		return;
	}
	setup->queued_ns = clock_ns();
	session_setup_wind(session);
}

void session_stop_queueing(struct session *session)
{
	struct session_setup *setup = session->setup;
	uint64_t us;

	if (setup->queued_ns == NS_NEVER) {
		return; /* it was answered at once */
	}
	group_wait_no_more(session_target(session)->group, &setup->waiter);
	us = session->queued_us + (clock_ns() - setup->queued_ns) / NS_PER_US;
	session->queued_us = clock_earlier(us, SESSION_QUEUED_US_MAX) & SESSION_QUEUED_US_MAX;
	setup->queued_ns = NS_NEVER;
}

/* ---- CONNECTING ---- */

static void on_attempt_failed(void *owner, const struct connector_attempt *attempt)
{
	session_log_attempt(owner, attempt);
}

/** Refuses to connect in a circle, in which each pair would create the next one. */
static int on_permit(void *owner, const struct sockaddr *sa, socklen_t len)
{
	struct session *session = owner;
	struct part *part = session_part(session);
	const struct generation *generation = part->current;
	size_t listener = own_find(generation->own, &part->own_cache, sa, len);

	if (listener == SIZE_MAX ||
		chains_enter(&part->shared->chains, session->terms->offer->name,
			generation->conf->listeners[listener].name, session->clock.accepted_ns)) {
		return 0;
	}
	return -ELOOP;
}

/**
 * Counts a failed connect for ejection, unless weir or the machine is short of something, ports
 * included: a client that uses them up must not get a server ejected.
 */
static void tell_failure(const struct session *session, const struct connector_attempt *last)
{
	int err = last->status;

	if (!end_is_shortage(err) && err != -EADDRNOTAVAIL) {
		group_told(session_target(session)->group, session->member,
			last->sa == NULL ? SERVER_NOT_FOUND : SERVER_FAILED, err);
	}
}

/**
 * Writes the PROXY header, if the upstream wants one. It is sent together with the client's first
 * bytes if there are any, and does not count as bytes of the pair. 0 or a negative errno.
 */
static int session_announce(struct session *session, struct stream *server)
{
	char id[ANNOUNCE_ID_MAX];
	struct announce announce = {
		.plan = plan_of(session),
		.fd = stream_fd(session->setup->client),
		.client = &session->client,
		.edge = session->edge,
		.id = announce_id(session_part(session)->shared->started_ns, session->id, id),
	};
	uint8_t header[ANNOUNCE_MAX];
	int n = announce_build(&announce, header);

	if (n >= 0 && stream_cause(server) != 0) {
		return 0; /* it has reset already, which ends the pair */
	}
	return n < 0 ? n : stream_write_ahead(server, header, (size_t)n);
}

/** Drops a connection on which no pair begins. The server may have accepted it, and would take a
 * FIN for an empty request. */
static void drop_server(struct stream *server)
{
	stream_abort(server);
	stream_free(server);
}

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct session *session = owner;
	struct session_setup *setup = session->setup;
	union session_peer peer = session_peer(last->sa, last->sa_len); /* outlives the connector */
	bool forbidden = last->forbidden;

	if (status == 0) {
		buckets_count(
			&session->member->server->connects, clock_ns() - setup->connecting_ns);
	} else if (!forbidden) {
		tell_failure(session, last);
	}
	setup->connector = connector_close(setup->connector);
	if (forbidden) {
		session_refuse(session, end_by_failure(SIDE_UPSTREAM, status));
		return;
	}
	if (status == 0 && server_ends_pairs(session->member->server)) {
		/* The server went down meanwhile, so the pair would end at once. */
		drop_server(stream);
		status = -ECONNABORTED;
	}
	if (status == 0 && plan_of(session)->send_proxy != SEND_PROXY_OFF) {
		status = session_announce(session, stream);
		if (status < 0) {
			drop_server(stream);
			session_refuse(session, end_by_failure(SIDE_UPSTREAM, status));
			return;
		}
	}
	if (status == 0) {
		status = session_join(session, stream, &peer);
		if (status == 0) {
			session_enter(session, SESSION_RELAYING);
			return;
		}
		drop_server(stream);
	}
	/* Only the connect timer has a lateness; the kernel's own ETIMEDOUT is a failure. */
	setup->failure = end_by_connect(status, late_ns > 0, late_ns);
	if (end_is_shortage(status)) {
		/* Another server would fail in the same way. */
		session_refuse(session, setup->failure);
		return;
	}
	session_leave_server(session);
	if (group_tried_add(&setup->tried, session->member->server) < 0) {
		session_refuse(session, end_by_connect(-ENOMEM, false, 0));
		return;
	}
	session_enter(session, SESSION_CHOOSING);
}

void session_connect(struct session *session)
{
	const struct terms *terms = session->terms;
	const struct group_plan *plan = plan_of(session);
	struct server *server = session->member->server;
	struct part *part = session_part(session);
	struct connector_opts opts = {
		.loop = part->loop,
		.addr = &server->addr,
		.name = server->name,
		.options = &plan->socket,
		.timeout_ns = terms->rules.timeouts.connect_ns,
		.stream_flags = STREAM_HALF_OPEN,
		.speaks_first =
			plan->send_proxy != SEND_PROXY_OFF || session_has_first_bytes(session) ||
			(plan->socket.fastopen && stream_unread(session->setup->client) > 0),
		.spare_fds = &part->shared->spare_fds,
		.owner = session,
		.failed = on_attempt_failed,
		.done = on_connected,
		.permit = part->current->own == NULL ? NULL : on_permit,
	};

	if (plan->source.sa_len > 0) {
		opts.source = &plan->source;
	}
	session->setup->connecting_ns = clock_ns();
	session->setup->connector = connector_open(&opts);
	if (session->setup->connector == NULL) {
		session_refuse(session, end_by_connect(-errno, false, 0));
	}
}

void session_stop_connecting(struct session *session)
{
	session->setup->connector = connector_close(session->setup->connector);
}

void session_apply_connect_timeout(struct session *session)
{
	connector_set_timeout(session->setup->connector, session->terms->rules.timeouts.connect_ns);
}

/* ---- WAITING for an upstream that is still starting ---- */

static void on_waited(struct timer *timer)
{
	session_enter(container_of(timer, struct session_setup, wait)->session, SESSION_CHOOSING);
}

/** When all servers may be tried again; NS_NEVER: not at all. */
static uint64_t wait_until_ns(const struct session *session)
{
	uint64_t now_ns = clock_ns();

	/* Waiting for a server does not end a shortage of weir itself. */
	if (session->setup->failure.reason == END_LIMIT) {
		return NS_NEVER;
	}
	return clock_after(now_ns, group_plan_wait_ns(plan_of(session), session->n_retries,
					   now_ns - session->clock.accepted_ns));
}

void session_wait(struct session *session)
{
	struct session_setup *setup = session->setup;
	uint64_t until_ns = wait_until_ns(session);

	if (until_ns == NS_NEVER ||
		timer_open(&setup->wait, session_part(session)->loop, on_waited) < 0) {
		session_refuse(session, setup->failure);
		return;
	}
	timer_arm(&setup->wait, until_ns);
	group_tried_clear(&setup->tried);
	if (session->n_retries < UINT16_MAX) {
		session->n_retries++;
	}
}

void session_stop_waiting(struct session *session)
{
	timer_close(&session->setup->wait);
}

/* ---- the clock in all of these stages ---- */

struct deadline_facts session_setup_facts(const struct session *session)
{
	struct deadline_facts facts = session_clock_facts(&session->clock);

	if (session->stage == SESSION_PREFACE) {
		facts.looking_ns = session->clock.accepted_ns;
	}
	facts.queued_ns = session->setup->queued_ns;
	return facts;
}

static struct deadline setup_deadline(const struct session *session)
{
	struct deadline_facts facts = session_setup_facts(session);

	return session_clock_next(&session->clock, &facts);
}

void session_setup_wind(struct session *session)
{
	session_clock_wind(&session->clock, setup_deadline(session).at_ns);
}

void session_setup_strike(struct session *session)
{
	struct stream *client = session->setup->client;
	struct deadline deadline = setup_deadline(session);
	uint64_t now_ns = clock_ns();

	if (deadline.at_ns > now_ns) {
		session_setup_wind(session);
		return;
	}
	if (session->stage == SESSION_PREFACE) {
		session_look_once_more(session);
		if (session->stage != SESSION_PREFACE) {
			if (session->setup != NULL) { /* it has not ended */
				session_setup_wind(session);
			}
			return;
		}
	}
	if (stream_cause(client) != 0) {
		return; /* it has failed: its event, in this turn, says the reason */
	}
	stream_expire(client);
	session_refuse(session, end_by_timer(deadline.kind, now_ns - deadline.at_ns));
}
