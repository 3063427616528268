/* SPDX-License-Identifier: ISC */
/*
 * An order about open pairs: each worker lists those of its own that match a filter, or ends them.
 * Sessions that have no server yet count as pairs here.
 *
 *	pairs_order_open() ──▶ set it ──▶ crew_ask_all() ──▶ done(): rows ──▶ again, or close
 *
 * Each worker goes through its sessions in slices (base/slice.h), sorted by id, and lists at most
 * its share of PAIRS_PAGE_MAX, and at most `max`. So the memory for a page does not grow with the
 * number of pairs, and the next page begins after the last id of this one. A row shows the pair at
 * the moment when the row was written.
 */
#ifndef WEIR_CREW_PAIRS_H
#define WEIR_CREW_PAIRS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prefix.h"
#include "crew/order.h"

enum {
	PAIRS_PIECE = 16, /**< sessions that a list looks at before a slice may end */
	PAIRS_TIMERS_MAX = 16,
	PAIRS_PAGE_MAX = 256, /**< rows that one order returns at most */
	PAIRS_SHARE_MIN = 8,  /**< the least share of a worker, however many there are */
};

/** Which pairs an order is about; zeroed: all. The texts are borrowed until the order is
 * answered. */
struct pairs_filter {
	uint64_t id;          /**< 0: any */
	const char *listener; /**< by name; NULL: any, as in the next ones */
	const char *upstream;
	const char *server; /**< its name or its address, as written in the config */
	const char *state;  /**< as the log and the control interface name it */
	bool by_client;
	bool is_unix; /**< with by_client: clients of UNIX sockets; else those in this prefix: */
	struct prefix client;
	uint64_t idle_over_ns;  /**< no byte either way for longer than that; 0: any */
	uint64_t older_than_ns; /**< accepted longer ago than that; 0: any */
};

enum pair_way { PAIR_UP, PAIR_DOWN, PAIR_WAYS };

/** What the kernel knows of one side. */
struct pair_tcp {
	bool is_known;
	uint32_t rtt_us;
	uint32_t n_retransmits;
};

struct pair_timer {
	const char *name; /**< constant */
	uint64_t left_ns;
};

/** One pair. All its texts are stored in `text`. */
struct pair_row {
	uint64_t id;
	const char *state; /**< constant */
	const char *listener;
	const char *client;
	const char *upstream;    /**< "": none was chosen */
	const char *server;      /**< "": it is not connected */
	const char *server_name; /**< "": not connected, or it has none but its address */
	uint64_t age_ns;
	uint64_t joined_ns; /**< for how long it has relayed; 0: it does not yet */
	uint64_t bytes[PAIR_WAYS];
	uint64_t quiet_ns[PAIR_WAYS]; /**< since the last byte; NS_NEVER: none moved */
	uint64_t waiting[PAIR_WAYS];  /**< bytes in weir's own buffers */
	/** Backpressure: the sender is not read while the receiver takes nothing. */
	bool is_held[PAIR_WAYS];
	bool is_spliced[PAIR_WAYS];
	struct pair_tcp client_tcp; /**< with `asks_tcp` */
	struct pair_tcp server_tcp;
	struct pair_timer timers[PAIRS_TIMERS_MAX]; /**< those that are running */
	size_t n_timers;
	char text[];
};

/** What one worker contributes. */
struct pairs_part;

struct pairs_order {
	struct order order;
	struct pairs_filter filter;
	uint64_t after; /**< only greater ids */
	size_t max;     /**< rows, up to PAIRS_PAGE_MAX */
	bool asks_tcp;  /**< TCP_INFO of both sides, for two system calls a row */
	bool ends;      /**< end the pairs, and list none */
	/** With `ends`: how many more the workers together may end. */
	_Atomic uint64_t n_left;
	_Atomic uint64_t n_told;  /**< with `ends`: how many were ended */
	struct pairs_part *parts; /* one for each worker */
	/* Set by pairs_order_collect(): the rows of all workers, by id. */
	const struct pair_row **rows;
	size_t n_rows;
	bool more; /**< there may be more pairs after the last row */
};

/** Sets it up. 0 or -ENOMEM. done() is called on the main thread, as for any order. */
int pairs_order_open(struct pairs_order *order, struct crew *crew,
	void (*done)(struct order *order, int status));

/** Frees it with its rows; it must not be under way. Idempotent, also on zeroed memory. */
void pairs_order_close(struct pairs_order *order);

/** Call it when the order is answered. Makes `rows`, at most `max`. There are fewer, although more
 * pairs match, if a worker had more matches than its share. The rows are valid until the order is
 * given again. 0 or -ENOMEM. */
int pairs_order_collect(struct pairs_order *order);

/** Frees the rows; call it before the order is given again. */
void pairs_order_forget(struct pairs_order *order);

/** The words of all states; the last one is followed by NULL. */
extern const char *const pairs_states[];

#endif
