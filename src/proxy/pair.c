/* SPDX-License-Identifier: ISC */
#include "proxy/pair.h"

#include <assert.h>
#include <errno.h>

#include "proxy/counters.h"
#include "proxy/pair_private.h"
#include "stream/loop.h"
#include "stream/stream.h"

/* ---- the clock ---- */

/** When the last byte moved, through weir or from the kernel to a peer. */
static uint64_t pair_moved_ns(const struct pair *pair)
{
	return clock_later(pair_relayed_ns(pair), clock_later(pair->sides[SIDE_CLIENT].progress_ns,
							  pair->sides[SIDE_UPSTREAM].progress_ns));
}

/** When the rate last let weir read this side again; 0: it has never paused it. */
static uint64_t side_resumed_ns(const struct pair *pair, enum pair_side side)
{
	return pair->throttles == NULL ? 0 : pair->throttles->from[side].resumed_ns;
}

static bool pair_is_throttled(const struct pair *pair)
{
	const struct pair_throttles *throttles = pair->throttles;

	return throttles != NULL && (throttle_holds(&throttles->from[SIDE_CLIENT]) ||
					    throttle_holds(&throttles->from[SIDE_UPSTREAM]));
}

/** Since when bytes have waited for this side without any being taken; NS_NEVER: none wait. */
static uint64_t side_stalled_ns(const struct pair *pair, enum pair_side side)
{
	uint64_t stalled_ns = stream_stalled_ns(pair_stream(pair, side));

	return stalled_ns == NS_NEVER ? NS_NEVER
				      : clock_later(stalled_ns, pair->sides[side].progress_ns);
}

static uint64_t pair_stalled_ns(const struct pair *pair)
{
	if (pair->state == PAIR_RESETTING) {
		return pair_reset_stalled_ns(pair);
	}
	return clock_earlier(
		side_stalled_ns(pair, SIDE_CLIENT), side_stalled_ns(pair, SIDE_UPSTREAM));
}

/** Sets since when each side has been silent. */
static void pair_add_silence(const struct pair *pair, struct deadline_facts *facts)
{
	if (!pump_has_begun(&pair->sides[SIDE_CLIENT].pump)) {
		facts->awaited_ns = pair->joined_ns;
	}
	for (enum pair_side side = 0; side < SIDES; side++) {
		uint64_t resumed_ns = side_resumed_ns(pair, side);

		facts->silent_ns[side] = clock_later(clock_later(pair->joined_ns, resumed_ns),
			pump_silent_ns(&pair->sides[side].pump));
	}
}

struct deadline_facts pair_facts(const struct pair *pair)
{
	struct deadline_facts facts = session_clock_facts(pair->clock);

	facts.moved_ns =
		clock_later(pair_moved_ns(pair), clock_later(side_resumed_ns(pair, SIDE_CLIENT),
							 side_resumed_ns(pair, SIDE_UPSTREAM)));
	facts.is_throttled = pair_is_throttled(pair);
	facts.stalled_ns = pair_stalled_ns(pair);
	facts.fin_ns = pair->fin_ns;
	facts.held_ns = pair_held_ns(pair);
	if (pair->state == PAIR_RELAYING) {
		pair_add_silence(pair, &facts);
		facts.early_ns = pair_was_early(pair) ? pair->joined_ns : 0;
	}
	return facts;
}

static struct deadline pair_deadline(const struct pair *pair)
{
	struct deadline_facts facts = pair_facts(pair);
	struct deadline next = session_clock_next(pair->clock, &facts);

	if (pair->state == PAIR_RESETTING) {
		/* This bound holds whatever the timeouts are, because the wait occupies a place and
		 * helps no client. */
		next.at_ns = clock_earlier(next.at_ns,
			clock_after(facts.stalled_ns, PAIR_RESET_STALL_S * (uint64_t)NS_PER_S));
	}
	return next;
}

void pair_wind(struct pair *pair)
{
	struct deadline deadline = pair_deadline(pair);

	session_clock_wind(pair->clock,
		clock_earlier(deadline.at_ns, pair->state == PAIR_RESETTING
						      ? pair_reset_look_ns(pair)
						      : pair_look_ns(pair, &deadline)));
}

/* ---- its rates ---- */

static void on_resumed(struct throttle *throttle, enum pair_side from)
{
	/* Timers that did not run during the pause begin anew. */
	pair_wind(container_of(throttle, struct pair_throttles, from[from])->pair);
}

static void on_client_resumed(struct throttle *throttle)
{
	on_resumed(throttle, SIDE_CLIENT);
}

static void on_upstream_resumed(struct throttle *throttle)
{
	on_resumed(throttle, SIDE_UPSTREAM);
}

