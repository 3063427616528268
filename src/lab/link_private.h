/* SPDX-License-Identifier: ISC */
/* What link.c and link_way.c share. Private to lab/. */
#ifndef WEIR_LAB_LINK_PRIVATE_H
#define WEIR_LAB_LINK_PRIVATE_H

#include "lab/link.h"

/** Starts to relay a direction, by a pump or a chain. 0 or a negative errno. */
int way_start(struct link_way *way, enum direction direction);

/** Stops relaying; what was already written to `to` is still sent. Idempotent. */
void way_stop(struct link_way *way);

/** Replaces the chain of a direction by a pump if the chain has nothing left to do. */
void way_relax(struct link_way *way);

/** Runs the chains, and acts on the ends that came out of them. May free the link. */
void link_run(struct link *link);

/** Resets `survivor` after what was written to it was delivered. May free the link. */
void link_reset(struct link *link, struct stream *survivor);

/** Call it when both FINs were passed on: closes when everything is sent. May free the link. */
void link_flush(struct link *link);

/** Closes both directions after what was written is sent. */
void link_drop(struct link *link);

/** Resets both sides and frees the link. */
void link_abort(struct link *link);

#endif
