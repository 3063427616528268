/* SPDX-License-Identifier: ISC */
/*
 * One direction of a link, as a pump or as a chain.
 *
 *	READ, END of from ──▶ chain_put(), chain_end() ──▶ link_run() ──▶ stream_write(to)
 *	    chain_room() is small ──▶ BACKPRESSURE      DRAIN of `to`, the timer ──▶ link_run()
 *
 * A failure of `from` passes through the chain as a CHUNK_RESET, after its bytes. Nothing can be
 * delivered to `from` any more, so the other direction is done.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "lab/chance.h"
#include "lab/home.h"
#include "lab/lab.h"
#include "lab/link_private.h"
#include "lab/recorder.h"
#include "lab/say.h"
#include "stream/stream.h"

enum {
	/** Sleeping and waking up takes about as long, so the loop turns until then instead. */
	SOON_NS = 15 * NS_PER_US,
	READ_MIN = LOOP_BUFFER_BYTES / 2, /**< room before the next read, so that reads are few */
};

static const unsigned way_events =
	STREAM_READ | STREAM_END | STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE;

static struct link_way *opposite(const struct link_way *way)
{
	struct link *link = way->link;

	return way == &link->ways[UPSTREAM] ? &link->ways[DOWNSTREAM] : &link->ways[UPSTREAM];
}

static void note(const struct link_way *way, enum recorded kind, size_t n)
{
	if (way->link->recorder != NULL) {
		recorder_note(way->link->recorder,
			way == &way->link->ways[UPSTREAM] ? UPSTREAM : DOWNSTREAM, kind, n);
	}
}

/* ---- the receiver of the chain ---- */

static size_t on_room(struct chain *chain)
{
	const struct link_way *way = container_of(chain, struct link_way, chain);
	size_t mark = stream_high_water_mark(way->to);
	size_t waiting = stream_bytes_waiting(way->to);

	if (way->is_paced && waiting > 0) {
		return 0;
	}
	return stream_can_write(way->to) && waiting < mark ? mark - waiting : 0;
}

static void on_out(struct chain *chain, const void *bytes, size_t n)
{
	struct link_way *way = container_of(chain, struct link_way, chain);

	/* If a write fails, the stream emits HANGUP or CLOSE. */
	(void)stream_write(way->to, bytes, n, NULL);
	chain->sent_ns = clock_ns();
}

static size_t on_held(struct chain *chain)
{
	const struct link_way *way = container_of(chain, struct link_way, chain);
	int n = 0;

	if (stream_is_tcp(way->to) && ioctl(stream_fd(way->to), SIOCOUTQNSD, &n) < 0) {
		n = 0;
	}
	return stream_bytes_waiting(way->to) + (size_t)n;
}

static void on_struck(struct chain *chain)
{
	struct link_way *way = container_of(chain, struct link_way, chain);

	loop_defer(way->link->home->lab->loop, &way->link->home->struck);
}

static const struct chain_calls chain_calls = {
	.room = on_room, .out = on_out, .held = on_held, .struck = on_struck};

/** While the chain is paced, lets the kernel take bytes only if it can send them. Otherwise it
 * would take megabytes for a reader that takes none, and send them together later. */
static void set_pace(struct link_way *way)
{
	bool is_paced = chain_is_paced(&way->chain);
	int lowat = is_paced ? 1 : 0; /* 0: the system's default */

	if (way->is_paced != is_paced && stream_fd(way->to) >= 0) {
		way->is_paced = is_paced;
		if (stream_is_tcp(way->to)) {
			(void)setsockopt(stream_fd(way->to), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat,
				sizeof(lowat));
		}
	}
}

/* ---- ends ---- */

/** Ends a direction whose receiver is gone: drops what is in flight. */
static void orphan(struct link_way *way)
{
	if (way->is_done) {
		return;
	}
	way->is_done = true;
	if (way->is_chain) {
		chain_fini(&way->chain);
		stream_off(way->from, &way->source);
		stream_stop(way->from);
		stream_on(way->from, STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE, &way->source);
	} else {
		pump_stop(&way->pump);
	}
}

static int become_chain(struct link_way *way);

/** Call it when `from` has failed or closed. Must be the last statement of the caller. */
static void gone(struct link_way *way)
{
	struct link *link = way->link;

	orphan(opposite(way));
	/* A pump reads the rest only when the receiver takes it; a chain does not wait (pace()). */
	if (!way->is_chain && !way->is_done && stream_fd(way->from) >= 0 &&
		stream_cause(way->from) != 0 && !pump_has_ended(&way->pump) &&
		become_chain(way) < 0) {
		way->chain.failed = true; /* link_run() ends it */
	}
	if (stream_fd(way->from) < 0) {
		note(way, stream_cause(way->from) != 0 ? RECORDED_RESET : RECORDED_FIN, 0);
	}
	if (stream_fd(way->from) < 0 && !way->is_done) {
		bool is_reset = stream_cause(way->from) != 0;

		if (way->is_chain) {
			way->has_ended = true;
			chain_end(&way->chain, is_reset ? CHUNK_RESET : CHUNK_END, clock_ns());
		} else if (is_reset) {
			link_reset(link, way->to);
			return;
		} else {
			way->is_done = true;
			stream_shutdown(way->to);
		}
	}
	link_run(link);
}

