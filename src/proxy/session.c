/* SPDX-License-Identifier: ISC */
/*
 * The stages of a session, its beginning and its end. The stages before RELAYING are in
 * session_setup.c; relaying is in pair.c.
 */
#include "proxy/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fds.h"
#include "proxy/edge.h"
#include "proxy/offer.h"
#include "proxy/part.h"
#include "proxy/places.h"
#include "proxy/session_private.h"
#include "proxy/shared.h"
#include "proxy/source.h"
#include "stream/loop.h"
#include "stream/stream.h"

/* This and its two streams (stream_private.h) are all the memory of an idle pair. The usable size
 * of a block of glibc is a multiple of 16 bytes plus 8. */
static_assert(sizeof(struct session) <= 488,
	"an idle pair stays below 900 bytes: docs/PERFORMANCE.md, Memory of an idle pair");

static void session_relay(struct session *session);
static void session_wind_pair(struct session *session);
static void session_strike_pair(struct session *session);
static void session_bury(struct session *session);

/** What a session does in a stage, and which stages may follow. NULL: nothing. */
static const struct stage {
	unsigned leads_to; /**< bits 1 << enum session_stage */
	/** Begins the stage; may enter the next one at once. */
	void (*enter)(struct session *session);
	/** Releases what the stage still has, whichever stage is next. */
	void (*leave)(struct session *session);
	/** The client has reset. */
	void (*client_gone)(struct session *session, int err);
	/** The timeouts have changed: for timers that are not the clock's. */
	void (*apply_timeouts)(struct session *session);
	/** Winds the clock after a change of its facts, for example of lifetime or drain. */
	void (*wind)(struct session *session);
	/** The clock has struck: finds out whether a timer is due. */
	void (*strike)(struct session *session);
} stages[SESSION_STAGES] = {
	[SESSION_PREFACE] =
		{
			.leads_to = 1 << SESSION_CHOOSING | 1 << SESSION_ENDED,
			.enter = session_look,
			.leave = session_stop_looking,
			.client_gone = session_lose_client,
			.wind = session_setup_wind,
			.strike = session_setup_strike,
		},
	[SESSION_CHOOSING] =
		{
			.leads_to = 1 << SESSION_QUEUED | 1 << SESSION_CONNECTING |
				    1 << SESSION_WAITING | 1 << SESSION_ENDED,
			.enter = session_choose,
			.client_gone = session_lose_client,
			.wind = session_setup_wind,
			.strike = session_setup_strike,
		},
	[SESSION_QUEUED] =
		{
			.leads_to =
				1 << SESSION_CONNECTING | 1 << SESSION_WAITING | 1 << SESSION_ENDED,
			.enter = session_queue,
			.leave = session_stop_queueing,
			.client_gone = session_lose_client,
			.wind = session_setup_wind,
			.strike = session_setup_strike,
		},
	[SESSION_CONNECTING] =
		{
			.leads_to =
				1 << SESSION_CHOOSING | 1 << SESSION_RELAYING | 1 << SESSION_ENDED,
			.enter = session_connect,
			.leave = session_stop_connecting,
			.client_gone = session_lose_client,
			.apply_timeouts = session_apply_connect_timeout,
			.wind = session_setup_wind,
			.strike = session_setup_strike,
		},
	[SESSION_WAITING] =
		{
			.leads_to = 1 << SESSION_CHOOSING | 1 << SESSION_ENDED,
			.enter = session_wait,
			.leave = session_stop_waiting,
			.client_gone = session_lose_client,
			.wind = session_setup_wind,
			.strike = session_setup_strike,
		},
	[SESSION_RELAYING] =
		{
			.leads_to = 1 << SESSION_ENDED,
			.enter = session_relay,
			.wind = session_wind_pair,
			.strike = session_strike_pair,
		},
	[SESSION_ENDED] =
		{
			.enter = session_bury,
		},
};

struct part *session_part(const struct session *session)
{
	return session->terms->part;
}

const struct target *session_target(const struct session *session)
{
	const struct offer *offer = session->terms->offer;

	if (!offer->has_choice) {
		return offer->fallback;
	}
	return session->edge == NULL ? NULL : session->edge->target;
}

/* ---- from stage to stage ---- */

/** Must be the last statement of the caller, because the next stage may have been entered too. */
static void session_begin(struct session *session, enum session_stage stage)
{
	session->stage = stage;
	stages[stage].enter(session);
}

void session_enter(struct session *session, enum session_stage stage)
{
	const struct stage *now = &stages[session->stage];

	assert((now->leads_to & 1u << stage) != 0);
	if (now->leave != NULL) {
		now->leave(session);
	}
	session_begin(session, stage);
}

static void session_end(struct session *session, struct end end)
{
	session->end = end;
	session_enter(session, SESSION_ENDED);
}

void session_refuse(struct session *session, struct end end)
{
	stream_abort(session->setup->client);
	session_end(session, end);
}

void session_dismiss(struct session *session, struct end end)
{
	stream_close(session->setup->client);
	session_end(session, end);
}

