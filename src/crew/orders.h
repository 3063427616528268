/* SPDX-License-Identifier: ISC */
/*
 * What workers are ordered to do: for each order a struct with what it is about, to be set before
 * it is given, and its run() for order_open(). All that is pointed to is borrowed until the order
 * is answered.
 */
#ifndef WEIR_CREW_ORDERS_H
#define WEIR_CREW_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crew/order.h"
#include "proxy/deadline.h"

struct generation;
struct sockets;

/**
 * Accept from the sockets that are the worker's and that no acceptor has taken yet, on the terms of
 * this generation. Answers with the first failure.
 */
struct accept_order {
	struct order order;
	struct sockets *sockets;
	struct generation *generation;
	bool reopens; /**< and undo a shut_order and a drain_order first (proxy_reopen()) */
};

int accept_order_run(struct order_part *part);

/** Switch to a generation (proxy_switch()). Cannot fail; one at a time. */
struct switch_order {
	struct order order;
	struct generation *generation;
	size_t n_pipes; /**< for splicing, from now on */
};

int switch_order_run(struct order_part *part);

/**
 * Let nobody new in (proxy_shut()), and report quiet when nothing is left; answers when it has
 * begun. With `keeps`, nobody but at systemd's sockets (proxy_shut_own()), and it answers when it
 * is so. From then on no worker looks at whose a socket is that it shuts, and sockets_forget() may
 * be called. An accept_order with `reopens` undoes both.
 */
struct shut_order {
	struct order order;
	bool keeps;
};

int shut_order_run(struct order_part *part);

/** Let a drain end what is open (proxy_drain()). Answers when it has begun. */
struct drain_order {
	struct order order;
	struct deadline_drain plan;
};

int drain_order_run(struct order_part *part);

/** End the pairs of servers that are down or gone, where on_down is "end" (proxy_end_pairs()).
 * Answers when it has begun. */
struct end_pairs_order {
	struct order order;
	bool again; /**< the giver's: once more, when this one is answered */
};

int end_pairs_order_run(struct order_part *part);

/** End everything, which was due at `now_ns`; once, drained or not. Answers when it has begun. */
struct end_order {
	struct order order;
	uint64_t now_ns;
};

int end_order_run(struct order_part *part);

#endif
