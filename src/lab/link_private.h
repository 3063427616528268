/* SPDX-License-Identifier: ISC */
/* What link.c and link_way.c share. Private to lab/. */
#ifndef WEIR_LAB_LINK_PRIVATE_H
#define WEIR_LAB_LINK_PRIVATE_H

#include "lab/link.h"

/** Begins to move bytes, by a pump or a chain. 0 or a negative errno. */
int way_start(struct link_way *way, enum direction direction);

/** Moves nothing any more; what was written to `to` goes out. Idempotent. */
void way_stop(struct link_way *way);

/** Both ways are pumps again where nothing is left to do for a chain. */
void way_relax(struct link_way *way);

/** Lets the chains run, and judges what came out of them. May free the link. */
void link_run(struct link *link);

/** `survivor` gets what was written to it, and a reset. May free the link. */
void link_reset(struct link *link, struct stream *survivor);

/** Both FINs have passed: closes when all is out. May free the link. */
void link_flush(struct link *link);

/** Closes both ways, after what was written. */
void link_drop(struct link *link);

/** Resets both sides and frees. */
void link_abort(struct link *link);

#endif
