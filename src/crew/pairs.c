/* SPDX-License-Identifier: ISC */
#include "crew/pairs.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/slice.h"
#include "crew/crew.h"
#include "crew/worker.h"
#include "proxy/offer.h"
#include "proxy/session.h"
#include "proxy/session_list.h"
#include "stream/stream.h"
#include "upstream/group.h"
#include "upstream/server.h"

struct pairs_part {
	struct part_walk walk;
	bool is_begun;
	struct pair_row *rows[PAIRS_PAGE_MAX];
	size_t n;
	size_t taken; /* how many of the rows pairs_order_collect() has taken */
	bool is_cut;  /* it stopped at its share, so more pairs may match */
};

static_assert(PAIRS_TIMERS_MAX >= (int)DEADLINE_KINDS, "room for all timers");

/* ---- what a session is ---- */

/* A session in the stage RELAYING is in one of three states: "relaying" and these two. They take
 * the numbers after it, although one of these is SESSION_ENDED, because a session that has ended
 * has no word. */
enum { STATE_HALF_CLOSED = SESSION_RELAYING + 1, STATE_RESETTING };

const char *const pairs_states[] = {
	[SESSION_PREFACE] = "preface",
	[SESSION_CHOOSING] = "choosing",
	[SESSION_QUEUED] = "queued",
	[SESSION_CONNECTING] = "connecting",
	[SESSION_WAITING] = "waiting",
	[SESSION_RELAYING] = "relaying",
	[STATE_HALF_CLOSED] = "half_closed",
	[STATE_RESETTING] = "resetting",
	NULL,
};

/** The word for the state of a session that has not ended. */
static const char *state_word(const struct session *session)
{
	if (session->stage == SESSION_RELAYING && session->pair.state == PAIR_RESETTING) {
		return pairs_states[STATE_RESETTING];
	}
	if (session->stage == SESSION_RELAYING && pair_is_half_closed(&session->pair)) {
		return pairs_states[STATE_HALF_CLOSED];
	}
	return pairs_states[session->stage];
}

static const char *upstream_name(const struct session *session)
{
	const struct target *target = session_target(session);

	return target == NULL ? "" : target->group->name;
}

/** When the last byte moved, in either direction; if none has, when it was joined or accepted. */
static uint64_t moved_ns(const struct session *session)
{
	const struct pair *pair = &session->pair;
	uint64_t at_ns = session->clock.accepted_ns;

	if (pair_is_joined(pair)) {
		at_ns = clock_later(
			pair->joined_ns, clock_later(pump_moved_ns(&pair->sides[SIDE_CLIENT].pump),
						 pump_moved_ns(&pair->sides[SIDE_UPSTREAM].pump)));
	}
	return at_ns;
}

/* ---- the filter ---- */

static bool is_or_any(const char *wanted, const char *is)
{
	return wanted == NULL || strcmp(wanted, is) == 0;
}

static bool fits_client(const struct pairs_filter *filter, const struct session *session)
{
	struct prefix client;

	if (!filter->by_client) {
		return true;
	}
	if (filter->is_unix || session->client.family == AF_UNIX) {
		return filter->is_unix && session->client.family == AF_UNIX;
	}
	return prefix_of((const struct sockaddr *)&session->client, PREFIX_V4_BITS, PREFIX_V6_BITS,
		       &client) &&
	       prefix_is_within(&client, &filter->client);
}

static bool fits_server(const struct pairs_filter *filter, const struct session *session)
{
	const struct member *member = session->member;

	return filter->server == NULL ||
	       (member != NULL && (strcmp(filter->server, member->name) == 0 ||
					  strcmp(filter->server, member->text) == 0));
}

static bool fits(const struct pairs_filter *filter, const struct session *session, uint64_t now_ns)
{
	return session->stage != SESSION_ENDED && (filter->id == 0 || filter->id == session->id) &&
	       is_or_any(filter->listener, session->terms->offer->name) &&
	       is_or_any(filter->upstream, upstream_name(session)) &&
	       is_or_any(filter->state, state_word(session)) && fits_server(filter, session) &&
	       fits_client(filter, session) &&
	       (filter->idle_over_ns == 0 ||
		       now_ns > clock_after(moved_ns(session), filter->idle_over_ns)) &&
	       (filter->older_than_ns == 0 ||
		       now_ns > clock_after(session->clock.accepted_ns, filter->older_than_ns));
}

/* ---- rows ---- */

static const char *peer_text(const union session_peer *peer, char text[ADDR_TEXT_MAX])
{
	switch (peer->family) {
	case AF_INET:
		return addr_format((const struct sockaddr *)peer, sizeof(peer->in), text);
	case AF_INET6:
		return addr_format((const struct sockaddr *)peer, sizeof(peer->in6), text);
	default:
		return peer->family == AF_UNIX ? "unix:" : "";
	}
}

