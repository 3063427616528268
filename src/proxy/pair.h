/* SPDX-License-Identifier: ISC */
/*
 * A pair is a client stream and an upstream stream, both connected, with a pump for each direction.
 *
 *	pair_start(client, upstream) ──▶ RELAYING ──────────────────▶ ENDED
 *	                                    │                           ▲
 *	                                    └─ a side failed ──▶ RESETTING
 *
 * Before the upstream is connected there is no pair: the session has the client's stream
 * (session.h).
 *
 * RESETTING: first weir delivers what the failed side has sent. Then it waits until the other
 * side's send queue in the kernel is empty (SIOCOUTQ, polled at a growing interval, because there
 * is no event for it). Then it resets the other side. That comes last because a close with a linger
 * of zero discards unsent bytes. The wait also ends when the other side takes nothing for
 * PAIR_RESET_STALL_S or for write_stall, and when half_close_max, lifetime or drain is due. In each
 * case the pair's end is the failure of the first side, not a timer.
 *
 * The pair owns both streams, which have no timeouts of their own. It winds the clock of its
 * session by the last byte that moved on either stream. When the clock strikes, the pair looks at
 * the sockets once more before it decides that a timer has expired. Then both streams emit TIMEOUT
 * and are closed.
 *
 * There is no event when a peer takes bytes that the kernel holds for it. So when a timer is due,
 * the pair looks how many bytes the kernel holds. If the first look finds any, timers that have a
 * deadline::silence_ns begin anew; not so write_stall, which already counts from when the kernel
 * was full. Further looks follow at every eighth of silence_ns, and if one finds fewer bytes than
 * the look before, that counts as movement (pair_look.c).
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

/** Callbacks to the owner of the pair. Each is called at most once, but parting() for each side.
 * They are called by the loop, or from inside pair_strike() and pair_end(), but from inside no
 * other function of this header. */
struct pair_calls {
	/** The first FIN was passed on. Must not touch the pair. */
	void (*half_closed)(struct pair *pair);
	/** The upstream's first byte or its FIN has come. Must not touch the pair. May be NULL. */
	void (*answered)(struct pair *pair);
	/** The last moment at which TCP_INFO of a side can be read: its socket is still open.
	 * Called once for each side, when it has failed or else just before it is closed; not for
	 * UNIX sockets, and not by pair_close(). Must not touch the pair. May be NULL. */
	void (*parting)(struct pair *pair, enum pair_side side);
	/** Both streams are closed. The owner must call pair_close(), which it may do in this
	 * callback, and must keep the memory of the pair until the end of this turn of the loop. */
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
		struct pump pump; /**< from this side's stream to the other side's */
		/** When a look last showed that the peer had taken bytes from the kernel, or began
		 * the timers anew, or when RESETTING began; 0: none of these. After a first look
		 * while bytes wait in weir: when bytes last reached the peer. */
		uint64_t progress_ns;
	} sides[SIDES];
	uint32_t held[SIDES]; /**< the bytes that the kernel held for each side at the last look */
	struct pair_throttles *throttles; /**< borrowed; NULL: it has no rates */
	uint64_t joined_ns;               /**< when pair_start() was called */
	uint64_t fin_ns;                  /**< when the first FIN was passed on; NS_NEVER: none */
	uint64_t looked_ns;               /**< when the kernel was last looked at; 0: not yet */
	enum pair_state state : 8;
	enum pair_side first_fin : 4; /**< whose FIN came first */
	enum pair_side failed : 4;    /**< RESETTING: the side that failed */
	uint8_t parted;               /**< bits 1 << side: parting() was called for that side */
	bool is_early;                /**< the upstream was not seen to have answered the SYN */
	uint8_t look_ms;              /**< RESETTING: the interval of looks */
};

struct pair_opts {
	struct stream *client;   /**< taken; it must be watched, not started, and have no timeout */
	struct stream *upstream; /**< taken; connected */
	struct span first; /**< bytes already read from the client; borrowed during the call */
	/** Outlives the pair; when it strikes, its owner calls pair_strike(). */
	struct session_clock *clock;
	const struct pair_calls *calls; /**< must outlive the pair */
	/** Memory for the rates, which outlives the pair; NULL: the pair has no rates. The rates
	 * are in bytes_a_second, by the side that sends; 0: none. */
	struct pair_throttles *throttles;
	uint64_t bytes_a_second[SIDES];
	/** The upstream may not have answered the SYN yet. Then timeouts.connect bounds the wait
	 * for the answer. If the upstream is lost before its first byte, ended() reports END_LOST
	 * as usual, and pair_was_early() tells the owner that it was a failed connect. */
	bool may_be_early;
};

/**
 * Starts to relay. 0: a later failure is reported by ended(). A negative errno: the upstream cannot
 * be watched, or there is no memory; the caller still owns both streams, and the pair is zeroed.
 */
int pair_start(struct pair *pair, const struct pair_opts *opts);

/** Winds the clock again after its timeouts or its drain have changed. If a timer is already due,
 * the clock strikes soon. */
void pair_wind(struct pair *pair);

/** What has happened so far, for the deadlines. Only before pair_close(). */
struct deadline_facts pair_facts(const struct pair *pair);

/** To be called when the clock has struck. May call back, ended() included, as pair_end() does. */
void pair_strike(struct pair *pair);

/** Ends a relaying pair in the way in which its lifetime would, but with this `end`. Calls back, so
 * it must be called from a task. */
void pair_end(struct pair *pair, struct end end);

/** The stream to a side. */
static inline struct stream *pair_stream(const struct pair *pair, enum pair_side side)
{
	return pair->sides[side].pump.from;
}

/** Whether pair_start() has succeeded. */
static inline bool pair_is_joined(const struct pair *pair)
{
	return pair->state != PAIR_NONE;
}

/** The bytes from this side that the kernel has taken for the other side; 0 if the pair is not
 * joined. */
static inline uint64_t pair_bytes(const struct pair *pair, enum pair_side from)
{
	return pair_is_joined(pair) ? pump_bytes(&pair->sides[from].pump) : 0;
}

static inline bool pair_is_half_closed(const struct pair *pair)
{
	return pair_is_joined(pair) && pair->fin_ns != NS_NEVER;
}

/**
 * For an upstream that has failed: whether it failed before its first byte, and before weir had
 * sent it a byte of the client. Until pair_close().
 */
bool pair_was_refused(const struct pair *pair);

/** Whether the upstream is not known to be connected (pair_opts::may_be_early): it has sent
 * nothing, and was not seen to have answered the SYN. After the end: whether that was so then.
 * Until pair_close(). */
bool pair_was_early(const struct pair *pair);

/**
 * Frees the streams, without ended(). From then on pair_strike() does nothing. Idempotent, also on
 * a zeroed pair.
 */
void pair_close(struct pair *pair);

#endif