static void pair_close_throttles(struct pair *pair)
{
	if (pair->throttles != NULL) {
		throttle_close(&pair->throttles->from[SIDE_CLIENT]);
		throttle_close(&pair->throttles->from[SIDE_UPSTREAM]);
	}
}

/** Opens both throttles, and lets that of the client keep the first bytes. 0, or -ENOMEM: then none
 * is open. */
static int pair_open_throttles(struct pair *pair, const struct pair_opts *opts)
{
	struct loop *loop = stream_loop(opts->client);
	struct pair_throttles *throttles = opts->throttles;
	int r;

	if (throttles == NULL) {
		return 0;
	}
	*throttles = (struct pair_throttles){.pair = pair};
	r = throttle_open(&throttles->from[SIDE_CLIENT], loop, opts->bytes_a_second[SIDE_CLIENT],
		on_client_resumed);
	if (r == 0) {
		r = throttle_open(&throttles->from[SIDE_UPSTREAM], loop,
			opts->bytes_a_second[SIDE_UPSTREAM], on_upstream_resumed);
	}
	if (r == 0) {
		r = throttle_keep(&throttles->from[SIDE_CLIENT], opts->first);
	}
	pair->throttles = throttles;
	if (r < 0) {
		pair_close_throttles(pair);
		pair->throttles = NULL;
	}
	return r;
}

bool pair_keeps(const struct pair *pair, enum pair_side from)
{
	return pair->throttles != NULL && throttle_keeps(&pair->throttles->from[from]);
}

/** Begins the throttles, and sends the first bytes, or what the client's rate allows of them. */
static void pair_begin(struct pair *pair, struct span first)
{
	if (first.n > 0 && !pair_keeps(pair, SIDE_CLIENT)) {
		pump_give(&pair->sides[SIDE_CLIENT].pump, first.bytes, first.n);
	}
	for (enum pair_side side = 0; pair->throttles != NULL && side < SIDES; side++) {
		throttle_begin(&pair->throttles->from[side], &pair->sides[side].pump);
	}
}

/* ---- the end ---- */

void pair_part_from(struct pair *pair, enum pair_side side)
{
	const struct stream *stream = pair_stream(pair, side);

	if (pair->calls->parting != NULL && (pair->parted & 1u << side) == 0 &&
		stream_fd(stream) >= 0 && stream_is_tcp(stream)) {
		pair->parted |= (uint8_t)(1u << side);
		pair->calls->parting(pair, side);
	}
}

void pair_finish(struct pair *pair, bool reset, struct end end)
{
	pair->state = PAIR_ENDED;
	pair_close_throttles(pair);
	for (enum pair_side side = 0; side < SIDES; side++) {
		pump_close(&pair->sides[side].pump);
		pair_part_from(pair, side);
	}
	for (enum pair_side side = 0; side < SIDES; side++) {
		if (reset) {
			stream_abort(pair_stream(pair, side));
		} else {
			stream_close(pair_stream(pair, side));
		}
	}
	pair->calls->ended(pair, end);
}

/** Whether nothing is in flight: neither in weir, nor unread in the kernel, nor held for a peer at
 * the last look. */
static bool side_is_empty(const struct pair *pair, enum pair_side side)
{
	const struct stream *stream = pair_stream(pair, side);

	return pair->held[side] == 0 && stream_bytes_waiting(stream) == 0 &&
	       stream_unread(stream) == 0;
}

/** Whether a timer that has expired ends the pair with RST: "The way of a pair" in
 * docs/ARCHITECTURE.md. */
static bool pair_must_reset(const struct pair *pair, enum deadline_kind kind)
{
	if (!side_is_empty(pair, SIDE_CLIENT) || !side_is_empty(pair, SIDE_UPSTREAM) ||
		pair_keeps(pair, SIDE_CLIENT)) {
		return true;
	}
	switch (kind) {
	case DEADLINE_FIRST_BYTE:
	case DEADLINE_IDLE_CLIENT:
	case DEADLINE_IDLE_UPSTREAM:
	case DEADLINE_IDLE:
		return pair->clock->rules->idle_resets;
	case DEADLINE_LIFETIME:
	case DEADLINE_DRAIN:
		return clock_ns() - pair_moved_ns(pair) < QUIET_NS;
	default:
		return true; /* half_close too: the side that has not sent its FIN is cut off */
	}
}

static void pair_expire(struct pair *pair, const struct deadline *deadline, uint64_t now_ns)
{
	bool reset = pair_must_reset(pair, deadline->kind);

	struct end end = end_by_timer(deadline->kind, now_ns - deadline->at_ns);

	if (deadline->kind == DEADLINE_CONNECT) {
		end.err = -ETIMEDOUT;
	}
	stream_expire(pair_stream(pair, SIDE_CLIENT));
	stream_expire(pair_stream(pair, SIDE_UPSTREAM));
	pair_finish(pair, reset, end);
}

