/* SPDX-License-Identifier: ISC */
/*
 * Decides what one side of a connection does so that it behaves as in a recording.
 *
 *	playback_heard() ──▶ WAITS ── its time has come ──▶ SEND, FIN, RESET ── playback_done() ─┐
 *	                       ▲  └─ the peer is not as recorded ──▶ DIFFERS                     │
 *	                       └──────────────── nothing is left ──▶ OVER ◀──────────────────────┘
 *
 * Each action waits until the peer has done what it did before this action in the recording, and
 * until the recorded times since this side's last action and since the peer's last action have
 * passed. So an answer follows its question even if the question takes longer now. No I/O: time is
 * an argument.
 */
#ifndef WEIR_LAB_PLAYBACK_H
#define WEIR_LAB_PLAYBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/recording.h"

enum {
	PLAYBACK_PATIENCE_S = 30, /**< if the peer is later than recorded by this, it DIFFERS */
	PLAYBACK_TEXT_MAX = 160,
};

enum playback_act {
	PLAYBACK_WAITS, /**< wait until wake_ns or the next playback_heard() */
	PLAYBACK_SEND,  /**< send playback_bytes() bytes */
	PLAYBACK_FIN,
	PLAYBACK_RESET,
	PLAYBACK_OVER,    /**< all was as recorded */
	PLAYBACK_DIFFERS, /**< playback_difference() says how */
};

struct playback {
	const struct recording *recording; /**< borrowed */
	enum direction mine;
	size_t next;        /**< index of the next event */
	uint64_t done_ns;   /**< when this side last did something */
	uint64_t done_at;   /**< the recorded time of that */
	uint64_t heard_ns;  /**< when the peer had done all of its events before `next` */
	uint64_t heard_at;  /**< the recorded time of that */
	uint64_t waited_ns; /**< since when it waits for the peer; NS_NEVER: it does not */
	uint64_t wake_ns;
	uint64_t n_needed; /**< bytes that the peer must have sent before `next` */
	uint64_t n_heard;
	uint64_t n_total; /**< all bytes of the peer in the recording */
	bool has_fin;     /**< the peer has sent its FIN */
	bool has_reset;
};

/** Begins, when the connection is established. */
void playback_begin(struct playback *playback, const struct recording *recording,
	enum direction mine, uint64_t now_ns);

/** Call it for everything that the peer does. */
void playback_heard(struct playback *playback, enum recorded kind, size_t n);

/** What this side has to do now. */
enum playback_act playback_look(struct playback *playback, uint64_t now_ns);

/** For PLAYBACK_SEND: how many bytes to send. */
uint32_t playback_bytes(const struct playback *playback);

/** Call it when the action of playback_look() was done. */
void playback_done(struct playback *playback, uint64_t now_ns);

/** How the peer differed from the recording, for people. Returns `text`. */
const char *playback_difference(const struct playback *playback, char text[PLAYBACK_TEXT_MAX]);

/** The byte at this offset of a direction: a pattern, so that lost or reordered bytes are
 * noticed. */
static inline uint8_t playback_byte(uint64_t at)
{
	enum { PRIME = 251 };

	return (uint8_t)(at % PRIME);
}

#endif
