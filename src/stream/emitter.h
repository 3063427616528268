/* SPDX-License-Identifier: ISC */
/*
 * Events and who listens to them.
 *
 * A handler is embedded in its subscriber and finds it by container_of(); subscribing allocates
 * nothing. One handler may take several events (a mask); several handlers may take the same event
 * and are called in the order of subscription.
 *
 * While an event is being emitted, handlers may subscribe, unsubscribe, close, steal and free
 * anything, themselves included. A handler that was unsubscribed is not called any more; one that
 * was subscribed meanwhile is called from the next event on.
 */
#ifndef WEIR_STREAM_EMITTER_H
#define WEIR_STREAM_EMITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct emission;
struct stream;

/** What a handler is called with; borrowed for the call. */
struct event {
	unsigned type;         /**< one bit: enum stream_event */
	int error;             /**< ERROR, HANGUP, CLOSE: 0 or a negative errno */
	struct stream *stream; /**< who emits */
	const void *data;      /**< READ, WRITE: the bytes; NULL if they went past us */
	size_t len;            /**< READ, WRITE: how many */
	bool is_last;          /**< READ: most likely the end of input is next */
};

struct handler {
	struct list link; /**< emitter::handlers; zeroed or initialised when not subscribed */
	void (*call)(struct handler *handler, const struct event *event);
	uint32_t events; /**< mask of the events it takes */
	bool once;       /**< unsubscribe before the call */
};

struct emitter {
	struct list handlers;      /* struct handler::link */
	struct emission *emission; /**< the emissions under way, innermost first */
};

void emitter_init(struct emitter *emitter);

/** Whether it is subscribed somewhere; false for NULL and for one that is zeroed. */
bool handler_is_on(const struct handler *handler);

/**
 * Subscribes. Its memory stays with the caller, who may free it when it is not subscribed any more;
 * no emission under way touches it then. 0, -EINVAL (something is missing) or -EALREADY (it is
 * subscribed somewhere).
 */
int emitter_on(struct emitter *emitter, unsigned events, struct handler *handler);

/** The same for one call: unsubscribed before the handler is called. */
int emitter_once(struct emitter *emitter, unsigned events, struct handler *handler);

/** Unsubscribes one handler; harmless when it is not subscribed, or NULL. */
void emitter_off(struct emitter *emitter, struct handler *handler);

/** Unsubscribes everyone from `events`; a handler left without events is off. */
void emitter_off_events(struct emitter *emitter, unsigned events);

/** How many handlers take any of `events`. */
size_t emitter_subscribers(const struct emitter *emitter, unsigned events);
bool emitter_has(const struct emitter *emitter, unsigned events);

/** Calls the handlers of event->type. The emitter's memory must outlive the call. */
void emitter_emit(struct emitter *emitter, const struct event *event);

#endif
