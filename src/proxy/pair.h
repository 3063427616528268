/* SPDX-License-Identifier: ISC */
/*
 * A client and an upstream stream that are connected, and the two pumps between them.
 *
 *	pair_start(client, upstream) ──▶ RELAYING ──────────────────▶ ENDED
 *	                                    │                           ▲
 *	                                    └─ a side failed ──▶ RESETTING
 *
 * There is no pair before: a client that waits for its upstream is the session's (session.h).
 *
 * RESETTING: what the failed side sent is still delivered, then the other side's send queue in the
 * kernel empties (SIOCOUTQ, looked at with a growing interval, because no event tells), then the
 * other side is reset: a linger of zero throws away what is unsent, hence the order. The wait ends
 * when the other side takes nothing for PAIR_RESET_STALL_S or write_stall, and with lifetime and
 * drain.
 *
 * The pair owns both streams, which have no timeouts of their own, and winds the clock of its
 * session by the last byte moved on either. When a timer strikes it looks at the kernel once more
 * before it judges; then both streams emit TIMEOUT and are closed.
 *
 * What a kernel holds for a peer moves without an event. So a timer that comes due looks at it: the
 * first look that finds bytes begins the count anew, more follow every eighth of the timer, and
 * each that finds fewer bytes than the one before is movement (pair_look.c).
 */
#ifndef WEIR_PROXY_PAIR_H
#define WEIR_PROXY_PAIR_H

#include "proto/span.h"
#include "proxy/end.h"
#include "proxy/session_clock.h"
#include "proxy/side.h"
#include "proxy/throttle.h"
#include "stream/pump.h"

enum pair_state {
	PAIR_NONE, /**< zeroed: not started */
	PAIR_RELAYING,
	PAIR_RESETTING,
	PAIR_ENDED,
};

enum { PAIR_RESET_STALL_S = 30 };

struct pair;

/** A pair's calls to its owner: each at most once, never from inside a call of its functions. */
struct pair_calls {
	/** The first FIN was passed on. Must not touch the pair. */
	void (*half_closed)(struct pair *pair);
	/** The upstream's first byte, or its end, has come. Must not touch the pair. May be NULL:
	 * nobody asks. */
	void (*answered)(struct pair *pair);
	/** The last moment at which the socket of a side can be asked (TCP_INFO): it is open still.
	 * Once for each side, when it has failed or else just before it is closed; not of a UNIX
	 * socket, nor by pair_close(). Must not touch the pair. May be NULL: nobody asks. */
	void (*parting)(struct pair *pair, enum pair_side side);
	/** Both streams are closed. The owner then calls pair_close(), maybe at once, but keeps the
	 * memory until the end of the turn. */
	void (*ended)(struct pair *pair, struct end end);
};

/** The rates of a pair, by the side from which the bytes come. */
struct pair_throttles {
	struct throttle from[SIDES];
	struct pair *pair;
};

struct pair {
	struct session_clock *clock;    /**< borrowed */
	const struct pair_calls *calls; /**< borrowed */
	struct {
		struct pump pump; /**< from the stream to this side to that of the other */
		/** When its peer last took bytes that its kernel holds, as the looks have shown;
		 * 0: they have not. */
		uint64_t progress_ns;
	} sides[SIDES];
	uint32_t held[SIDES];             /**< how much that was at the last look */
	struct pair_throttles *throttles; /**< borrowed; NULL: it has no rates */
	uint64_t joined_ns;               /**< when it started */
	uint64_t fin_ns;                  /**< when the first FIN was passed on; NS_NEVER: none */
	uint64_t looked_ns; /**< the last look at what the kernels hold; 0: none yet */
	enum pair_state state : 8;
	enum pair_side first_fin : 4; /**< whose FIN came first */
	enum pair_side failed : 4;    /**< RESETTING: the side that failed */
	uint8_t parted;               /**< an OR of 1 << side: parting() was called */
	bool is_early;                /**< the SYN is not answered, as far as is known */
	uint8_t look_ms;              /**< RESETTING: the interval of looks */
};

struct pair_opts {
	struct stream *client;   /**< taken; watched, not started, without a timeout */
	struct stream *upstream; /**< taken: connected */
	struct span first;       /**< of the client, taken from its stream before; for the call */
	struct session_clock *clock;    /**< whose strikes go to pair_strike(); outlives the pair */
	const struct pair_calls *calls; /**< must outlive the pair */
	/** Room for its rates, which outlives the pair, and these, 0: none. NULL: it has none. */
	struct pair_throttles *throttles;
	uint64_t bytes_a_second[SIDES];
	/** The upstream may not have answered the SYN yet: timeouts.connect bounds that, and what
	 * fails before its first byte is a connect that failed. */
	bool may_be_early;
};

/**
 * Starts to relay; what goes wrong then comes later, through ended(). A negative errno: the
 * upstream cannot be watched, or there is no memory; both streams are still the caller's, and the
 * pair is zeroed.
 */
int pair_start(struct pair *pair, const struct pair_opts *opts);

/** Winds the clock, of which something else has changed: what is due already strikes soon. */
void pair_wind(struct pair *pair);

/** What has happened so far, for its deadlines; while it has its streams. */
struct deadline_facts pair_facts(const struct pair *pair);

/** The clock has struck. */
void pair_strike(struct pair *pair);

/** Ends a pair that relays as its lifetime would, in this way. Emits, so only from a task. */
void pair_end(struct pair *pair, struct end end);

/** The stream to a side. */
static inline struct stream *pair_stream(const struct pair *pair, enum pair_side side)
{
	return pair->sides[side].pump.from;
}

/** Whether there is, or was, a pair; and whether one of its sides has finished. */
static inline bool pair_is_joined(const struct pair *pair)
{
	return pair->state != PAIR_NONE;
}

/** Bytes from this side that the other one's kernel has taken; 0 for a pair that is not joined. */
static inline uint64_t pair_bytes(const struct pair *pair, enum pair_side from)
{
	return pair_is_joined(pair) ? pump_bytes(&pair->sides[from].pump) : 0;
}

static inline bool pair_is_half_closed(const struct pair *pair)
{
	return pair_is_joined(pair) && pair->fin_ns != NS_NEVER;
}

/**
 * Whether the upstream, which has failed, did so before its first byte, and before anything of the
 * client had gone to it: neither a byte nor a FIN. Until pair_close().
 */
bool pair_was_refused(const struct pair *pair);

/** Whether the upstream has failed, or was given up, while it was not known to be connected
 * (pair_opts::may_be_early). Until pair_close(). */
bool pair_was_early(const struct pair *pair);

/**
 * Frees the streams, without ended(); strikes are not heard from then on. Idempotent, also on a
 * zeroed pair.
 */
void pair_close(struct pair *pair);

#endif
