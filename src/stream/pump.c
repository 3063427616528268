/* SPDX-License-Identifier: ISC */
#include "stream/pump.h"

#include <stdint.h>

#include "base/clock.h"

enum {
	BULK_READ_BYTES = 16 * 1024,
	BULK_READS = 4,
};

/**
 * The events that mean that the peer is gone. ERROR must have a handler, since it is fatal without
 * one.
 */
enum { PEER_GONE = STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE };

/** Must be the last statement of its caller. */
static void pump_tell(struct pump *pump, enum pump_outcome outcome)
{
	pump->outcome = outcome;
	pump->calls->tell(pump, outcome);
}

/**
 * Bounds the next read: even if the kernel accepts nothing at all, at most the high-water mark will
 * wait in our memory. Spliced bytes wait in the kernel's memory, and the stream itself bounds the
 * read if it has to copy them after all. The owner's bound applies in both cases.
 */
static void pump_bound(struct pump *pump)
{
	size_t mark = stream_high_water_mark(pump->to);
	size_t waiting = stream_bytes_waiting(pump->to);
	size_t room = waiting < mark ? mark - waiting : mark; /* at the mark `from` is paused */
	size_t max = pump->max == 0 ? SIZE_MAX : pump->max;

	(void)stream_set_read_max(
		pump->from, max < room || stream_is_splicing(pump->from) ? max : room);
}

void pump_set_max(struct pump *pump, size_t bytes)
{
	pump->max = bytes < PUMP_READ_MAX ? bytes & (PUMP_READ_MAX - 1) : 0;
	pump_bound(pump);
}

/** Pauses `from`, or bounds its next read by the room left for `to`. */
static void pump_limit(struct pump *pump)
{
	if (!stream_can_write(pump->to)) {
		(void)stream_pause(pump->from, STREAM_BACKPRESSURE);
		pump->held_up = true;
	} else {
		pump_bound(pump);
	}
}

static void pump_throttle(struct pump *pump)
{
	pump_limit(pump);
	if (pump->outcome == PUMP_FLOWS) {
		stream_once(pump->to, STREAM_DRAIN, &pump->sink);
		pump_tell(pump, PUMP_WAITS);
	}
}

/** Switches to splicing after several large reads in a row, and back after several small ones. */
static void pump_weigh(struct pump *pump, size_t len)
{
	bool large = len >= BULK_READ_BYTES;

	if (!large && len == pump->max) {
		return; /* the bound may have cut it */
	}
	if (large == stream_is_splicing(pump->from)) {
		pump->n_unusual = 0;
	} else if (++pump->n_unusual == BULK_READS) {
		pump->n_unusual = 0;
		stream_splice_to(pump->from, large ? pump->to : NULL);
		pump_bound(pump);
	}
}

static void pump_read(struct pump *pump, const struct event *event)
{
	pump->held_up = false;
	if (event->data != NULL) {
		/* If the write fails, the stream reports that to its subscribers. */
		if (event->is_last) {
			(void)stream_write_last(pump->to, event->data, event->len);
		} else {
			(void)stream_write(pump->to, event->data, event->len, NULL);
		}
	}
	pump_weigh(pump, event->len);
	pump->calls->moved(pump, event->len, event->data == NULL);
	if (stream_bytes_waiting(pump->to) > 0) {
		pump_throttle(pump);
	}
}

static void on_source(struct handler *handler, const struct event *event)
{
	struct pump *pump = container_of(handler, struct pump, source);

	switch (event->type) {
	case STREAM_READ:
		pump_read(pump, event);
		return;
	case STREAM_END:
		/* If a DRAIN is still to come, it will report DONE; to do it twice would send one
		 * FIN too many. */
		pump_tell(pump, pump->outcome == PUMP_WAITS ? PUMP_ENDED : PUMP_DONE);
		return;
	case STREAM_ERROR:
		return; /* CLOSE follows and reports the same */
	default:
		pump->calls->tell(pump, PUMP_GONE);
	}
}

