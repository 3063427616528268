/* SPDX-License-Identifier: ISC */
/*
 * The live pairs: an order that lets each worker write down those of its own that fit a filter, or
 * end them. Sessions that have no server yet are among them.
 *
 *	pairs_order_open() ──▶ set it ──▶ crew_ask_all() ──▶ done(): rows ──▶ again, or close
 *
 * Each worker goes through its sessions in slices (base/slice.h), in the order of their ids, and
 * writes down at most its share of `max`: so a page costs bounded memory, however many pairs and
 * workers there are, and the next page goes on behind the last id of this one. What a row says was
 * so when it was written.
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
	PAIRS_PIECE = 16, /**< sessions looked at before a slice may end */
	PAIRS_TIMERS_MAX = 16,
	PAIRS_PAGE_MAX = 256, /**< rows in one order */
	PAIRS_SHARE_MIN = 8,  /**< but at least so many of each worker, where there are several */
};

/** Which pairs an order is about; zeroed: all. Borrowed until the order is answered. */
struct pairs_filter {
	uint64_t id;          /**< 0: any */
	const char *listener; /**< by name; NULL: any, as in the next ones */
	const char *upstream;
	const char *server; /**< by its name or its address, as the config has it */
	const char *state;  /**< by its word */
	bool by_client;
	bool is_unix; /**< by_client: clients of UNIX sockets; else those in this prefix: */
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

/** One pair. All text lies behind it. */
struct pair_row {
	uint64_t id;
	const char *state; /**< constant */
	const char *listener;
	const char *client;
	const char *upstream;    /**< "": none was chosen */
	const char *server;      /**< "": it is not connected */
	const char *server_name; /**< "": it has none but its address */
	uint64_t age_ns;
	uint64_t joined_ns; /**< how long it has relayed; 0: it does not yet */
	uint64_t bytes[PAIR_WAYS];
	uint64_t quiet_ns[PAIR_WAYS]; /**< since the last byte; NS_NEVER: none moved */
	uint64_t waiting[PAIR_WAYS];  /**< bytes that weir holds */
	bool is_held[PAIR_WAYS]; /**< the sender is not read, since the receiver takes nothing */
	bool is_spliced[PAIR_WAYS];
	struct pair_tcp client_tcp; /**< with `asks_tcp` */
	struct pair_tcp server_tcp;
	struct pair_timer timers[PAIRS_TIMERS_MAX]; /**< those that run */
	size_t n_timers;
	char text[];
};

/** Of one worker. */
struct pairs_part;

struct pairs_order {
	struct order order;
	struct pairs_filter filter;
	uint64_t after; /**< only greater ids */
	size_t max;     /**< rows, up to PAIRS_PAGE_MAX */
	bool asks_tcp;  /**< TCP_INFO of both sides, for two system calls a row */
	bool ends;      /**< end them, and write nothing down */
	/** With `ends`: how many may be ended still, of all workers. */
	_Atomic uint64_t n_left;
	_Atomic uint64_t n_told;  /**< with `ends`: how many were told to end */
	struct pairs_part *parts; /* one for each worker */
	/* Of pairs_order_collect(): the rows of all, by id. */
	const struct pair_row **rows;
	size_t n_rows;
	bool more; /**< there may be others behind */
};

/** 0 or -ENOMEM. done() is the main thread's, as of any order. */
int pairs_order_open(struct pairs_order *order, struct crew *crew,
	void (*done)(struct order *order, int status));

/** Frees it with its rows; nobody may have it under way. Idempotent, also on zeroes. */
void pairs_order_close(struct pairs_order *order);

/** When it is answered: makes `rows`, at most `max`, and fewer than there are where a worker had
 * more than its share, until it is given again. 0 or -ENOMEM. */
int pairs_order_collect(struct pairs_order *order);

/** Before it is given again: frees the rows. */
void pairs_order_forget(struct pairs_order *order);

/** Whether there is a state of that word. */
bool pairs_has_state(const char *word);

#endif
