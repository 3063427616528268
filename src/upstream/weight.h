/* SPDX-License-Identifier: ISC */
/*
 * What share of the new pairs a server has now: its weight, by the config or by an administrator,
 * unless a state speaks against it; and of that a part while it starts slowly. The main thread.
 *
 * A server that comes up again gets its weight in WEIGHT_STEPS equal steps in the course of
 * slow_start: a tenth at once, all of it in the last tenth of the time. A server that is there
 * when weir starts, or that a config adds, has no slow start: it is wanted at once.
 */
#ifndef WEIR_UPSTREAM_WEIGHT_H
#define WEIR_UPSTREAM_WEIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/server.h"

enum {
	WEIGHT_STEPS = 10,
	WEIGHT_SUM_FINE = 16384, /**< of all choices: above it, steps of a weight are rounded up */
};

/** Its weight when it has started; 0: it is not usable, but for an ejection (set.h). */
uint32_t weight_of(const struct member *member);

/** How many of WEIGHT_STEPS of that weight it has now. */
uint32_t weight_step(const struct member *member, uint64_t slow_start_ns, uint64_t now_ns);

#endif
