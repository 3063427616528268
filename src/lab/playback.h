/* SPDX-License-Identifier: ISC */
/*
 * One side of a recording, as it is played again.
 *
 *	playback_heard() ──▶ WAITS ── its time has come ──▶ SEND, FIN, RESET ── playback_done() ─┐
 *	                       ▲  └─ the peer is not as recorded ──▶ DIFFERS                     │
 *	                       └──────────────── nothing is left ──▶ OVER ◀──────────────────────┘
 *
 * What this side does comes no earlier after what it did before, nor after what the peer did before
 * it, than recorded; and not before the peer has done that: so an answer is behind its question,
 * also where that takes longer now. Pure: time is an argument.
 */
#ifndef WEIR_LAB_PLAYBACK_H
#define WEIR_LAB_PLAYBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/recording.h"

enum { PLAYBACK_PATIENCE_S = 30, PLAYBACK_TEXT_MAX = 160 };

enum playback_act {
	PLAYBACK_WAITS, /**< until wake_ns, or until something is heard */
	PLAYBACK_SEND,  /**< as many bytes as playback_bytes() says */
	PLAYBACK_FIN,
	PLAYBACK_RESET,
	PLAYBACK_OVER,    /**< all was as recorded */
	PLAYBACK_DIFFERS, /**< playback_difference() says how */
};

struct playback {
	const struct recording *recording; /**< borrowed */
	enum direction mine;
	size_t next;        /**< event */
	uint64_t done_ns;   /**< when this side did something last, */
	uint64_t done_at;   /**< and when that was recorded */
	uint64_t heard_ns;  /**< when the peer had done what stands before `next`, */
	uint64_t heard_at;  /**< and when that was recorded */
	uint64_t waited_ns; /**< since when it waits for the peer; NS_NEVER: it does not */
	uint64_t wake_ns;
	uint64_t n_needed; /**< bytes of the peer before `next` */
	uint64_t n_heard;
	uint64_t n_total; /**< bytes of the peer, as recorded */
	bool has_fin;     /**< of the peer */
	bool has_reset;
};

/** Begins: the connection is there. */
void playback_begin(struct playback *playback, const struct recording *recording,
	enum direction mine, uint64_t now_ns);

/** What the peer did. */
void playback_heard(struct playback *playback, enum recorded kind, size_t n);

/** What is to be done now. */
enum playback_act playback_look(struct playback *playback, uint64_t now_ns);

/** Of SEND. */
uint32_t playback_bytes(const struct playback *playback);

/** What was to be done has been. */
void playback_done(struct playback *playback, uint64_t now_ns);

/** Why it differs, for people. */
const char *playback_difference(const struct playback *playback, char text[PLAYBACK_TEXT_MAX]);

/** The byte at this place of a direction: so bytes that were lost or changed places are seen. */
static inline uint8_t playback_byte(uint64_t at)
{
	enum { PRIME = 251 };

	return (uint8_t)(at % PRIME);
}

#endif