void session_client_gone(struct session *session, int err)
{
	stages[session->stage].client_gone(session, err);
}

static void on_strike(struct timer *timer)
{
	struct session *session = container_of(timer, struct session, clock.timer);

	stages[session->stage].strike(session);
}

/* ---- RELAYING ---- */

static struct session *session_of(struct pair *pair)
{
	return container_of(pair, struct session, pair);
}

static void on_half_closed(struct pair *pair)
{
	counter_add(&session_part(session_of(pair))->counters.n_half_closed, 1);
}

static void on_answered(struct pair *pair)
{
	struct session *session = session_of(pair);

	group_told(session_target(session)->group, session->member, SERVER_ANSWERED, 0);
}

static void on_parting(struct pair *pair, enum pair_side side)
{
	edge_ask_tcp(session_of(pair)->edge, side, stream_fd(pair_stream(pair, side)));
}

/** The end of a pair whose upstream was not known to be connected: a loss counts as a failed
 * connect. */
static struct end end_of_early(struct session *session, struct end end)
{
	if (end.reason == END_LOST) {
		end = end_by_connect(end.err, false, 0);
	}
	if (end.reason == END_CONNECT_FAILED || end.reason == END_CONNECT_TIMEOUT) {
		group_told(session_target(session)->group, session->member, SERVER_FAILED, end.err);
	}
	return end;
}

static void on_pair_ended(struct pair *pair, struct end end)
{
	struct session *session = session_of(pair);

	if (end.by == END_BY_UPSTREAM && pair_was_early(pair)) {
		end = end_of_early(session, end);
	}
	if (end.by == END_BY_UPSTREAM && end.reason == END_RESET && pair_was_refused(pair)) {
		group_told(
			session_target(session)->group, session->member, SERVER_REFUSED, end.err);
	}
	session_end(session, end);
}

int session_join(struct session *session, struct stream *upstream, const union session_peer *peer)
{
	static const struct pair_calls calls = {
		.half_closed = on_half_closed, .answered = on_answered, .ended = on_pair_ended};
	static const struct pair_calls asking_calls = {.half_closed = on_half_closed,
		.answered = on_answered,
		.parting = on_parting,
		.ended = on_pair_ended};
	const struct offer *offer = session->terms->offer;
	struct pair_opts opts = {
		.client = session->setup->client,
		.upstream = upstream,
		.first = session_first_bytes(session),
		.clock = &session->clock,
		.calls = offer->tells_tcp ? &asking_calls : &calls,
		.bytes_a_second = {offer->bytes_a_second[SIDE_CLIENT],
			offer->bytes_a_second[SIDE_UPSTREAM]},
		.may_be_early = session_target(session)->plan->socket.fastopen,
	};
	int r = offer_has_rates(offer) ? edge_have_throttles(session->edge) : 0;

	if (r == 0) {
		opts.throttles = offer_has_rates(offer) ? session->edge->throttles : NULL;
		r = pair_start(&session->pair, &opts);
	}
	if (r == 0) {
		session->upstream = *peer;
	}
	return r;
}

static void session_relay(struct session *session)
{
	session_setup_close(session);
	edge_forget_header(session->edge);
	session_log_open(session);
	session_trace_open(session);
}

static void session_wind_pair(struct session *session)
{
	pair_wind(&session->pair);
}

static void session_strike_pair(struct session *session)
{
	pair_strike(&session->pair);
}

/* ---- ENDED ---- */

static void on_gone(struct task *task)
{
	struct session *session = container_of(task, struct session, gone);

	edge_free(session->edge);
	free(session->tried);
	free(session);
}

static void session_count_begin(struct terms *terms)
{
	counter_add(&terms->part->counters.n_accepted, 1);
	counter_add(&terms->rules.tally->n_accepted, 1);
}

/** Adds the end to all counters. */
static void session_count_end(const struct session *session)
{
	struct part *part = session_part(session);
	const struct end *end = &session->end;

	counter_add(&part->counters.n_closed[end->reason], 1);
	counter_add(&session->terms->rules.tally->n_ended[end->by][end->reason], 1);
	/* This is stored before the place is given back, because a thread that sees that no place
	 * is taken must see this time. */
	atomic_store_explicit(&part->counters.ended_ns, clock_ns(), memory_order_relaxed);
	if (end->reason == END_QUEUE) {
		group_waited_too_long(session_target(session)->group);
	}
	if (pair_is_half_closed(&session->pair)) {
		counter_add(&part->counters.n_half_closed, -1);
	}
	if (end->timer != DEADLINE_NONE) {
		buckets_count(&part->counters.late[end->timer], end->late_ns);
		if (part->late != NULL) {
			hdr_record(part->late, end->late_ns / NS_PER_US);
		}
	}
	session_trace_close(session);
}