/** The handler until the first byte of `from`, or its END. */
static void on_first(struct handler *handler, const struct event *event)
{
	struct pump *pump = container_of(handler, struct pump, source);

	if (event->type == STREAM_READ || event->type == STREAM_END) {
		pump->source.call = on_source;
		pump->calls->tell(pump, PUMP_BEGAN);
	}
	on_source(handler, event);
}

static void on_sink(struct handler *handler, const struct event *event)
{
	struct pump *pump = container_of(handler, struct pump, sink);

	(void)event;
	if (pump->outcome == PUMP_ENDED) {
		pump_tell(pump, PUMP_DONE);
		return;
	}
	pump_bound(pump);
	(void)stream_resume(pump->from, STREAM_BACKPRESSURE); /* it may be closed already */
	pump_tell(pump, PUMP_FLOWS);
}

int pump_open(
	struct pump *pump, struct stream *from, struct stream *to, const struct pump_calls *calls)
{
	int r = stream_start(from);

	if (r < 0) {
		*pump = (struct pump){0};
		return r;
	}
	*pump = (struct pump){
		.from = from,
		.to = to,
		.source.call = on_first,
		.sink.call = on_sink,
		.calls = calls,
		.n_before = (uint32_t)(stream_bytes_written(to) + stream_bytes_waiting(to)),
		.outcome = stream_bytes_waiting(to) > 0 ? PUMP_WAITS : PUMP_FLOWS,
	};
	if (pump->outcome == PUMP_WAITS) {
		stream_once(to, STREAM_DRAIN, &pump->sink);
	}
	pump_limit(pump);
	stream_on(from, STREAM_READ | STREAM_END | PEER_GONE, &pump->source);
	return 0;
}

void pump_give(struct pump *pump, const void *bytes, size_t len)
{
	pump->source.call = on_source;
	pump->is_given = true;
	/* If the write fails, the stream reports that to its subscribers. */
	(void)stream_write(pump->to, bytes, len, NULL);
	pump->calls->moved(pump, len, false);
	if (stream_bytes_waiting(pump->to) == 0) {
		return;
	}
	pump_limit(pump);
	if (pump->outcome == PUMP_FLOWS) {
		stream_once(pump->to, STREAM_DRAIN, &pump->sink);
		pump->outcome = PUMP_WAITS;
	}
}

/** Stops passing bytes and the end on to `to`. */
static void pump_part(struct pump *pump)
{
	stream_off(pump->from, &pump->source);
	stream_off(pump->to, &pump->sink);
	stream_splice_to(pump->from, NULL);
	stream_stop(pump->from);
	(void)stream_resume(pump->from, STREAM_BACKPRESSURE); /* that reason was ours */
}

void pump_stop(struct pump *pump)
{
	pump_part(pump);
	stream_on(pump->from, PEER_GONE, &pump->source);
}

void pump_close(struct pump *pump)
{
	if (pump->from != NULL) {
		pump_part(pump);
	}
}

bool pump_has_begun(const struct pump *pump)
{
	return pump->source.call == on_source;
}

uint64_t pump_silent_ns(const struct pump *pump)
{
	uint64_t read_ns = stream_read_ns(pump->from);

	if (pump_has_ended(pump) || stream_pauses(pump->from) != 0) {
		return NS_NEVER;
	}
	/* Reading went on when the last waiting byte was written. */
	return pump->held_up ? clock_later(read_ns, stream_written_ns(pump->to)) : read_ns;
}

uint64_t pump_bytes(const struct pump *pump)
{
	uint64_t n_written = stream_bytes_written(pump->to);

	return n_written > pump->n_before ? n_written - pump->n_before : 0;
}

uint64_t pump_moved_ns(const struct pump *pump)
{
	uint64_t read_ns = stream_read_ns(pump->from);

	/* Before the first read of `from`, all bytes that `to` has written came from somebody
	 * else. */
	return read_ns == 0 && !pump->is_given ? 0
					       : clock_later(read_ns, stream_written_ns(pump->to));
}
