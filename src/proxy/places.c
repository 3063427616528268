/* SPDX-License-Identifier: ISC */
#include "proxy/places.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- waiting ---- */

enum { RETRIES_A_TURN = 64 };

/**
 * Looks at the waiters, beginning with the one that has waited longest, and resumes those that may
 * find a place. For each of the others limit_await() has set `waited` of a limit that is full.
 */
static void retry(struct waiting *waiting)
{
	for (unsigned n = 0; !list_empty(&waiting->retrying); n++) {
		struct waiter *waiter;

		if (n == RETRIES_A_TURN) {
			loop_next(waiting->loop, &waiting->retry);
			return;
		}
		if (!limit_await(&waiting->places->pairs)) {
			list_move_all(&waiting->retrying, &waiting->waiters); /* `waiters` last */
			list_move_all(&waiting->waiters, &waiting->retrying);
			return;
		}
		waiter = container_of(waiting->retrying.next, struct waiter, link);
		list_remove(&waiter->link);
		if (limit_await(waiter->own)) {
			waiter->resume(waiter);
		} else {
			list_append(&waiting->waiters, &waiter->link);
		}
	}
}

static void on_retry(struct task *task)
{
	retry(container_of(task, struct waiting, retry));
}

void waiting_look(struct waiting *waiting)
{
	assert(loop_is_current(waiting->loop));
	list_move_all(&waiting->retrying, &waiting->waiters);
	retry(waiting);
}

static void on_wake(struct task *task)
{
	struct waiting *waiting = container_of(task, struct waiting, wake);

	atomic_store(&waiting->is_woken, false);
	waiting_look(waiting);
}

void waiting_add(struct waiting *waiting, struct waiter *waiter)
{
	assert(loop_is_current(waiting->loop));
	list_remove(&waiter->link);
	list_append(&waiting->waiters, &waiter->link);
}

struct waiting *waiting_open(struct places *places, size_t worker, struct loop *loop)
{
	struct waiting *waiting = &places->waiting[worker];

	assert(worker < places->n_workers);
	waiting->places = places;
	waiting->loop = loop;
	list_init(&waiting->waiters);
	list_init(&waiting->retrying);
	task_init(&waiting->wake, on_wake);
	task_init(&waiting->retry, on_retry);
	return waiting;
}

void waiting_close(struct waiting *waiting)
{
	assert(loop_is_current(waiting->loop));
	assert(list_empty(&waiting->waiters) && list_empty(&waiting->retrying));
	loop_cancel(waiting->loop, &waiting->retry);
	if (atomic_load(&waiting->is_woken)) {
		(void)loop_post_cancel(waiting->loop, &waiting->wake);
	}
}

/* ---- places ---- */

int places_init(struct places *places, size_t n_workers)
{
	places->n_workers = n_workers;
	places->waiting = calloc(n_workers, sizeof(struct waiting));
	return places->waiting == NULL ? -ENOMEM : 0;
}

void places_fini(struct places *places)
{
	free(places->waiting);
	places->waiting = NULL;
}

void places_wake(struct places *places)
{
	for (size_t i = 0; i < places->n_workers; i++) {
		struct waiting *waiting = &places->waiting[i];

		if (!atomic_exchange(&waiting->is_woken, true)) {
			loop_post(waiting->loop, &waiting->wake);
		}
	}
}

struct limit *places_admit(struct places *places, struct limit *own)
{
	if (!limit_take(own)) {
		return own;
	}
	if (limit_take(&places->pairs)) {
		return NULL;
	}
	/* Another worker may have been refused while this call held the listener's place in vain,
	 * and nothing else would wake it. If all pairs are still full, limit_await() has noted that
	 * it waits, so it is woken when there is room. */
	if (limit_give(own) && limit_await(&places->pairs)) {
		places_wake(places);
	}
	return &places->pairs;
}

void places_open(struct places *places)
{
	if (limit_open(&places->pairs)) {
		places_wake(places);
	}
}

void places_leave(struct places *places, struct limit *own)
{
	bool woken = limit_give(own);

	woken |= limit_give(&places->pairs);
	if (woken) {
		places_wake(places);
	}
}
