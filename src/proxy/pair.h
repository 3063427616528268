/* SPDX-License-Identifier: ISC */
/*
 * A client and an upstream stream, the two pumps between them, their one clock, and their one end.
 *
 *	pair_open(client) ──▶ CONNECTING ── pair_join(upstream) ──▶ RELAYING ──▶ ENDED
 *	                                                              │            ▲
 *	                                            a side failed ──▶ RESETTING ───┘
 *
 * RESETTING: what the failed side sent is still delivered, then the other side's send queue in the
 * kernel empties (SIOCOUTQ, looked at with a growing interval, because no event tells), then the
 * other side is reset: a linger of zero throws away what is unsent, hence the order. The wait ends
 * when the other side takes nothing for PAIR_RESET_STALL_S or write_stall, and with lifetime and
 * drain.
 *
 * The pair owns both streams, sets their own timeouts to 0, and advances one clock: the last byte
 * moved on either. When a timer strikes it looks at the kernel once more before it judges; then
 * both streams emit TIMEOUT and are closed.
 *
 * What a kernel holds for a peer moves without an event. So a timer that comes due looks at it: the
 * first look that finds bytes begins the count anew, more follow every eighth of the timer, and
 * each that finds fewer bytes than the one before is movement (pair_look.c).
 */
#ifndef WEIR_PROXY_PAIR_H
#define WEIR_PROXY_PAIR_H

#include "proxy/deadline.h"
#include "proxy/end.h"
#include "proxy/pump.h"
#include "stream/timer.h"

enum pair_state {
	PAIR_CONNECTING,
	PAIR_RELAYING,
	PAIR_RESETTING,
	PAIR_ENDED,
};

enum { PAIR_RESET_STALL_S = 30 };

/** What holds for a pair. Its owner may change the timeouts: pair_wind_anew(). */
struct pair_rules {
	struct conf_timeouts timeouts;
	uint64_t since_ns; /**< in force since then, see struct deadline_facts */
	bool idle_resets;  /**< idle ends with RST to both, in place of FIN */
};

struct pair;

/** What a pair tells its owner. */
struct pair_calls {
	/** Once, when the first FIN was passed on. Must not touch the pair. */
	void (*half_closed)(struct pair *pair);
	/** Once, when both streams are closed and `end` is set. The owner then calls pair_close().
	 */
	void (*ended)(struct pair *pair);
};

struct pair {
	const struct pair_rules *rules; /**< borrowed */
	struct stream *client;
	struct stream *upstream; /**< NULL while connecting */
	struct pump up;          /**< client to upstream */
	struct pump down;        /**< upstream to client */
	struct handler client_gone;
	struct handler upstream_gone;
	struct timer timer;
	uint64_t accepted_ns;
	uint64_t joined_ns;                 /**< NS_NEVER while connecting */
	uint64_t fin_ns;                    /**< when the first FIN was passed on; NS_NEVER: none */
	const struct deadline_drain *drain; /**< borrowed; NULL: not draining */
	uint64_t looked_ns; /**< the last look at what the kernels hold; 0: none yet */
	/** By side: until when its peer took of it, as far as looks have told; 0: they have not. */
	uint64_t progress_ns[2];
	struct end end;
	const struct pair_calls *calls; /**< borrowed */
	enum pair_state state : 8;
	enum end_by first_fin : 8; /**< whose FIN came first */
	enum end_by failed : 8;    /**< RESETTING: who */
	uint8_t look_ms;           /**< RESETTING: the interval of looks */
	uint32_t held[2];          /**< by side: how much it was at the last look */
};

struct pair_opts {
	struct loop *loop;
	int client_fd;         /**< non-blocking; taken */
	unsigned client_flags; /**< STREAM_IS_TCP or STREAM_IS_UNIX */
	size_t high_water_mark;
	const struct pair_rules *rules;     /**< must outlive the pair */
	const struct deadline_drain *drain; /**< NULL: not draining; must outlive the pair */
	const struct pair_calls *calls;     /**< must outlive the pair */
};

/** Starts the life of a pair. 0 or a negative errno: the fd is then still the caller's. */
int pair_open(struct pair *pair, const struct pair_opts *opts);

/**
 * Takes the connected upstream and starts to relay; what goes wrong then comes later, through
 * ended(). A negative errno: it cannot be watched, is still the caller's, and the pair not joined.
 */
int pair_join(struct pair *pair, struct stream *upstream);

/** Ends a pair that is not connected: RST to the client, then ended(). */
void pair_refuse(struct pair *pair, struct end end);

/**
 * From now on `drain`, which it borrows for the rest of its life, may end the pair. Again when its
 * deadlines have been made earlier.
 */
void pair_drain(struct pair *pair, const struct deadline_drain *drain);

/** Other timeouts are in force: one that has passed already strikes now. */
void pair_wind_anew(struct pair *pair);

/** Frees streams and timer, without ended(); the memory is the caller's. Idempotent. */
void pair_close(struct pair *pair);

#endif
