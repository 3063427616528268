/* SPDX-License-Identifier: ISC */
/* The inside of a pair, shared by pair.c (the life) and pair_reset.c (one side failed). */
#ifndef WEIR_PROXY_PAIR_PRIVATE_H
#define WEIR_PROXY_PAIR_PRIVATE_H

#include "proxy/pair.h"

/* ---- pair.c ---- */

/**
 * Lets the timer strike in time. It is only ever moved forward here: a deadline that activity has
 * put off is found out when the timer strikes.
 */
void pair_wind(struct pair *pair);

/** FIN to both sides, or RST to both: a cut transfer must never look complete. */
void pair_finish(struct pair *pair, bool reset);

/* ---- pair_reset.c ---- */

/** A side failed: nothing is written to it any more, what it sent goes on to the other. */
void pair_reset(struct pair *pair, enum end_by side, int err);

/** Resets the survivor if all that the failed side sent is out; else looks again later. */
void pair_reset_look(struct pair *pair);

/** Since when the survivor has taken nothing of it. */
uint64_t pair_reset_stalled_ns(const struct pair *pair);

#endif
