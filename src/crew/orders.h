/* SPDX-License-Identifier: ISC */
/*
 * The orders for workers, except those of pairs.h and watchdog.h. Each has a struct, whose fields
 * are set before the order is given, and its run() for crew_open_order(). What the fields point to
 * is borrowed until the order is answered.
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
 * Accept from those of the worker's sockets that no acceptor has taken yet, with the terms of this
 * generation. Answers with the first failure.
 */
struct accept_order {
	struct order order;
	struct sockets *sockets;
	struct generation *generation;
	bool reopens; /**< undo a shut_order and a drain_order first (proxy_reopen()) */
};

int accept_order_run(struct order_part *part);

/** Switch to a generation (proxy_switch()). Cannot fail. Only one may be under way. */
struct switch_order {
	struct order order;
	struct generation *generation;
	size_t n_pipes; /**< pipes for splicing that each worker may have from now on */
};

int switch_order_run(struct order_part *part);

/**
 * Stop accepting clients (proxy_shut()). Answers when that has begun; the worker reports "quiet"
 * when no listener and no session is left. With `keeps`, systemd's sockets go on accepting
 * (proxy_shut_own()), and the order is answered when all other listeners are shut. From then on no
 * worker reads which listener a shut socket belongs to, so sockets_forget() may be called. An
 * accept_order with `reopens` undoes both forms.
 */
struct shut_order {
	struct order order;
	bool keeps;
};

int shut_order_run(struct order_part *part);

/** Let a drain end the open sessions (proxy_drain()). Answers when that has begun. */
struct drain_order {
	struct order order;
	struct deadline_drain plan;
};

int drain_order_run(struct order_part *part);

/** End the pairs of servers that are down or removed, if on_down is "end" (proxy_end_pairs()).
 * Answers when that has begun. */
struct end_pairs_order {
	struct order order;
	bool again; /**< for the asker: give the order once more when it is answered */
};

int end_pairs_order_run(struct order_part *part);

/** Close the listeners at once and end all sessions (proxy_end()); how late they end is counted
 * from `now_ns`. May be given once, before or after a drain, and after it no accept_order. Answers
 * when that has begun. */
struct end_order {
	struct order order;
	uint64_t now_ns;
};

int end_order_run(struct order_part *part);

#endif
