/* SPDX-License-Identifier: ISC */
#include "crew/order.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- on a worker's thread ---- */

/** Reads all it needs before it answers: after the last answer to a posted order its owner may free
 * it. */
void order_answer(struct order_part *part, int status)
{
	struct order *order = part->order;
	struct loop *loop = order->loop;
	sem_t *waiter = order->waiter;
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
		loop_post(loop, &order->answered);
	} else {
		(void)sem_post(waiter);
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

static void begin(struct order *order, enum order_way way)
{
	assert(loop_is_current(order->loop) && !order_is_under_way(order));
	assert(way != ORDER_ASKED || order->done != NULL);
	assert(way != ORDER_WAITED_FOR || order->waiter != NULL);
	order->way = way;
	order->asked = way == ORDER_ASKED;
	atomic_store(&order->failed, 0);
}

void order_begin(struct order *order, enum order_way way)
{
	begin(order, way);
	atomic_store(&order->n_open, order->n_parts);
	for (size_t i = 0; i < order->n_parts; i++) {
		order->parts[i].at = 0;
		atomic_store(&order->parts[i].open, true);
	}
}

void order_give_up(struct order *order, int status)
{
	begin(order, ORDER_ASKED);
	atomic_store(&order->failed, status);
	loop_post(order->loop, &order->answered);
}

int order_init(struct order *order, size_t n_parts)
{
	order->parts = calloc(n_parts, sizeof(*order->parts));
	if (order->parts == NULL) {
		return -ENOMEM;
	}
	order->n_parts = n_parts;
	task_init(&order->answered, on_answered);
	for (size_t i = 0; i < n_parts; i++) {
		order->parts[i].order = order;
		list_init(&order->parts[i].link);
	}
	return 0;
}

void order_close(struct order *order)
{
	if (order->parts == NULL) {
		return;
	}
	assert(atomic_load(&order->n_open) == 0);
	if (order->asked) {
		(void)loop_post_cancel(order->loop, &order->answered);
	}
	free(order->parts);
	*order = (struct order){0};
}