/* ---- a side has failed ---- */

static void pair_on_gone(struct pair *pair, enum pair_side side)
{
	struct stream *stream = pair_stream(pair, side);

	if (pair->state == PAIR_RESETTING) {
		if (side != pair->failed) {
			pair_part_from(pair, side);
			stream_abort(stream); /* the survivor failed too */
		}
		pair_reset_look(pair);
		return;
	}
	if (stream_cause(stream) != 0) {
		pair_reset(pair, side);
	} /* else a UNIX peer has closed: reading the end of input will show it */
}

/* ---- half-close ---- */

/** The FIN of `from` may go out to the other side. */
static void pair_pass_fin(struct pair *pair, enum pair_side from)
{
	if (pair->fin_ns == NS_NEVER) {
		pair->fin_ns = clock_ns();
		stream_shutdown(pair_stream(pair, side_opposite(from)));
		pair->calls->half_closed(pair);
		return;
	}
	/* Both sides have sent their FIN: closing sends the second FIN. */
	pair_finish(pair, false, end_by_fins(pair->first_fin));
}

static void pair_on_end(struct pair *pair, enum pair_side from, enum pump_outcome outcome)
{
	if (!pump_has_ended(&pair->sides[side_opposite(from)].pump)) {
		pair->first_fin = from;
	}
	if (outcome == PUMP_DONE) {
		pair_pass_fin(pair, from);
	}
}

/* ---- outcomes of the pumps ---- */

static void pair_on_pump(struct pair *pair, enum pair_side from, enum pump_outcome outcome)
{
	if (outcome == PUMP_GONE) {
		pair_on_gone(pair, from);
		return;
	}
	if (outcome == PUMP_BEGAN) {
		if (from == SIDE_UPSTREAM && pair->calls->answered != NULL) {
			pair->calls->answered(pair);
		}
		return;
	}
	if (pair->state == PAIR_RELAYING && (outcome == PUMP_ENDED || outcome == PUMP_DONE)) {
		pair_on_end(pair, from, outcome);
	}
	if (pair->state != PAIR_ENDED) {
		pair_wind(pair);
	}
}

static void on_client(struct pump *pump, enum pump_outcome outcome)
{
	pair_on_pump(
		container_of(pump, struct pair, sides[SIDE_CLIENT].pump), SIDE_CLIENT, outcome);
}

static void on_upstream(struct pump *pump, enum pump_outcome outcome)
{
	pair_on_pump(
		container_of(pump, struct pair, sides[SIDE_UPSTREAM].pump), SIDE_UPSTREAM, outcome);
}

static void pair_count(struct pair *pair, enum pair_side from, size_t len, bool spliced)
{
	struct tally *tally = pair->clock->rules->tally;

	counter_add(&tally->n_bytes[from][spliced ? TALLY_SPLICED : TALLY_COPIED], (int64_t)len);
	if (pair->throttles != NULL) {
		throttle_moved(&pair->throttles->from[from], len);
	}
}

static void on_client_moved(struct pump *pump, size_t len, bool spliced)
{
	pair_count(container_of(pump, struct pair, sides[SIDE_CLIENT].pump), SIDE_CLIENT, len,
		spliced);
}

static void on_upstream_moved(struct pump *pump, size_t len, bool spliced)
{
	pair_count(container_of(pump, struct pair, sides[SIDE_UPSTREAM].pump), SIDE_UPSTREAM, len,
		spliced);
}

static const struct pump_calls client_calls = {.tell = on_client, .moved = on_client_moved};
static const struct pump_calls upstream_calls = {.tell = on_upstream, .moved = on_upstream_moved};

/* ---- timers ---- */

/**
 * Reads and writes once before a timer decides. A full send queue hides a receiver that is slow but
 * not stuck, because the kernel reports room only when a third of the queue is free (UNIX: three
 * quarters). TCP sockets are not written to: the kernel always takes a few more bytes, which would
 * start the timer anew for a receiver that is stuck. For TCP pair_look() reads how many bytes the
 * peer has acknowledged. But a receiver that has taken all that the kernel had is not stuck: the
 * event that says so waits behind others.
 */
static void side_poke(struct stream *side)
{
	if (stream_bytes_waiting(side) == 0 || !stream_is_tcp(side) || stream_unsent(side) == 0) {
		stream_poke(side);
	} else {
		stream_poke_input(side);
	}
}

/** Moves bytes that wait in the kernel, so that no pair is ended because weir was late. */
static void pair_poke(struct pair *pair)
{
	for (enum pair_side side = 0; side < SIDES && pair->state == PAIR_RELAYING; side++) {
		side_poke(pair_stream(pair, side));
	}
}

