/* SPDX-License-Identifier: ISC */
#include "crew/order.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#include "crew/crew.h"
#include "crew/worker.h"

/* ---- on a worker's thread ---- */

static void on_part(struct task *task)
{
	struct order_part *part = container_of(task, struct order_part, task);
	struct worker *worker = part->worker;
	int r;

	if (list_empty(&part->link)) {
		list_append(&worker->parts, &part->link);
	}
	r = part->order->run(part);
	if (r == ORDER_AGAIN) {
		loop_next(worker->loop, &part->task);
	} else if (r != ORDER_LATER) {
		order_answer(part, r);
	}
}

/** Reads all it needs before it answers: after the last answer to a posted order its owner may free
 * it. */
void order_answer(struct order_part *part, int status)
{
	struct order *order = part->order;
	struct crew *crew = order->crew;
	enum order_way way = order->way;
	int none = 0;

	assert(atomic_load(&part->open) && status <= 0);
	list_remove(&part->link);
	(void)atomic_compare_exchange_strong(&order->failed, &none, status);
	atomic_store(&part->open, false);
	if (atomic_fetch_sub(&order->n_open, 1) > 1 || way == ORDER_POSTED) {
		return;
	}
	if (way == ORDER_ASKED) {
		loop_post(crew->opts.loop, &order->answered);
	} else {
		(void)sem_post(&crew->answered);
	}
}

/* ---- on the main thread ---- */

static void on_answered(struct task *task)
{
	struct order *order = container_of(task, struct order, answered);

	order->asked = false;
	order->done(order, atomic_load(&order->failed));
}

bool order_is_under_way(const struct order *order)
{
	return order->asked || atomic_load(&order->n_open) > 0;
}

bool order_is_open(const struct order *order, size_t worker)
{
	return atomic_load(&order->parts[worker].open);
}

static void order_begin(struct order *order, enum order_way way)
{
	assert(loop_is_current(order->crew->opts.loop) && !order_is_under_way(order));
	assert(way != ORDER_ASKED || order->done != NULL);
	order->way = way;
	order->asked = way == ORDER_ASKED;
	atomic_store(&order->failed, 0);
}

void order_give(struct order *order, enum order_way way)
{
	struct crew *crew = order->crew;

	order_begin(order, way);
	atomic_store(&order->n_open, crew->opts.n_workers);
	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		struct order_part *part = &order->parts[i];

		part->at = 0;
		atomic_store(&part->open, true);
		loop_post(part->worker->loop, &part->task);
	}
}

void order_give_up(struct order *order, int status)
{
	order_begin(order, ORDER_ASKED);
	atomic_store(&order->failed, status);
	loop_post(order->crew->opts.loop, &order->answered);
}

int order_open(struct order *order, struct crew *crew, int (*run)(struct order_part *part),
	void (*done)(struct order *order, int status))
{
	size_t n_workers = crew->opts.n_workers;

	*order = (struct order){.run = run, .done = done};
	order->parts = calloc(n_workers, sizeof(*order->parts));
	if (order->parts == NULL) {
		return -ENOMEM;
	}
	order->crew = crew;
	task_init(&order->answered, on_answered);
	for (size_t i = 0; i < n_workers; i++) {
		struct order_part *part = &order->parts[i];

		task_init(&part->task, on_part);
		list_init(&part->link);
		part->order = order;
		part->worker = &crew->workers[i];
	}
	return 0;
}

void order_close(struct order *order)
{
	if (order->crew == NULL) {
		return;
	}
	assert(atomic_load(&order->n_open) == 0);
	if (order->asked) {
		(void)loop_post_cancel(order->crew->opts.loop, &order->answered);
	}
	free(order->parts);
	*order = (struct order){0};
}
