/* SPDX-License-Identifier: ISC */
#include "upstream/queue.h"

#include <assert.h>

#include "upstream/server.h"
#include "upstream/set.h"

void queue_init(struct group_queue *queue)
{
	*queue = (struct group_queue){0};
	(void)pthread_mutex_init(&queue->lock, NULL); /* glibc's does not fail */
	list_init(&queue->waiters);
}

void queue_fini(struct group_queue *queue)
{
	assert(list_empty(&queue->waiters));
	(void)pthread_mutex_destroy(&queue->lock);
}

static void on_told(struct task *task)
{
	struct group_waiter *waiter = container_of(task, struct group_waiter, task);

	waiter->told(waiter, waiter->said, waiter->member);
}

void group_waiter_init(struct group_waiter *waiter, struct loop *loop,
	void (*told)(struct group_waiter *waiter, enum group_answer said, struct member *member))
{
	*waiter = (struct group_waiter){.loop = loop, .told = told};
	list_init(&waiter->link);
	task_init(&waiter->task, on_told);
}

/* ---- under the lock ---- */

static struct group_waiter *waiter_of(struct list *link)
{
	return container_of(link, struct group_waiter, link);
}

static void remove_waiter(struct group_queue *queue, struct group_waiter *waiter)
{
	list_remove(&waiter->link);
	(void)atomic_fetch_sub(&queue->n_waiting, 1);
}

/** The waiter waits no longer. Posting is under the lock: see queue_leave(). */
static void tell(struct group_queue *queue, struct group_waiter *waiter, enum group_answer said,
	struct member *member)
{
	remove_waiter(queue, waiter);
	waiter->said = said;
	waiter->member = member;
	if (!waiter->is_entering) {
		loop_post(waiter->loop, &waiter->task);
	}
}

/** The waiter that gets a place of the server that `by` has found. */
static struct group_waiter *first_for(
	struct group_queue *queue, const struct server *server, struct group_waiter *by)
{
	list_for_each (link, &queue->waiters) {
		if (!group_tried_has(waiter_of(link)->ask.tried, server)) {
			return waiter_of(link);
		}
	}
	return by;
}

/**
 * Looks for a server on behalf of a waiter, until that waiter has an answer. GROUP_FULL: it has to
 * wait on. A place that the look finds may have been given back after the look for an earlier
 * waiter. If that waiter can use it, it gets the place, and the look is repeated.
 */
static enum group_answer look(struct group_queue *queue, struct group_waiter *waiter)
{
	struct group_waiter *whom;
	enum group_answer said;

	do {
		struct member *member = NULL;

		said = group_set_answer(queue->set, &waiter->ask, &member);
		if (said == GROUP_FULL) {
			return said;
		}
		whom = waiter;
		if (said == GROUP_SERVER && !waiter->ask.is_own) {
			whom = first_for(queue, member->server, waiter);
		}
		tell(queue, whom, said, member);
	} while (whom != waiter);
	return said;
}

/**
 * Looks on behalf of all waiters. If all servers are full for a waiter that has tried none, they
 * are full for the others, too. But if the set is new, a waiter that has tried servers may have
 * none left.
 */
static void look_all(struct group_queue *queue, bool is_changed)
{
	bool full = false;

	list_for_each (link, &queue->waiters) {
		struct group_waiter *waiter = waiter_of(link);
		bool is_fresh = waiter->ask.tried->n == 0;

		if (full && !is_changed) {
			return;
		}
		if (!full || !is_fresh) {
			full |= look(queue, waiter) == GROUP_FULL && is_fresh;
		}
	}
}

/* ---- events ---- */

void queue_change(struct group_queue *queue, const struct group_set *set, uint32_t max)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->set = set;
	queue->max = max;
	look_all(queue, true);
	(void)pthread_mutex_unlock(&queue->lock);
}

void queue_serve(struct group_queue *queue)
{
	if (queue_is_empty(queue)) {
		return;
	}
	(void)pthread_mutex_lock(&queue->lock);
	look_all(queue, false);
	(void)pthread_mutex_unlock(&queue->lock);
}

enum group_answer queue_enter(
	struct group_queue *queue, struct group_waiter *waiter, struct member **ret_member)
{
	enum group_answer said = GROUP_FULL;

	assert(loop_is_current(waiter->loop) && !task_is_waiting(&waiter->task));
	(void)pthread_mutex_lock(&queue->lock);
	(void)atomic_fetch_add(&queue->n_waiting, 1); /* before the last look */
	list_append(&queue->waiters, &waiter->link);
	waiter->is_entering = true;
	look_all(queue, false);
	if (list_empty(&waiter->link) || look(queue, waiter) != GROUP_FULL) {
		said = waiter->said;
		if (said == GROUP_SERVER) {
			*ret_member = waiter->member;
		}
	} else if (atomic_load(&queue->n_waiting) > queue->max) {
		remove_waiter(queue, waiter);
		said = GROUP_QUEUE_FULL;
		(void)atomic_fetch_add(&queue->n_full, 1);
	} else {
		(void)atomic_fetch_add(&queue->n_waited, 1);
	}
	waiter->is_entering = false;
	(void)pthread_mutex_unlock(&queue->lock);
	return said;
}

void queue_leave(struct group_queue *queue, struct group_waiter *waiter)
{
	bool had_place;

	assert(loop_is_current(waiter->loop));
	(void)pthread_mutex_lock(&queue->lock);
	if (!list_empty(&waiter->link)) {
		remove_waiter(queue, waiter);
	}
	/* The thread that answers has posted by now, or never will. */
	had_place = loop_post_cancel(waiter->loop, &waiter->task) && waiter->said == GROUP_SERVER;
	(void)pthread_mutex_unlock(&queue->lock);
	if (had_place) {
		server_give(waiter->member->server);
		member_unref(waiter->member);
		queue_serve(queue);
	}
}
