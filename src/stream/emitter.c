/* SPDX-License-Identifier: ISC */
/*
 * An emission walks the list of handlers from `next` to `last`, which was the last handler when it
 * began. Every removal corrects both; a handler that is subscribed meanwhile stands after `last`.
 * Nothing is copied. Emissions may be nested.
 */
#include "stream/emitter.h"

#include <errno.h>

/** One emission in progress, on the stack of emitter_emit(). */
struct emission {
	struct list *next; /**< the next handler to look at */
	/** The last handler to look at; the emission is over when `next` is the one after it. */
	struct list *last;
	struct emission *outer;
};

void emitter_init(struct emitter *emitter)
{
	list_init(&emitter->handlers);
	emitter->emission = NULL;
}

bool handler_is_on(const struct handler *handler)
{
	return handler != NULL && handler->link.next != NULL && !list_empty(&handler->link);
}

int emitter_on(struct emitter *emitter, unsigned events, struct handler *handler)
{
	if (emitter == NULL || events == 0 || handler == NULL || handler->call == NULL) {
		return -EINVAL;
	}
	if (handler_is_on(handler)) {
		return -EALREADY;
	}
	handler->events = events;
	handler->once = false;
	list_append(&emitter->handlers, &handler->link);
	return 0;
}

int emitter_once(struct emitter *emitter, unsigned events, struct handler *handler)
{
	int r = emitter_on(emitter, events, handler);

	if (r == 0) {
		handler->once = true;
	}
	return r;
}

void emitter_off(struct emitter *emitter, struct handler *handler)
{
	if (emitter == NULL || !handler_is_on(handler)) {
		return;
	}
	for (struct emission *e = emitter->emission; e != NULL; e = e->outer) {
		if (e->next == &handler->link) {
			e->next = handler->link.next;
		}
		if (e->last == &handler->link) {
			e->last = handler->link.prev;
		}
	}
	list_remove(&handler->link);
}

void emitter_off_events(struct emitter *emitter, unsigned events)
{
	list_for_each (link, &emitter->handlers) {
		struct handler *handler = container_of(link, struct handler, link);

		handler->events &= ~events;
		if (handler->events == 0) {
			emitter_off(emitter, handler);
		}
	}
}

size_t emitter_subscribers(const struct emitter *emitter, unsigned events)
{
	size_t n = 0;

	list_for_each (link, &emitter->handlers) {
		n += (container_of(link, struct handler, link)->events & events) != 0;
	}
	return n;
}

bool emitter_has(const struct emitter *emitter, unsigned events)
{
	list_for_each (link, &emitter->handlers) {
		if ((container_of(link, struct handler, link)->events & events) != 0) {
			return true;
		}
	}
	return false;
}

void emitter_emit(struct emitter *emitter, const struct event *event)
{
	struct emission emission = {
		.next = emitter->handlers.next,
		.last = emitter->handlers.prev,
		.outer = emitter->emission,
	};

	emitter->emission = &emission;
	while (emission.next != &emitter->handlers && emission.next->prev != emission.last) {
		struct handler *handler = container_of(emission.next, struct handler, link);

		emission.next = emission.next->next;
		if ((handler->events & event->type) == 0) {
			continue;
		}
		if (handler->once) {
			emitter_off(emitter, handler);
		}
		handler->call(handler, event);
	}
	emitter->emission = emission.outer;
}