/* ---- as a chain ---- */

/** Reads as much as the chain takes. If the sender is gone, reads the rest, which is no more than
 * the kernel has, and the end after it: an end that closes must not wait for the receiver. */
static void pace(struct link_way *way)
{
	size_t room = stream_has_hung_up(way->from) ? LOOP_BUFFER_BYTES : chain_room(&way->chain);

	if (stream_bytes_waiting(way->to) > 0 && !handler_is_on(&way->sink)) {
		stream_once(way->to, STREAM_DRAIN, &way->sink);
	}
	if (way->has_ended || stream_fd(way->from) < 0) {
		return;
	}
	if (room < READ_MIN) {
		(void)stream_pause(way->from, STREAM_BACKPRESSURE);
	} else {
		(void)stream_set_read_max(way->from, room);
		(void)stream_resume(way->from, STREAM_BACKPRESSURE);
	}
}

static void on_source(struct handler *handler, const struct event *event)
{
	struct link_way *way = container_of(handler, struct link_way, source);

	switch (event->type) {
	case STREAM_READ:
		note(way, RECORDED_BYTES, event->len);
		if (way->is_done || way->has_ended) {
			return; /* a toxic has ended this direction */
		}
		chain_put(&way->chain, event->data, event->len, clock_ns());
		if (task_is_waiting(&way->link->soon)) {
			pace(way); /* link_run() follows; running here too would delay others */
			return;
		}
		break;
	case STREAM_END:
		note(way, RECORDED_FIN, 0);
		if (!way->is_done && !way->has_ended) {
			chain_end(&way->chain, CHUNK_END, clock_ns());
		}
		way->has_ended = true;
		break;
	case STREAM_HANGUP:
	case STREAM_CLOSE:
		gone(way);
		return;
	default:
		return; /* ERROR: CLOSE follows */
	}
	link_run(way->link);
}

static void on_sink(struct handler *handler, const struct event *event)
{
	struct link_way *way = container_of(handler, struct link_way, sink);

	(void)event;
	way_relax(way);
	link_run(way->link);
}

/** Subscribes for a chain, and starts or continues reading. */
static int begin_chain(struct link_way *way)
{
	way->is_chain = true;
	stream_on(way->from, way_events, &way->source);
	return stream_start(way->from);
}

/* ---- as a pump ---- */

static void on_tell(struct pump *pump, enum pump_outcome outcome)
{
	struct link_way *way = container_of(pump, struct link_way, pump);

	switch (outcome) {
	case PUMP_ENDED:
		note(way, RECORDED_FIN, 0);
		return;
	case PUMP_DONE:
		note(way, RECORDED_FIN, 0);
		way->has_ended = true;
		way->is_done = true;
		stream_shutdown(way->to);
		link_run(way->link);
		return;
	case PUMP_GONE:
		gone(way);
		return;
	default:
		return;
	}
}

static void on_moved(struct pump *pump, size_t len, bool spliced)
{
	(void)spliced;
	note(container_of(pump, struct link_way, pump), RECORDED_BYTES, len);
}

static const struct pump_calls pump_calls = {.tell = on_tell, .moved = on_moved};

/* ---- both ---- */

int way_start(struct link_way *way, enum direction direction)
{
	struct link *link = way->link;
	struct home *home = link->home;
	uint64_t now_ns = clock_ns();
	int r;

	way->from = direction == UPSTREAM ? link->client : link->server;
	way->to = direction == UPSTREAM ? link->server : link->client;
	way->source.call = on_source;
	way->sink.call = on_sink;
	way->wake_ns = NS_NEVER;
	chain_init(&way->chain, &chain_calls, chance_of(link->key, direction));
	list_for_each (toxic, &home->toxics[direction]) {
		struct toxic *one = container_of(toxic, struct toxic, link);

		if (one->type->move != NULL && chain_add(&way->chain, one, now_ns) < 0) {
			return -ENOMEM;
		}
	}
	r = list_empty(&way->chain.stages) ? pump_open(&way->pump, way->from, way->to, &pump_calls)
					   : begin_chain(way);
	if (r == 0 && stream_has_hung_up(way->to)) {
		orphan(way); /* its HANGUP may have come before */
	}
	return r;
}

void way_stop(struct link_way *way)
{
	if (way->from == NULL) {
		return;
	}
	stream_off(way->from, &way->source);
	stream_off(way->to, &way->sink);
	pump_close(&way->pump);
	way->pump = (struct pump){0};
	chain_fini(&way->chain);
	way->is_done = true;
}

/** Whether nothing is left for a chain to do. */
static bool can_relax(const struct link_way *way)
{
	return way->is_chain && !way->is_done && !way->has_ended && !way->chain.is_over &&
	       chain_is_idle(&way->chain) && stream_fd(way->from) >= 0 &&
	       !stream_has_hung_up(way->from);
}