/** Appends a text; there must be room for it. */
static const char *keep(char **at, const char *text)
{
	char *kept = *at;

	*at = stpcpy(kept, text) + 1;
	return kept;
}

/** Makes a row with the texts of the session. NULL: no memory. */
static struct pair_row *row_new(const struct session *session)
{
	const struct member *member = session->member;
	bool is_connected = session->upstream.family != AF_UNSPEC;
	char client_text[ADDR_TEXT_MAX];
	char server_text[ADDR_TEXT_MAX];
	const char *listener = session->terms->offer->name;
	const char *client = peer_text(&session->client, client_text);
	const char *upstream = upstream_name(session);
	const char *server = session->upstream.family == AF_UNIX
				     ? member->text
				     : peer_text(&session->upstream, server_text);
	const char *name = is_connected && member_is_named(member) ? member->name : "";
	size_t n = strlen(listener) + strlen(client) + strlen(upstream) + strlen(server) +
		   strlen(name) + 5;
	struct pair_row *row = calloc(1, sizeof(*row) + n);
	char *at;

	if (row == NULL) {
		return NULL;
	}
	at = row->text;
	row->listener = keep(&at, listener);
	row->client = keep(&at, client);
	row->upstream = keep(&at, upstream);
	row->server = keep(&at, server);
	row->server_name = keep(&at, name);
	return row;
}

static void ask_tcp(const struct stream *stream, struct pair_tcp *tcp)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (stream_is_tcp(stream) &&
		getsockopt(stream_fd(stream), IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
		tcp->is_known = true;
		tcp->rtt_us = info.tcpi_rtt;
		tcp->n_retransmits = info.tcpi_total_retrans;
	}
}

static void row_set_pair(struct pair_row *row, const struct pair *pair, uint64_t now_ns)
{
	static const enum pair_side from[PAIR_WAYS] = {
		[PAIR_UP] = SIDE_CLIENT, [PAIR_DOWN] = SIDE_UPSTREAM};

	row->joined_ns = now_ns - pair->joined_ns;
	for (enum pair_way way = 0; way < PAIR_WAYS; way++) {
		const struct stream *source = pair_stream(pair, from[way]);
		const struct stream *sink = pair_stream(pair, side_opposite(from[way]));
		uint64_t at_ns = pump_moved_ns(&pair->sides[from[way]].pump);

		row->bytes[way] = pair_bytes(pair, from[way]);
		row->quiet_ns[way] = at_ns == 0 ? NS_NEVER : now_ns - clock_earlier(at_ns, now_ns);
		row->waiting[way] = stream_bytes_waiting(sink);
		row->is_held[way] = (stream_pauses(source) & STREAM_BACKPRESSURE) != 0;
		row->is_spliced[way] = stream_is_splicing(source);
	}
}

static void row_set_timers(struct pair_row *row, const struct session *session, uint64_t now_ns)
{
	uint64_t at_ns[DEADLINE_KINDS];

	session_list_timers(session, at_ns);
	for (enum deadline_kind kind = 0; kind < DEADLINE_KINDS; kind++) {
		if (at_ns[kind] != NS_NEVER) {
			row->timers[row->n_timers++] = (struct pair_timer){deadline_name(kind),
				at_ns[kind] > now_ns ? at_ns[kind] - now_ns : 0};
		}
	}
}

/** Adds a row for the session. 0 or -ENOMEM. */
static int write_down(
	struct pairs_part *mine, const struct session *session, bool asks_tcp, uint64_t now_ns)
{
	struct pair_row *row = row_new(session);

	if (row == NULL) {
		return -ENOMEM;
	}
	row->id = session->id;
	row->state = state_word(session);
	row->age_ns = now_ns - session->clock.accepted_ns;
	row->quiet_ns[PAIR_UP] = NS_NEVER;
	row->quiet_ns[PAIR_DOWN] = NS_NEVER;
	row_set_timers(row, session, now_ns);
	if (pair_is_joined(&session->pair)) {
		row_set_pair(row, &session->pair, now_ns);
		if (asks_tcp) {
			ask_tcp(pair_stream(&session->pair, SIDE_CLIENT), &row->client_tcp);
			ask_tcp(pair_stream(&session->pair, SIDE_UPSTREAM), &row->server_tcp);
		}
	}
	mine->rows[mine->n++] = row;
	return 0;
}

/* ---- the order ---- */

/** Whether one more pair may be ended; if so, counts it. */
static bool take_one(struct pairs_order *order)
{
	uint64_t n = atomic_load(&order->n_left);

	while (n > 0) {
		if (atomic_compare_exchange_weak(&order->n_left, &n, n - 1)) {
			atomic_fetch_add(&order->n_told, 1);
			return true;
		}
	}
	return false;
}

/** How many rows each worker may list. The ids of the workers alternate, so a page has about as
 * many rows of each, and equal shares fit. */