/** Logs and counts its end, and gives back everything that it has. */
static void session_bury(struct session *session)
{
	struct terms *terms = session->terms;
	struct part *part = terms->part;

	session_log_close(session);
	session_count_end(session);
	session_leave_server(session);
	session->member = member_unref(session->member);
	session_clock_close(&session->clock);
	session_setup_close(session);
	pair_close(&session->pair);
	part_forget_session(part, &session->link);
	if (session->edge != NULL) {
		source_give(session->edge->source, clock_ns());
		session->edge->source = NULL;
	}
	places_leave(&part->shared->places, terms->offer->limit);
	/* Deferred, because the pair, its pumps and its streams may still be on the stack. */
	task_init(&session->gone, on_gone);
	loop_defer(part->loop, &session->gone);
	terms_leave(terms);
	part_session_ended(part);
}

/* ---- its beginning ---- */

/** An id that is unique in the process without shared state: the workers' numbers are
 * interleaved. */
static uint64_t next_id(struct part *part)
{
	return part->n_sessions_made++ * part->shared->n_workers + part->index + 1;
}

void session_reject(const struct session_opts *opts, struct end end)
{
	struct part *part = opts->terms->part;
	/* Both have only the fields that the log and the counters read. */
	struct session_edge edge = {0};
	struct session session = {
		.terms = opts->terms,
		.id = next_id(part),
		.clock.accepted_ns = clock_ns(),
		.end = end,
		.client = opts->peer,
	};

	assert(loop_is_current(part->loop));
	part->n_sessions++;
	if (opts->terms->offer->tells_port) {
		edge.on = session_reached(opts->fd);
		session.edge = &edge;
	}
	fds_reset(opts->fd);
	session_count_begin(opts->terms);
	session_log_close(&session);
	session_count_end(&session);
	source_give(opts->source, clock_ns());
	places_leave(&part->shared->places, opts->terms->offer->limit);
	part_session_ended(part);
}

/** Makes a session that is in no list yet. NULL and *ret_err: it cannot be made. */
static struct session *session_new(const struct session_opts *opts, int *ret_err)
{
	struct terms *terms = opts->terms;
	struct part *part = terms->part;
	struct session *session = calloc(1, sizeof(*session));
	struct session_edge *edge = NULL;
	int r = -ENOMEM;

	if (session == NULL) {
		goto failed;
	}
	if (terms->offer->has_edge) {
		edge = edge_new(&opts->peer);
		if (edge == NULL) {
			goto failed;
		}
	}
	r = session_clock_open(&session->clock, part->loop, &terms->rules, on_strike);
	if (r < 0) {
		goto failed;
	}
	r = session_setup_open(session, opts);
	if (r < 0) {
		goto failed_clock;
	}
	session->terms = terms;
	session->edge = edge;
	if (edge != NULL) {
		edge->source = opts->source;
	}
	if (terms->offer->tells_port) {
		session_find_port(session);
	}
	session->id = next_id(part);
	session->clock.drain = part_drain(part);
	return session;

failed_clock:
	session_clock_close(&session->clock);
failed:
	edge_free(edge);
	free(session);
	*ret_err = r;
	return NULL;
}

void session_open(const struct session_opts *opts)
{
	struct part *part = opts->terms->part;
	struct session *session;
	int err;

	assert(loop_is_current(part->loop));
	session = session_new(opts, &err);
	if (session == NULL) {
		session_reject(opts, end_by_own_failure(err));
		return;
	}
	part->n_sessions++;
	terms_enter(opts->terms);
	list_append(&part->sessions, &session->link);
	session_count_begin(opts->terms);
	session->stage = session_must_look(session) ? SESSION_PREFACE : SESSION_CHOOSING;
	session_setup_wind(session);
	session_begin(session, session->stage);
}

/* ---- while it lives ---- */

void session_apply_timeouts(struct session *session)
{
	const struct stage *now = &stages[session->stage];

	assert(loop_is_current(session_part(session)->loop));
	if (now->apply_timeouts != NULL) {
		now->apply_timeouts(session);
	}
	/* An earlier deadline is handled here; a later one is noticed when the clock strikes. */
	now->wind(session);
}

void session_drain(struct session *session, const struct deadline_drain *drain)
{
	assert(loop_is_current(session_part(session)->loop));
	session->clock.drain = drain;
	stages[session->stage].wind(session);
}

/** Ends it in any stage except ENDED. */
static void session_end_by_weir(struct session *session, enum end_reason reason)
{
	if (session->stage == SESSION_RELAYING) {
		pair_end(&session->pair, end_by_weir(reason));
	} else {
		session_refuse(session, end_by_weir(reason));
	}
}

bool session_look_at_access(struct session *session)
{
	assert(loop_is_current(session_part(session)->loop));
	if (session_awaits_header(session) ||
		access_admits(&session->terms->access, &session->client)) {
		return true;
	}
	session_end_by_weir(session, END_ACCESS);
	return false;
}

void session_end_by_admin(struct session *session)
{
	assert(loop_is_current(session_part(session)->loop));
	session_end_by_weir(session, END_ADMIN);
}

void session_look_at_server(struct session *session)
{
	assert(loop_is_current(session_part(session)->loop));
	if (session->stage == SESSION_RELAYING && server_ends_pairs(session->member->server)) {
		pair_end(&session->pair, end_with_server());
	}
}
