/* SPDX-License-Identifier: ISC */
#include "proxy/pair.h"

#include <assert.h>
#include <errno.h>

#include "proxy/pair_private.h"
#include "stream/loop.h"
#include "stream/stream.h"

/** For so long no byte must have moved before a pair counts as quiet. */
#define QUIET_NS ((uint64_t)NS_PER_S)

static struct loop *pair_loop(const struct pair *pair)
{
	return stream_loop(pair->client);
}

/* ---- the clock ---- */

/** When the last byte moved, on either side or from a kernel to its peer; NS_NEVER: connecting. */
static uint64_t pair_moved_ns(const struct pair *pair)
{
	if (pair->upstream == NULL) {
		return NS_NEVER;
	}
	return clock_later(pair_relayed_ns(pair),
		clock_later(pair->progress_ns[END_BY_CLIENT], pair->progress_ns[END_BY_UPSTREAM]));
}

/** Since when bytes wait for this side and it has taken none; NS_NEVER: none wait. */
static uint64_t side_stalled_ns(const struct pair *pair, enum end_by side)
{
	uint64_t stalled_ns = stream_stalled_ns(pair_side(pair, side));

	return stalled_ns == NS_NEVER ? NS_NEVER : clock_later(stalled_ns, pair->progress_ns[side]);
}

static uint64_t pair_stalled_ns(const struct pair *pair)
{
	if (pair->state == PAIR_CONNECTING) {
		return NS_NEVER;
	}
	if (pair->state == PAIR_RESETTING) {
		return pair_reset_stalled_ns(pair);
	}
	return clock_earlier(
		side_stalled_ns(pair, END_BY_CLIENT), side_stalled_ns(pair, END_BY_UPSTREAM));
}

/**
 * Reads and writes once before a timer judges. A full send queue hides a receiver that is slow but
 * not stuck: the kernel says that there is room only when a third of the queue is free. But TCP is
 * not written to: it takes a few bytes more from anybody, which would start the clock anew for a
 * receiver that is stuck. What went through to the peer tells, and pair_look() asks for that.
 */
static void side_poke(struct stream *side)
{
	if (stream_bytes_waiting(side) == 0 || !stream_is_tcp(side)) {
		stream_poke(side);
	}
}

static struct deadline pair_deadline(const struct pair *pair)
{
	struct deadline_facts facts = {
		.accepted_ns = pair->accepted_ns,
		.moved_ns = pair_moved_ns(pair),
		.stalled_ns = pair_stalled_ns(pair),
		.fin_ns = pair->fin_ns,
		.drain = pair->drain,
		.since_ns = pair->rules->since_ns,
	};
	struct deadline next = deadline_next(&pair->rules->timeouts, &facts);

	if (pair->state == PAIR_RESETTING) {
		/* Whatever the timeouts say: this wait serves nobody, and it holds a place. */
		next.at_ns = clock_earlier(next.at_ns,
			clock_after(facts.stalled_ns, PAIR_RESET_STALL_S * (uint64_t)NS_PER_S));
	}
	return next;
}

void pair_wind(struct pair *pair)
{
	struct deadline deadline = pair_deadline(pair);
	uint64_t at_ns = clock_earlier(deadline.at_ns, pair->state == PAIR_RESETTING
							       ? pair_reset_look_ns(pair)
							       : pair_look_ns(pair, &deadline));

	if (at_ns < pair->timer.deadline_ns) {
		timer_arm(&pair->timer, at_ns);
	}
}

/* ---- the end ---- */

void pair_finish(struct pair *pair, bool reset)
{
	void (*close_stream)(struct stream *) = reset ? stream_abort : stream_close;

	pair->state = PAIR_ENDED;
	timer_close(&pair->timer);
	pump_stop(&pair->up);
	pump_stop(&pair->down);
	stream_off(pair->client, &pair->client_gone);
	close_stream(pair->client);
	if (pair->upstream != NULL) {
		stream_off(pair->upstream, &pair->upstream_gone);
		close_stream(pair->upstream);
	}
	pair->calls->ended(pair);
}

/** Nothing is in flight: in weir, unread in the kernel, or not taken by a peer at the last look. */
static bool pair_is_empty(const struct pair *pair)
{
	return !pair_is_held(pair) && stream_bytes_waiting(pair->client) == 0 &&
	       stream_bytes_waiting(pair->upstream) == 0 && stream_unread(pair->client) == 0 &&
	       stream_unread(pair->upstream) == 0;
}

