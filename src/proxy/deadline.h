/* SPDX-License-Identifier: ISC */
/*
 * Which of a session's timers is due next, as a pure function of what happened.
 *
 *	timer		runs				counts from
 *	connect		in a pair whose SYN may carry	the join
 *			bytes, until it is answered
 *	preface		while the first bytes of the	accept
 *			client are looked at
 *	queue		in the queue of a group		its entry into the queue
 *	write_stall	while bytes wait in weir	the last byte taken, or the first that
 *							had to wait
 *	half_close	from the first FIN passed on,	that FIN, or the last byte after it
 *			while nothing waits
 *	half_close_max	from the first FIN passed on	that FIN
 *	first_byte	until the client has sent	the join
 *			a byte or its FIN
 *	idle_client	until the client's FIN,		the last byte from it, the join, or the
 *			while weir reads it		end of a pause in reading
 *	idle_upstream	until the upstream's FIN,	likewise
 *			while weir reads it
 *	idle		until the first FIN passed on,	the last byte moved in either direction
 *			while nothing waits
 *	lifetime	always				accept; then, during lifetime_grace, it
 *							also needs a quiet second
 *	drain		while the process drains	for idle pairs the drain's start or the
 *							last byte; for others an absolute time
 *
 * The join is the start of the pair (pair.h). While a session connects, `connect` is a timer of its
 * connector (connector.h). The functions below do not know that timer.
 *
 * No event reports that a peer has taken bytes which the kernel holds for it. So when a timer is
 * due, the caller first looks at the sockets. A timer that has a deadline::silence_ns expires only
 * if nothing has moved for that long.
 *
 * The earliest deadline wins; among equal ones the first in this list. A deadline that lies before
 * the moment at which the timeouts came into force is due at that moment.
 */
#ifndef WEIR_PROXY_DEADLINE_H
#define WEIR_PROXY_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "proxy/side.h"

/** In the order that decides between equal deadlines. */
enum deadline_kind {
	DEADLINE_CONNECT,
	DEADLINE_PREFACE,
	DEADLINE_QUEUE,
	DEADLINE_WRITE_STALL,
	DEADLINE_HALF_CLOSE,
	DEADLINE_HALF_CLOSE_MAX,
	DEADLINE_FIRST_BYTE,
	DEADLINE_IDLE_CLIENT,
	DEADLINE_IDLE_UPSTREAM,
	DEADLINE_IDLE,
	DEADLINE_LIFETIME,
	DEADLINE_DRAIN,
	DEADLINE_KINDS,
	DEADLINE_NONE = DEADLINE_KINDS,
};

/** A pair counts as quiet when no byte has moved for this long. */
#define QUIET_NS ((uint64_t)NS_PER_S)

/** How the process drains; all its pairs share this. */
struct deadline_drain {
	uint64_t start_ns;      /**< from here on idle pairs are ended */
	uint64_t idle_first_ns; /**< a pair with no byte for this long is idle; NS_NEVER: none is */
	uint64_t end_ns;        /**< when the last pair is ended; NS_NEVER: not ended */
	/** The pairs that are not idle are ended one by one during this time before end_ns. */
	uint64_t spread_ns;
	/** Sessions that are accepted from then on are not ended. 0: all sessions are ended. */
	uint64_t spares_ns;
};

/** What has happened so far. Times are of clock_ns(); NS_NEVER: it has not happened. */
struct deadline_facts {
	uint64_t accepted_ns;
	/** When the time for its first bytes began; NS_NEVER: they are not looked at. */
	uint64_t looking_ns;
	/** When it was joined, while it is not known that the SYN was answered; otherwise 0. */
	uint64_t early_ns;
	uint64_t queued_ns; /**< when it entered the queue in which it waits */
	/** When the latest of these happened: weir moved a byte; a look at the kernel showed that a
	 * peer had taken bytes; a look at the kernel made the timers begin anew (pair.h); a rate
	 * let weir read again; relaying began; RESETTING began. NS_NEVER before relaying. */
	uint64_t moved_ns;
	/** Since when bytes have waited without any being taken; NS_NEVER: none wait. */
	uint64_t stalled_ns;
	bool is_throttled; /**< a rate holds bytes back */
	uint64_t fin_ns;   /**< when the first FIN was passed on */
	/** When it was joined; NS_NEVER once the client's first byte or FIN has come. */
	uint64_t awaited_ns;
	/** For each side: since when it has sent nothing although weir reads it. NS_NEVER: weir
	 * does not read it, or it has sent its FIN. */
	uint64_t silent_ns[SIDES];
	/** When the kernel was last looked at, if it held bytes for a peer then. 0: it held none,
	 * or no look was taken. */
	uint64_t held_ns;
	const struct deadline_drain *drain; /**< NULL: the process does not drain */
	/** Since when the timeouts are in force: nothing is due before that. 0: always. */
	uint64_t since_ns;
};

struct deadline {
	uint64_t at_ns; /**< NS_NEVER: none */
	enum deadline_kind kind;
	/** For a timer that begins anew when a peer takes bytes from the kernel: the silence after
	 * which it is due. NS_NEVER for all other timers. */
	uint64_t silence_ns;
};

struct deadline deadline_next(
	const struct conf_timeouts *timeouts, const struct deadline_facts *facts);

/** When each timer is due, by kind; NS_NEVER: it does not run. The earliest is what deadline_next()
 * returns. */
void deadline_all(const struct conf_timeouts *timeouts, const struct deadline_facts *facts,
	uint64_t ret_at_ns[DEADLINE_KINDS]);

/**
 * When the drain ends a pair that is never idle: a point in the `spread_ns` before `end_ns` that
 * depends on `accepted_ns`, so that thousands of pairs do not end at one instant.
 */
uint64_t deadline_drain_ns(const struct deadline_drain *drain, uint64_t accepted_ns);

/** When a pair's `lifetime` is over. A part of lifetime_spread is added, which depends on
 * `accepted_ns`. */
uint64_t deadline_lifetime_ns(const struct conf_timeouts *timeouts, uint64_t accepted_ns);

/** The timer's name in the config and the log. */
const char *deadline_name(enum deadline_kind kind);

#endif
