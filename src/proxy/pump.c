/* SPDX-License-Identifier: ISC */
#include "proxy/pump.h"

enum {
	BULK_READ_BYTES = 16 * 1024,
	BULK_READS = 4,
};

/**
 * Even if the kernel takes nothing at all, no more than the mark will wait in our memory. What goes
 * past us waits in the kernel's, and the stream sees to it where it has to copy after all.
 */
static void pump_bound(struct pump *pump)
{
	size_t mark = stream_high_water_mark(pump->to);
	size_t waiting = stream_bytes_waiting(pump->to);
	size_t room = waiting < mark ? mark - waiting : mark; /* at the mark it is paused */

	stream_set_read_max(pump->from, stream_is_splicing(pump->from) ? SIZE_MAX : room);
}

/** Looks how much room is left for `to` and reads no further than that. */
static void pump_throttle(struct pump *pump)
{
	if (!stream_can_write(pump->to)) {
		(void)stream_pause(pump->from, STREAM_BACKPRESSURE);
	} else {
		pump_bound(pump);
	}
	if (pump->sink.events == 0) {
		stream_once(pump->to, STREAM_DRAIN, &pump->sink);
		pump->changed(pump);
	}
}

/** Bulk earns the splice path, quiet loses it: several large or small reads in a row. */
static void pump_weigh(struct pump *pump, size_t len)
{
	bool large = len >= BULK_READ_BYTES;

	if (large == stream_is_splicing(pump->from)) {
		pump->n_unusual = 0;
	} else if (++pump->n_unusual == BULK_READS) {
		pump->n_unusual = 0;
		stream_splice_to(pump->from, large ? pump->to : NULL);
		pump_bound(pump);
	}
}

static void on_source(struct handler *handler, const struct event *event)
{
	struct pump *pump = container_of(handler, struct pump, source);

	if (event->type == STREAM_READ) {
		if (event->data != NULL) {
			/* A write that fails is told by the stream, to the pair. */
			(void)stream_write(pump->to, event->data, event->len, NULL);
		}
		pump_weigh(pump, event->len);
		if (stream_bytes_waiting(pump->to) > 0) {
			pump_throttle(pump);
		}
		return;
	}
	pump->ended = true;
	/* A DRAIN that is still on its way will say it; twice would be a FIN too many. */
	pump->done = pump->sink.events == 0;
	pump->changed(pump);
}

static void on_sink(struct handler *handler, const struct event *event)
{
	struct pump *pump = container_of(handler, struct pump, sink);

	(void)event;
	pump->sink.events = 0;
	pump_bound(pump);
	if (pump->ended) {
		pump->done = true;
	} else {
		(void)stream_resume(pump->from, STREAM_BACKPRESSURE); /* it may be closed already */
	}
	pump->changed(pump);
}

int pump_start(struct pump *pump, struct stream *from, struct stream *to,
	void (*changed)(struct pump *pump))
{
	*pump = (struct pump){
		.from = from,
		.to = to,
		.source.call = on_source,
		.sink.call = on_sink,
		.changed = changed,
	};
	pump_bound(pump);
	stream_on(from, STREAM_READ | STREAM_END, &pump->source);
	return stream_start(from);
}

void pump_stop(struct pump *pump)
{
	if (pump->from == NULL) {
		return;
	}
	stream_off(pump->from, &pump->source);
	stream_off(pump->to, &pump->sink);
	stream_splice_to(pump->from, NULL);
	stream_stop(pump->from);
	(void)stream_resume(pump->from, STREAM_BACKPRESSURE);
	pump->from = NULL;
}