/** Whether a struck timer ends the pair with RST: "The life of a pair" in docs/ARCHITECTURE.md. */
static bool pair_must_reset(const struct pair *pair, enum deadline_kind kind)
{
	if (pair->state != PAIR_RELAYING || !pair_is_empty(pair)) {
		return true;
	}
	switch (kind) {
	case DEADLINE_IDLE:
		return pair->rules->idle_resets;
	case DEADLINE_LIFETIME:
	case DEADLINE_DRAIN:
		return clock_ns() - pair_moved_ns(pair) < QUIET_NS;
	default:
		return true; /* of half_close too: the side that has not finished is cut off */
	}
}

static void pair_strike(struct pair *pair, const struct deadline *deadline, uint64_t now_ns)
{
	bool reset = pair_must_reset(pair, deadline->kind);

	if (pair->state != PAIR_RESETTING) {
		pair->end = end_by_timer(deadline->kind, now_ns - deadline->at_ns);
		stream_expire(pair->client);
		if (pair->upstream != NULL) {
			stream_expire(pair->upstream);
		}
	}
	pair_finish(pair, reset);
}

/* ---- a side is gone ---- */

static void pair_on_gone(struct pair *pair, enum end_by side, const struct event *event)
{
	if (event->type == STREAM_ERROR) {
		return; /* CLOSE follows and says the same */
	}
	if (pair->state == PAIR_RESETTING) {
		if (side != pair->failed) {
			stream_abort(event->stream); /* the survivor failed too */
		}
		pair_reset_look(pair);
		return;
	}
	if (event->type == STREAM_HANGUP && event->error == 0) {
		return; /* a UNIX peer closed: its end of input tells the rest, once it is read */
	}
	pair_reset(pair, side, event->error);
}

static void on_client_gone(struct handler *handler, const struct event *event)
{
	pair_on_gone(container_of(handler, struct pair, client_gone), END_BY_CLIENT, event);
}

static void on_upstream_gone(struct handler *handler, const struct event *event)
{
	pair_on_gone(container_of(handler, struct pair, upstream_gone), END_BY_UPSTREAM, event);
}

/* ---- half-close ---- */

/** A FIN of `side` may go out to the other side. */
static void pair_pass_fin(struct pair *pair, struct pump *pump)
{
	if (pair->fin_ns == NS_NEVER) {
		pair->fin_ns = clock_ns();
		stream_shutdown(pump->to);
		pair->calls->half_closed(pair);
		return;
	}
	/* Both are done: closing sends the second FIN. */
	pair->end = (struct end){.by = pair->first_fin, .reason = END_EOF, .timer = DEADLINE_NONE};
	pair_finish(pair, false);
}

static void pair_on_pump(struct pair *pair, struct pump *pump, const struct pump *other)
{
	if (pair->state == PAIR_RELAYING) {
		if (pump->ended && !other->ended) {
			pair->first_fin = pump == &pair->up ? END_BY_CLIENT : END_BY_UPSTREAM;
		}
		if (pump->done) {
			pair_pass_fin(pair, pump);
		}
	}
	if (pair->state != PAIR_ENDED) {
		pair_wind(pair);
	}
}

static void on_up(struct pump *pump)
{
	struct pair *pair = container_of(pump, struct pair, up);

	pair_on_pump(pair, pump, &pair->down);
}

static void on_down(struct pump *pump)
{
	struct pair *pair = container_of(pump, struct pair, down);

	pair_on_pump(pair, pump, &pair->up);
}

/* ---- timers ---- */

/** A side has failed, and will tell so in this turn: that is the reason, not a timer beside it. */
static bool pair_is_failing(const struct pair *pair)
{
	return pair->state != PAIR_RESETTING &&
	       (stream_cause(pair->client) != 0 ||
		       (pair->upstream != NULL && stream_cause(pair->upstream) != 0));
}

