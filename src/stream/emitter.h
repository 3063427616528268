/* SPDX-License-Identifier: ISC */
/*
 * Events and their handlers.
 *
 * A handler is embedded in its subscriber, which its callback finds by container_of(); subscribing
 * allocates nothing. One handler may take several events (a mask). Several handlers may take the
 * same event; they are called in the order of subscription.
 *
 * While an event is being emitted, handlers may subscribe, unsubscribe, close and free anything,
 * themselves included, and take the fd of a stream (stream_steal_handle()). A handler that was
 * unsubscribed is not called any more. A handler that was subscribed during the emission is called
 * from the next event on.
 */
#ifndef WEIR_STREAM_EMITTER_H
#define WEIR_STREAM_EMITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct emission;
struct stream;

/** The argument of a handler; borrowed for the call. */
struct event {
	unsigned type;         /**< one bit: enum stream_event */
	int error;             /**< ERROR, HANGUP, CLOSE: 0 or a negative errno */
	struct stream *stream; /**< the stream that emits */
	const void *data;      /**< READ, WRITE: the bytes; NULL if they were spliced */
	size_t len;            /**< READ, WRITE: how many */
	bool is_last;          /**< READ: the end of input most likely follows at once */
};

struct handler {
	struct list link; /**< emitter::handlers; zeroed or initialised when not subscribed */
	void (*call)(struct handler *handler, const struct event *event);
	uint32_t events; /**< mask of the events it takes */
	bool once;       /**< unsubscribe before the call */
};

struct emitter {
	struct list handlers;      /* struct handler::link */
	struct emission *emission; /**< the emissions in progress, innermost first */
};

void emitter_init(struct emitter *emitter);

/** Whether the handler is subscribed somewhere. False for NULL and for a zeroed one. */
bool handler_is_on(const struct handler *handler);

/**
 * Subscribes. The handler's memory stays the caller's, who may free it once the handler is not
 * subscribed any more; an emission in progress does not touch it after that. 0, -EINVAL (an
 * argument is missing) or -EALREADY (the handler is subscribed somewhere).
 */
int emitter_on(struct emitter *emitter, unsigned events, struct handler *handler);

/** Subscribes for one call: the handler is unsubscribed before it is called. */
int emitter_once(struct emitter *emitter, unsigned events, struct handler *handler);

/** Unsubscribes one handler. Does nothing if it is not subscribed, or NULL. */
void emitter_off(struct emitter *emitter, struct handler *handler);

/**
 * Takes `events` from the mask of every handler; a handler whose mask is then empty is
 * unsubscribed.
 */
void emitter_off_events(struct emitter *emitter, unsigned events);

/** How many handlers take any of `events`, and whether one does. */
size_t emitter_subscribers(const struct emitter *emitter, unsigned events);
bool emitter_has(const struct emitter *emitter, unsigned events);

/** Calls the handlers of event->type. The emitter's memory must outlive the call. */
void emitter_emit(struct emitter *emitter, const struct event *event);

#endif