static size_t share_of(const struct pairs_order *order)
{
	size_t share = PAIRS_PAGE_MAX / order->order.crew->opts.n_workers;

	share = share > PAIRS_SHARE_MIN ? share : PAIRS_SHARE_MIN;
	return share < order->max ? share : order->max;
}

/** Handles a session that matches. 0; -ENOMEM; or 1: the worker has listed or ended enough. */
static int meet(struct pairs_order *order, struct pairs_part *mine, struct session *session,
	uint64_t now_ns)
{
	if (order->ends) {
		if (!take_one(order)) {
			return 1;
		}
		session_end_by_admin(session);
		return 0;
	}
	if (mine->n == share_of(order)) {
		mine->is_cut = true;
		return 1;
	}
	return write_down(mine, session, order->asks_tcp, now_ns);
}

/** Handles some sessions. 0: there are more; 1: all are handled, or enough; or -ENOMEM. */
static int meet_some(struct pairs_order *order, struct pairs_part *mine, struct part *part)
{
	/* Ending a pair costs as much as looking at a hundred. */
	size_t n = order->ends ? 1 : PAIRS_PIECE;
	uint64_t now_ns = clock_ns();
	struct session *session;
	int r = 0;

	while (r == 0 &&
		(session = session_list_next(part, &mine->walk, order->after, &n)) != NULL) {
		if (fits(&order->filter, session, now_ns)) {
			r = meet(order, mine, session, now_ns);
		}
	}
	return r == 0 && n > 0 ? 1 : r;
}

static int pairs_order_run(struct order_part *part)
{
	struct pairs_order *order = container_of(part->order, struct pairs_order, order);
	struct worker *worker = part->worker;
	struct pairs_part *mine = &order->parts[worker->opts.index];
	struct slice slice;
	int r;

	if (!mine->is_begun) {
		mine->is_begun = true;
		part_walk_begin(&worker->proxy.part, &mine->walk);
		if (order->ends) {
			return ORDER_AGAIN; /* again after other tasks */
		}
	}
	slice_begin(&slice);
	do {
		r = meet_some(order, mine, &worker->proxy.part);
		if (order->ends) {
			/* The tasks that an end has deferred count in this slice too. */
			loop_catch_up(worker->loop);
		}
	} while (r == 0 && !slice_is_over(&slice));
	if (r != 0) {
		part_walk_end(&mine->walk);
	}
	slice_end(&slice, &worker->slices);
	return r == 0 ? ORDER_AGAIN : r < 0 ? r : 0;
}

int pairs_order_open(
	struct pairs_order *order, struct crew *crew, void (*done)(struct order *order, int status))
{
	int r;

	*order = (struct pairs_order){.n_left = UINT64_MAX};
	order->parts = calloc(crew->opts.n_workers, sizeof(*order->parts));
	if (order->parts == NULL) {
		return -ENOMEM;
	}
	r = crew_open_order(crew, &order->order, pairs_order_run, done);
	if (r < 0) {
		free(order->parts);
		order->parts = NULL;
	}
	return r;
}

void pairs_order_forget(struct pairs_order *order)
{
	for (size_t i = 0; i < order->order.crew->opts.n_workers; i++) {
		struct pairs_part *part = &order->parts[i];

		for (size_t k = 0; k < part->n; k++) {
			free(part->rows[k]);
		}
		*part = (struct pairs_part){0};
	}
	free(order->rows);
	order->rows = NULL;
	order->n_rows = 0;
}

void pairs_order_close(struct pairs_order *order)
{
	if (order->parts != NULL) {
		pairs_order_forget(order);
		free(order->parts);
		order->parts = NULL;
	}
	order_close(&order->order);
}

/** The worker whose next row has the smallest id; n_workers: there is none. */
static size_t next_of(const struct pairs_order *order, size_t n_workers)
{
	size_t next = n_workers;

	for (size_t i = 0; i < n_workers; i++) {
		const struct pairs_part *part = &order->parts[i];

		if (part->taken < part->n &&
			(next == n_workers ||
				part->rows[part->taken]->id <
					order->parts[next].rows[order->parts[next].taken]->id)) {
			next = i;
		}
	}
	return next;
}

/* A worker that stopped at its share may have more rows after its last one. So the page ends there:
 * it has no row with a greater id. */
int pairs_order_collect(struct pairs_order *order)
{
	size_t n_workers = order->order.crew->opts.n_workers;
	struct pairs_part *part;
	size_t next;

	order->more = false;
	order->n_rows = 0;
	order->rows = calloc(order->max, sizeof(const struct pair_row *));
	if (order->rows == NULL) {
		return -ENOMEM;
	}
	while (!order->more && (next = next_of(order, n_workers)) < n_workers) {
		part = &order->parts[next];
		if (order->n_rows == order->max) {
			order->more = true;
			break;
		}
		order->rows[order->n_rows++] = part->rows[part->taken++];
		order->more = part->is_cut && part->taken == part->n;
	}
	return 0;
}