static void on_timer(struct timer *timer)
{
	struct pair *pair = container_of(timer, struct pair, timer);
	struct deadline deadline = pair_deadline(pair);
	uint64_t now_ns = clock_ns();

	if (pair->state == PAIR_RESETTING && deadline.at_ns > now_ns) {
		pair_reset_look(pair);
		return;
	}
	if (deadline.at_ns <= now_ns && pair->state == PAIR_RELAYING) {
		/* Bytes that wait in the kernel count: a pair is not cut because weir was late. */
		side_poke(pair->client);
		if (pair->state == PAIR_RELAYING) {
			side_poke(pair->upstream);
		}
		if (pair->state == PAIR_ENDED) {
			return;
		}
	}
	if (pair->state == PAIR_RELAYING &&
		clock_earlier(deadline.at_ns, pair_look_ns(pair, &deadline)) <= now_ns) {
		pair_look(pair);
		deadline = pair_deadline(pair);
		now_ns = clock_ns();
	}
	if (pair_is_failing(pair)) {
		return;
	}
	if (deadline.at_ns <= now_ns) {
		pair_strike(pair, &deadline, now_ns);
	} else {
		pair_wind(pair);
	}
}

/* ---- life ---- */

int pair_open(struct pair *pair, const struct pair_opts *opts)
{
	int r;

	*pair = (struct pair){
		.rules = opts->rules,
		.client_gone.call = on_client_gone,
		.upstream_gone.call = on_upstream_gone,
		.accepted_ns = clock_ns(),
		.joined_ns = NS_NEVER,
		.fin_ns = NS_NEVER,
		.drain = opts->drain,
		.calls = opts->calls,
		.state = PAIR_CONNECTING,
	};
	r = timer_open(&pair->timer, opts->loop, on_timer);
	if (r < 0) {
		return r;
	}
	pair->client = stream_open(opts->loop, opts->client_fd,
		opts->client_flags | STREAM_HALF_OPEN | STREAM_NONBLOCKING);
	if (pair->client == NULL) {
		timer_close(&pair->timer);
		return -ENOMEM;
	}
	stream_set_timeout(pair->client, 0);
	stream_set_high_water_mark(pair->client, opts->high_water_mark);
	stream_on(pair->client, STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE, &pair->client_gone);
	/* Watched but not read: bytes that come early stay in the kernel, a reset is seen. */
	r = stream_start(pair->client);
	if (r < 0) {
		(void)stream_steal_handle(pair->client); /* the fd stays the caller's */
		pair_close(pair);
		return r;
	}
	stream_stop(pair->client);
	pair_wind(pair);
	return 0;
}

int pair_join(struct pair *pair, struct stream *upstream)
{
	int r;

	assert(pair->state == PAIR_CONNECTING && loop_is_current(pair_loop(pair)));
	stream_set_timeout(upstream, 0);
	/* A UNIX server that took us at once is not watched yet: that is all that can go wrong. */
	r = stream_start(upstream);
	if (r < 0) {
		return r;
	}
	pair->upstream = upstream;
	pair->joined_ns = clock_ns();
	pair->state = PAIR_RELAYING;
	stream_set_high_water_mark(upstream, stream_high_water_mark(pair->client));
	stream_on(upstream, STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE, &pair->upstream_gone);
	r = pump_start(&pair->up, pair->client, upstream, on_up);
	if (r == 0) {
		r = pump_start(&pair->down, upstream, pair->client, on_down);
	}
	assert(r == 0);
	pair_wind(pair);
	return 0;
}

void pair_refuse(struct pair *pair, struct end end)
{
	assert(pair->state == PAIR_CONNECTING && loop_is_current(pair_loop(pair)));
	pair->end = end;
	pair_finish(pair, true);
}

void pair_drain(struct pair *pair, const struct deadline_drain *drain)
{
	assert(loop_is_current(pair_loop(pair)));
	pair->drain = drain;
	if (pair->state != PAIR_ENDED) {
		pair_wind(pair);
	}
}

void pair_wind_anew(struct pair *pair)
{
	assert(loop_is_current(pair_loop(pair)));
	/* Sooner is seen to here; later is found out when the timer strikes. */
	if (pair->state != PAIR_ENDED) {
		pair_wind(pair);
	}
}

void pair_close(struct pair *pair)
{
	timer_close(&pair->timer);
	pump_stop(&pair->up);
	pump_stop(&pair->down);
	pair->client = stream_free(pair->client);
	pair->upstream = stream_free(pair->upstream);
}
