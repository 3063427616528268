/* SPDX-License-Identifier: ISC */
/* Private to the implementation of a pair: pair.c (start, relaying, end), pair_look.c (what the
 * kernel holds) and pair_reset.c (RESETTING). */
#ifndef WEIR_PROXY_PAIR_PRIVATE_H
#define WEIR_PROXY_PAIR_PRIVATE_H

#include "proxy/pair.h"

/* ---- pair.c ---- */

/** Ends the pair with FIN to both sides, or RST to both: a transfer that was cut off must not look
 * complete to either. */
void pair_finish(struct pair *pair, bool reset, struct end end);

/** Calls parting() for the side, unless that was done: its socket may be closed next. */
void pair_part_from(struct pair *pair, enum pair_side side);

/** Whether a rate holds back bytes of this side that were read before the pair began. */
bool pair_keeps(const struct pair *pair, enum pair_side from);

/* ---- pair_look.c ---- */

/** Looks how many bytes the kernel holds for the peers of a relaying pair, and notes what has
 * moved. */
void pair_look(struct pair *pair);

/** When to look again before `deadline`. NS_NEVER: no look is needed, because the deadline is due
 * whatever moves, the kernel holds nothing, or bytes have moved since the last look (write_stall:
 * for the side that is stalled). */
uint64_t pair_look_ns(const struct pair *pair, const struct deadline *deadline);

/** When the last look found bytes that the kernel holds for a peer; 0: it found none, or there was
 * no look. */
uint64_t pair_held_ns(const struct pair *pair);

/** When weir last moved a byte, in either direction; if it has moved none: when the pair was
 * joined. */
uint64_t pair_relayed_ns(const struct pair *pair);

/* ---- pair_reset.c ---- */

/** Call it when a side has failed: nothing is written to it any more, and what it has sent is still
 * passed on to the other side. */
void pair_reset(struct pair *pair, enum pair_side side);

/** Resets the other side (the survivor) if the kernel has sent it all that came from the failed
 * side; otherwise looks again later. */
void pair_reset_look(struct pair *pair);

/** Resets the survivor, whatever is left. */
void pair_reset_finish(struct pair *pair);

/** When pair_reset_look() is to be called again. */
uint64_t pair_reset_look_ns(const struct pair *pair);

/** Since when the survivor has taken none of the bytes that came from the failed side. */
uint64_t pair_reset_stalled_ns(const struct pair *pair);

#endif
