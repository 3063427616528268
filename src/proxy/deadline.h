/* SPDX-License-Identifier: ISC */
/*
 * Which of a session's timers is due next, as a pure function of what happened.
 *
 *	timer		runs				counts from
 *	connect		while connecting, and in a pair	the start of the attempt (connector.h);
 *			until the SYN is answered that	the join
 *			took its first bytes along
 *	preface		while the first bytes of the	accept
 *			client are looked at
 *	queue		in the queue of a group		when it entered that
 *	write_stall	while bytes wait in weir	the last byte taken, or the first to wait
 *	half_close	from the first FIN passed on,	that FIN, or the last byte after it
 *			while nothing waits
 *	half_close_max	from the first FIN passed on	that FIN
 *	first_byte	until the client has sent	the join
 *			a byte or its FIN
 *	idle_client	until the client's FIN,		the last byte from it, the join, or when
 *			while it is read		it was read again
 *	idle_upstream	until the upstream's FIN,	likewise
 *			while it is read
 *	idle		until the first FIN passed on,	the last byte moved either way
 *			while nothing waits
 *	lifetime	always				accept; before its grace is over it waits
 *							for a quiet second
 *	drain		while the process drains	the drain's start or the last byte (idle
 *							pairs first), or an absolute deadline
 *
 * There is no event when a peer takes bytes that a kernel holds for it, so the caller looks again
 * and again until the timer is due; struct deadline says which silence it waits for.
 *
 * The earliest deadline wins; equal ones in the order of the list. What would have been due before
 * the timeouts were in force is due at that moment.
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

/** For so long no byte must have moved before a pair counts as quiet. */
#define QUIET_NS ((uint64_t)NS_PER_S)

/** How the process drains; the same for all its pairs. */
struct deadline_drain {
	uint64_t start_ns;      /**< from here on idle pairs are ended */
	uint64_t idle_first_ns; /**< the silence that makes a pair idle; NS_NEVER: none is */
	uint64_t end_ns;        /**< when the last pair is ended; NS_NEVER: never */
	uint64_t spread_ns;     /**< so long before that the first of the rest is ended */
	uint64_t spares_ns;     /**< sessions accepted from then on are not ended; 0: all are */
};

/** What happened so far; times are clock_ns(), NS_NEVER where it has not happened. */
struct deadline_facts {
	uint64_t accepted_ns;
	uint64_t looking_ns; /**< its first bytes are looked at: that from which this counts */
	uint64_t early_ns;   /**< it was joined before the SYN was answered; 0: it was not */
	uint64_t queued_ns;  /**< it entered the queue in which it waits */
	/** The last byte either way, moved by us or seen to be taken by a peer, when a rate last
	 * let us read on, or when relaying began. NS_NEVER before. */
	uint64_t moved_ns;
	uint64_t stalled_ns; /**< bytes wait and none was taken since then; NS_NEVER: none waits */
	bool is_throttled;   /**< a rate holds bytes back */
	uint64_t fin_ns;     /**< the first FIN was passed on */
	uint64_t awaited_ns; /**< the join, until the client's first byte or FIN has come */
	/** Of each side: since when it has sent nothing although it was read. NS_NEVER: it is not
	 * read, or has finished. */
	uint64_t silent_ns[SIDES];
	/** When a kernel was last seen to hold bytes for a peer, none of which were seen to be
	 * taken since. 0: none does. */
	uint64_t held_ns;
	const struct deadline_drain *drain; /**< NULL: the process does not drain */
	/** Since when the timeouts are in force: nothing is due before. 0: since ever. */
	uint64_t since_ns;
};

struct deadline {
	uint64_t at_ns; /**< NS_NEVER: none */
	enum deadline_kind kind;
	/** How long nothing must move for it to come due; NS_NEVER: it comes whatever moves. */
	uint64_t silence_ns;
};

struct deadline deadline_next(
	const struct conf_timeouts *timeouts, const struct deadline_facts *facts);

/** When each timer is due, by its kind; NS_NEVER: it does not run. The earliest is the next. */
void deadline_all(const struct conf_timeouts *timeouts, const struct deadline_facts *facts,
	uint64_t ret_at_ns[DEADLINE_KINDS]);

/**
 * When the drain ends a pair that never falls silent: a point of its own in `spread_ns` up to
 * `end_ns`, by when it was accepted, so that thousands do not end at one instant.
 */
uint64_t deadline_drain_ns(const struct deadline_drain *drain, uint64_t accepted_ns);

/** When a pair's `lifetime` is over, with its share of the spread, which is found likewise. */
uint64_t deadline_lifetime_ns(const struct conf_timeouts *timeouts, uint64_t accepted_ns);

/** The timer's name in the config and the log. */
const char *deadline_name(enum deadline_kind kind);

#endif