/** Whether a side has failed and will report that in this turn: then that is the reason, and not a
 * timer. */
static bool pair_is_failing(const struct pair *pair)
{
	return stream_cause(pair_stream(pair, SIDE_CLIENT)) != 0 ||
	       stream_cause(pair_stream(pair, SIDE_UPSTREAM)) != 0;
}

static void pair_strike_relaying(struct pair *pair)
{
	struct deadline deadline = pair_deadline(pair);
	uint64_t now_ns = clock_ns();

	if (deadline.at_ns <= now_ns) {
		pair_poke(pair);
		if (pair->state != PAIR_RELAYING) {
			return;
		}
	}
	if (clock_earlier(deadline.at_ns, pair_look_ns(pair, &deadline)) <= now_ns) {
		pair_look(pair);
		deadline = pair_deadline(pair);
		now_ns = clock_ns();
	}
	if (pair_is_failing(pair)) {
		return;
	}
	if (deadline.at_ns <= now_ns && deadline.kind == DEADLINE_CONNECT &&
		stream_is_answered(pair_stream(pair, SIDE_UPSTREAM))) {
		pair->is_early = false; /* answered meanwhile; no event has shown it */
		deadline = pair_deadline(pair);
	}
	if (deadline.at_ns <= now_ns) {
		pair_expire(pair, &deadline, now_ns);
	} else {
		pair_wind(pair);
	}
}

void pair_end(struct pair *pair, struct end end)
{
	if (pair->state != PAIR_RELAYING) {
		return; /* it has ended, or is about to: RESETTING */
	}
	pair_poke(pair);
	if (pair->state == PAIR_RELAYING) {
		pair_look(pair);
	}
	if (pair->state == PAIR_RELAYING && !pair_is_failing(pair)) {
		pair_finish(pair, pair_must_reset(pair, DEADLINE_LIFETIME), end);
	}
}

void pair_strike(struct pair *pair)
{
	if (pair->state == PAIR_RELAYING) {
		pair_strike_relaying(pair);
	} else if (pair->state != PAIR_RESETTING) {
		return; /* it has ended or was closed, but its owner's clock still runs */
	} else {
		pair_reset_look(pair); /* also if the wait seems over: weir may have been stopped */
		if (pair->state == PAIR_RESETTING && pair_deadline(pair).at_ns <= clock_ns()) {
			pair_reset_finish(pair);
		}
	}
}

/* ---- life ---- */

int pair_start(struct pair *pair, const struct pair_opts *opts)
{
	struct stream *client = opts->client;
	struct stream *upstream = opts->upstream;
	int r;

	assert(loop_is_current(stream_loop(client)));
	*pair = (struct pair){.state = PAIR_NONE};
	stream_set_timeout(upstream, 0);
	r = pair_open_throttles(pair, opts);
	if (r < 0) {
		return r;
	}
	/* A UNIX server that accepted at once is not watched yet. */
	r = stream_start(upstream);
	if (r < 0) {
		pair_close_throttles(pair);
		*pair = (struct pair){.state = PAIR_NONE};
		return r;
	}
	pair->clock = opts->clock;
	pair->calls = opts->calls;
	pair->joined_ns = clock_ns();
	pair->fin_ns = NS_NEVER;
	pair->state = PAIR_RELAYING;
	pair->is_early = opts->may_be_early && !stream_is_answered(upstream);
	stream_set_high_water_mark(upstream, stream_high_water_mark(client));
	r = pump_open(&pair->sides[SIDE_CLIENT].pump, client, upstream, &client_calls);
	if (r == 0) {
		r = pump_open(&pair->sides[SIDE_UPSTREAM].pump, upstream, client, &upstream_calls);
	}
	assert(r == 0);
	pair_begin(pair, opts->first);
	pair_wind(pair);
	return 0;
}

bool pair_was_refused(const struct pair *pair)
{
	const struct pump *down = &pair->sides[SIDE_UPSTREAM].pump;

	return pump_moved_ns(down) == 0 && !pump_has_ended(down) &&
	       pump_bytes(&pair->sides[SIDE_CLIENT].pump) == 0;
}

bool pair_was_early(const struct pair *pair)
{
	return pair->is_early && !pump_has_begun(&pair->sides[SIDE_UPSTREAM].pump);
}

void pair_close(struct pair *pair)
{
	if (pair->state != PAIR_NONE) {
		pair->state = PAIR_ENDED;
	}
	pair_close_throttles(pair);
	pair->throttles = NULL; /* their memory may be freed from now on */
	for (enum pair_side side = 0; side < SIDES; side++) {
		pump_close(&pair->sides[side].pump);
	}
	for (enum pair_side side = 0; side < SIDES; side++) {
		struct pump *pump = &pair->sides[side].pump;

		pump->from = stream_free(pump->from);
	}
}
