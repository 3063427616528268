/* SPDX-License-Identifier: ISC */
#include "crew/orders.h"

#include "crew/sockets.h"
#include "crew/worker.h"
#include "stream/pipe.h"

/** A larger slice would delay the pairs. */
enum { ACCEPTS_A_TURN = 32 };

int accept_order_run(struct order_part *part)
{
	struct accept_order *accept = container_of(part->order, struct accept_order, order);
	struct worker *worker = part->worker;
	unsigned n = 0;

	if (accept->reopens && part->at == 0) {
		atomic_store(&worker->accepts, true);
		proxy_reopen(&worker->proxy);
	}
	for (; part->at < accept->sockets->n && n < ACCEPTS_A_TURN; part->at++) {
		struct bound_socket *bound = accept->sockets->all[part->at];

		if (bound->worker == worker->opts.index &&
			atomic_load(&bound->state) == BOUND_PREPARED) {
			int r = proxy_listen(&worker->proxy, accept->generation, bound);

			if (r < 0) {
				return r;
			}
			n++;
		}
	}
	return part->at < accept->sockets->n ? ORDER_AGAIN : 0;
}

int switch_order_run(struct order_part *part)
{
	struct switch_order *order = container_of(part->order, struct switch_order, order);
	struct worker *worker = part->worker;

	worker->switching = part; /* set first, because the switch may be complete at once */
	pipe_pool_allow(worker->loop, order->n_pipes);
	proxy_switch(&worker->proxy, order->generation);
	return ORDER_LATER;
}

int shut_order_run(struct order_part *part)
{
	const struct shut_order *order = container_of(part->order, struct shut_order, order);

	if (!order->keeps) {
		proxy_shut(&part->worker->proxy);
		return 0;
	}
	if (part->at++ == 0) {
		proxy_shut_own(&part->worker->proxy);
	}
	return proxy_is_changing(&part->worker->proxy) ? ORDER_AGAIN : 0;
}

int drain_order_run(struct order_part *part)
{
	const struct drain_order *order = container_of(part->order, struct drain_order, order);

	proxy_drain(&part->worker->proxy, &order->plan);
	return 0;
}

int end_order_run(struct order_part *part)
{
	const struct end_order *order = container_of(part->order, struct end_order, order);

	proxy_end(&part->worker->proxy, order->now_ns);
	return 0;
}

int end_pairs_order_run(struct order_part *part)
{
	proxy_end_pairs(&part->worker->proxy);
	return 0;
}
