/* SPDX-License-Identifier: ISC */
/*
 * The limits of listeners, found by the listeners' names, whatever config they come from. One lives
 * as long as anybody holds it: a config that has the name, or a pair that counts under it. So a
 * listener that a reload took out, and a later one put back, still counts its old pairs.
 */
#ifndef WEIR_PROXY_LIMITS_H
#define WEIR_PROXY_LIMITS_H

#include <stdint.h>

#include "base/registry.h"
#include "proxy/limit.h"

/** The limit of that name, with one more reference; a new one has this maximum. NULL: no memory.
 * The main thread. */
struct limit *limits_get(struct registry *limits, const char *name, uint32_t max);

/** Gives a reference back; with the last one nothing may be taken of it. NULL is fine. */
void limits_put(struct limit *limit);

#endif
