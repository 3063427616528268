/* SPDX-License-Identifier: ISC */
/* The inside of a pair, shared by pair.c (the life), pair_look.c (what the kernels hold) and
 * pair_reset.c (one side failed). */
#ifndef WEIR_PROXY_PAIR_PRIVATE_H
#define WEIR_PROXY_PAIR_PRIVATE_H

#include "proxy/pair.h"

/* ---- pair.c ---- */

/** FIN to both sides, or RST to both: a cut transfer must never look complete. */
void pair_finish(struct pair *pair, bool reset, struct end end);

/** The socket to the side may be closed next: tells parting(), if it has not been told. */
void pair_part_from(struct pair *pair, enum pair_side side);

/* ---- pair_look.c ---- */

/** Looks how much the kernels hold for the peers of a relaying pair, and notes what moved. */
void pair_look(struct pair *pair);

/** When to look again while `deadline` has not come; NS_NEVER: nothing is held, or bytes moved. */
uint64_t pair_look_ns(const struct pair *pair, const struct deadline *deadline);

/** The last look at bytes that a kernel holds for a peer; 0: it saw none, or there was none. */
uint64_t pair_held_ns(const struct pair *pair);

/** When we last moved a byte, either way. */
uint64_t pair_relayed_ns(const struct pair *pair);

/* ---- pair_reset.c ---- */

/** A side failed: nothing is written to it any more, what it sent goes on to the other. */
void pair_reset(struct pair *pair, enum pair_side side);

/** Resets the survivor if all that the failed side sent is out; else looks again later. */
void pair_reset_look(struct pair *pair);

/** Resets the survivor, whatever is left. */
void pair_reset_finish(struct pair *pair);

/** When to look again. */
uint64_t pair_reset_look_ns(const struct pair *pair);

/** Since when the survivor has taken nothing of it. */
uint64_t pair_reset_stalled_ns(const struct pair *pair);

#endif