void way_relax(struct link_way *way)
{
	if (!can_relax(way)) {
		return;
	}
	stream_off(way->from, &way->source);
	stream_off(way->to, &way->sink);
	(void)stream_resume(way->from, STREAM_BACKPRESSURE);
	set_pace(way);
	way->wake_ns = NS_NEVER;
	way->is_chain = false;
	if (pump_open(&way->pump, way->from, way->to, &pump_calls) < 0) {
		way->chain.failed = true; /* link_run() ends it */
	}
}

/** Replaces the pump by a chain. What the pump has written is sent first; an end that the pump has
 * held back for that passes through the chain. */
static int become_chain(struct link_way *way)
{
	bool has_ended = pump_has_ended(&way->pump);
	int r;

	pump_close(&way->pump);
	way->pump = (struct pump){0};
	r = begin_chain(way);
	if (has_ended) {
		way->has_ended = true;
		chain_end(&way->chain, CHUNK_END, clock_ns());
	}
	return r;
}

void link_add_toxic(struct link *link, struct toxic *toxic)
{
	struct link_way *way = &link->ways[toxic->direction];

	if (link->state != LINK_RELAYING || way->is_done) {
		return;
	}
	if ((!way->is_chain && become_chain(way) < 0) ||
		chain_add(&way->chain, toxic, clock_ns()) < 0) {
		say(SAY_ERROR, "connection %lu is closed: no memory", link->id);
		link_abort(link);
		return;
	}
	link_run(link);
}

void link_update_toxic(struct link *link, const struct toxic *toxic)
{
	if (link->state == LINK_RELAYING) {
		chain_update(&link->ways[toxic->direction].chain, toxic, clock_ns());
		link_run(link);
	}
}

void link_remove_toxic(struct link *link, const struct toxic *toxic)
{
	struct link_way *way = &link->ways[toxic->direction];

	if (link->state == LINK_RELAYING) {
		chain_remove(&way->chain, toxic, clock_ns());
		way->wake_ns = chain_run(&way->chain, clock_ns());
		way_relax(way);
		link_run(link);
	}
}

/* ---- running ---- */

/** A toxic of this direction closes the connection. What is in flight in the other direction is not
 * the toxic's to drop: that direction ends after it. */
static void close_after(struct link_way *way)
{
	struct link *link = way->link;
	struct link_way *other = opposite(way);

	if (other->is_done || !other->is_chain) {
		link_drop(link);
		return;
	}
	link->closes = true;
	stream_shutdown(way->to);
	other->has_ended = true;
	(void)stream_pause(other->from, STREAM_BACKPRESSURE);
	chain_end(&other->chain, CHUNK_CLOSE, clock_ns());
	link_run(link);
}

/** Acts on the end that has come out of a chain. False: the link must not be used any more. */
static bool judge(struct link_way *way)
{
	struct link *link = way->link;

	if (way->chain.failed) {
		say(SAY_ERROR, "connection %lu is closed: no memory", link->id);
		link_abort(link);
		return false;
	}
	if (way->is_done || !way->is_chain || !way->chain.is_over) {
		return true;
	}
	way->is_done = true;
	switch (way->chain.last) {
	case CHUNK_END:
		stream_shutdown(way->to);
		/* What still comes is dropped: its sender must not wait for room in the chain. */
		(void)stream_set_read_max(way->from, LOOP_BUFFER_BYTES);
		(void)stream_resume(way->from, STREAM_BACKPRESSURE);
		return true;
	case CHUNK_RESET:
		link_reset(link, way->to);
		return false;
	case CHUNK_CLOSE:
		close_after(way);
		return false;
	case CHUNK_CUT:
		link_drop(link);
		return false;
	default:
		link_abort(link);
		return false;
	}
}

void link_wake(struct link *link)
{
	if (link->state == LINK_RELAYING) {
		link_run(link);
	}
}

void link_run(struct link *link)
{
	uint64_t wake_ns = NS_NEVER;

	for (size_t i = 0; i < DIRECTIONS; i++) {
		struct link_way *way = &link->ways[i];

		if (way->is_chain && !way->is_done) {
			set_pace(way);
			way->wake_ns = chain_run(&way->chain, clock_ns());
			pace(way);
		}
	}
	for (size_t i = 0; i < DIRECTIONS; i++) {
		if (!judge(&link->ways[i])) {
			return;
		}
		if (can_relax(&link->ways[i])) {
			wake_ns = 0; /* soon, and not here, where its stream may be reading */
		} else if (!link->ways[i].is_done) {
			wake_ns = clock_earlier(wake_ns, link->ways[i].wake_ns);
		}
	}
	if (link->ways[UPSTREAM].is_done && link->ways[DOWNSTREAM].is_done) {
		(link->closes ? link_drop : link_flush)(link);
		return;
	}
	if (wake_ns < clock_after(clock_ns(), SOON_NS)) {
		(void)timer_arm(&link->timer, NS_NEVER);
		loop_next(link->home->lab->loop, &link->soon);
	} else {
		(void)timer_arm(&link->timer, wake_ns);
	}
}
